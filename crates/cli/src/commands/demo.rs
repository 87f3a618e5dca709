//! `orbit demo`: the first thing that a newcomer sees.
//!
//! 1. A free port, 8000 if it is one, and a folder for the data that goes away with the demo.
//! 2. The same node as `orbit serve`, on threads of its own.
//! 3. Eight concepts, posted as any client would; a line for each that arrives.
//! 4. The page's address; then it serves until Ctrl-C.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use orbit_model::{Access, Concept, Job, JobRequest, ThreadId};

use crate::client::Connection;
use crate::commands::generate::follow::{Follow, News};
use crate::server::{Config, Server};
use crate::wiring::{self, Node};
use crate::{flags, output, page};

/// What the demo draws: style, title, prompt.
const CONCEPTS: [(&str, &str, &str); 8] = [
    ("hero", "Recycle", "a recycling mascot, friendly and round"),
    ("poster", "Night train", "a night train under a paper moon"),
    ("emblem", "Tide", "an emblem for a tidal power station"),
    ("cover", "Small planets", "a book cover about very small planets"),
    ("tile", "Courtyard", "a courtyard of tiles at noon"),
    ("hero", "Lighthouse", "a lighthouse that keeps bees"),
    ("poster", "Harvest", "harvest hills in the last light"),
    ("emblem", "Relay", "an emblem for a relay of messengers"),
];

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The address to listen on; without it port 8000 on loopback, or a free one
    #[arg(long, env = "ORBIT_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Keep the demo's images in this folder; without it they go when the demo ends
    #[arg(long, env = "ORBIT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The thread that the concepts belong to
    #[arg(long, default_value = "demo", value_name = "THREAD")]
    thread: ThreadId,
    #[command(flatten)]
    making: flags::Making,
    #[command(flatten)]
    edge: flags::Edge,
}

impl Demo {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let server = self.bind()?;
        let address = server.address()?;
        anyhow::ensure!(
            address.ip().is_loopback(),
            "the demo has no token, so it listens on loopback only: try 127.0.0.1:0"
        );
        let temporary = match &self.data_dir {
            Some(_) => None,
            None => Some(
                tempfile::Builder::new().prefix("orbit-demo-").tempdir().context("a folder for the demo's images")?,
            ),
        };
        let data_dir = self.data_dir.clone().or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
        let origin = flags::Origin {
            data_dir: data_dir.unwrap_or_default(),
            lending: flags::Lending::default(),
            storage: flags::Storage::default(),
            nodes: flags::Nodes::none(),
            making: self.making.with_demo_only(),
        };
        let node =
            wiring::block_on(Node::serve(&origin, &self.edge, (&Access::loopback_only(), None), page::router()))??;
        let thread = self.thread.clone();
        node.run_beside(server, move || show(address, thread))?;
        Ok(ExitCode::SUCCESS)
    }

    fn bind(&self) -> Result<Server> {
        if let Some(address) = self.listen {
            return Server::bind(Config::at(address));
        }
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Server::bind(Config::at(at(8000))).or_else(|_| Server::bind(Config::at(at(0))))
    }
}

/// Generates the concepts as any client would, and tells of each on standard output.
fn show(address: SocketAddr, thread_id: ThreadId) -> Result<()> {
    let client = Connection::local(address).client();
    output::line(&format!("\n  open  http://{address}/?thread={thread_id}\n"))?;
    output::line("  drawing eight concepts, by a procedure from each prompt's hash; no AI model is asked")?;
    let job: Job = client.json(client.post("/generations").send_json(request(thread_id)))?;
    let mut follow = Follow::new(&client, &job);
    let mut place = 0;
    while let Some(news) = follow.next()? {
        place += 1;
        let told = match news {
            News::Image(image) => format!("{:>10}  {}", output::size(image.bytes), client.url(&image.url)),
            News::Failed { index, message } => format!("concept {} failed: {message}", index + 1),
        };
        output::line(&format!("  {place}/{}  {told}", job.total))?;
    }
    output::line("\n  each is stored once as WebP and served from memory; Ctrl-C ends the demo")
}

fn request(thread_id: ThreadId) -> JobRequest {
    let concept = |(style, title, prompt): (&str, &str, &str)| Concept {
        prompt: prompt.to_owned(),
        style: Some(style.to_owned()),
        title: Some(title.to_owned()),
        model: None,
        size: None,
        seed: None,
    };
    JobRequest::new(thread_id, CONCEPTS.into_iter().map(concept).collect())
}
