//! `generate-once`: what equal requests cost, and what a job costs beside the drawing.
//!
//! - A hundred clients send the same request to `/v1/images/generations` at one moment, for JSON and for a stream: the backend is to
//!   be asked once.
//! - A hundred different jobs are posted at one moment to four workers. Without any overhead they would take a quarter of the time
//!   that the backend took for all. Small pictures show the jobs' own cost, 1024x1024 ones the encoder's too.
//!
//! The second pass over stored images is off (`--refine off`).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::commands::{publish, say};
use crate::exchange::{self, Exchange};
use crate::measure::{Spending, milliseconds};
use crate::orbit::Orbit;
use crate::picture;
use crate::results::Measurement;
use crate::table::{Table, figure};

/// As in `ingest`: a PNG of 1024x1024 has about 2 MB.
const NOISE: f64 = 6.0;
const LARGE: u32 = 1024;
const SMALL: u32 = 64;
/// How long the backend draws what everybody wants: all have asked before it is there.
const SAME_DELAY: Duration = Duration::from_secs(1);
const DELAYS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
const WORKERS: usize = 4;
/// The longest that all answers together are waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// How `generate-once` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Equal requests, and then different ones.
    #[arg(long, default_value_t = 100)]
    requests: usize,
    /// Ten of each and the shorter delay, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// What is kept.
#[derive(Debug, Serialize)]
struct Figures {
    same: Vec<Same>,
    distinct: Vec<Distinct>,
}

/// Equal requests at one moment.
#[derive(Debug, Serialize)]
struct Same {
    stream: bool,
    clients: usize,
    backend_calls: usize,
    slowest_ms: f64,
    /// Clients without the picture.
    failed: usize,
}

/// Different jobs at one moment.
#[derive(Debug, Serialize)]
struct Distinct {
    delay_ms: f64,
    side: u32,
    jobs: usize,
    wall_s: f64,
    /// What the backend took for each call, summed.
    backend_s: f64,
    cpu_ms_per_job: f64,
    others_cores: f64,
}

impl Distinct {
    /// What the workers would take if a job were nothing but its drawing.
    fn least_s(&self) -> f64 {
        self.backend_s / WORKERS as f64
    }

    /// How long a worker was held by a job beside its drawing.
    fn overhead_ms(&self) -> f64 {
        1e3 * (self.wall_s - self.least_s()) * WORKERS as f64 / self.jobs as f64
    }
}

/// Asks, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let requests = if arguments.quick { 10 } else { arguments.requests };
    ensure!(requests > 0, "there is nothing to ask");
    let delays = if arguments.quick { &DELAYS[..1] } else { &DELAYS[..] };
    let runtime = Runtime::new()?;
    let mut figures = Figures { same: Vec::new(), distinct: Vec::new() };
    let one = picture::png(LARGE, NOISE, 1)?;
    for stream in [false, true] {
        say(&format!("{requests} equal requests, stream: {stream}"));
        figures.same.push(runtime.block_on(ask_the_same(requests, stream, &one))?);
    }
    for side in [SMALL, LARGE] {
        let pictures = (1..=requests as u64).map(|seed| picture::png(side, NOISE, seed)).collect::<Result<Vec<_>>>()?;
        for delay in delays {
            say(&format!("{requests} jobs, {side}x{side}, the backend takes {delay:?}"));
            figures.distinct.push(runtime.block_on(ask_for_each(&pictures, side, *delay))?);
        }
    }
    let tables =
        [("generate-once", same_table(&figures.same)), ("generate-distinct", distinct_table(&figures.distinct))];
    publish(&Measurement::new("generate-once", tables, &figures)?, arguments.quick)
}

/// A server before this backend, in a folder that goes with it.
fn start(backend: &Backend) -> Result<(Orbit, tempfile::TempDir)> {
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let (base_url, workers) = (backend.base_url(), WORKERS.to_string());
    let flags = ["--openai-base-url", &base_url, "--generation-workers", &workers];
    Ok((Orbit::over("serve", &folder.path().join("store"), &flags, folder.path())?, folder))
}

async fn ask_the_same(clients: usize, stream: bool, picture: &[u8]) -> Result<Same> {
    let backend = Backend::start(&[picture.to_vec()], SAME_DELAY).await?;
    let (serve, _folder) = start(&backend)?;
    let asked = exchange::post("/v1/images/generations", &json!({ "prompt": "picture 0", "stream": stream }));
    let all = exchange::open(exchange::address(&serve.origin)?, clients).await?;
    let (since, mut asking) = (Instant::now(), JoinSet::new());
    for client in all {
        asking.spawn(tokio::time::timeout(PATIENCE, receive(client, asked.clone(), stream)));
    }
    let (mut slowest, mut failed) = (since, 0);
    while let Some(one) = asking.join_next().await {
        match one? {
            Ok(Ok(at)) => slowest = slowest.max(at),
            Ok(Err(error)) => {
                say(&format!("  a client got no picture: {error:#}"));
                failed += 1;
            }
            Err(_) => failed += 1,
        }
    }
    let (backend_calls, slowest_ms) = (backend.calls().len(), milliseconds(slowest - since));
    Ok(Same { stream, clients, backend_calls, slowest_ms, failed })
}

/// Asks for a picture and says when it was there.
async fn receive(mut client: Exchange, asked: Vec<u8>, stream: bool) -> Result<Instant> {
    if !stream {
        client.send(&asked).await?;
        let (head, body) = client.answer().await?;
        let at = Instant::now();
        ensure!(head.status == 200, "{}: {}", head.status, String::from_utf8_lossy(&body[..body.len().min(500)]));
        let all: Value = serde_json::from_slice(&body)?;
        ensure!(all["data"][0]["b64_json"].is_string(), "the answer has no picture");
        return Ok(at);
    }
    client.listen(&asked).await?;
    while let Some(told) = client.next_event().await? {
        match told.name.as_str() {
            "image_generation.completed" => return Ok(told.at),
            "error" => bail!("{}", told.data),
            _ => {}
        }
    }
    bail!("the stream ended without the picture")
}

async fn ask_for_each(pictures: &[Vec<u8>], side: u32, delay: Duration) -> Result<Distinct> {
    let backend = Backend::start(pictures, delay).await?;
    let (serve, _folder) = start(&backend)?;
    let address = exchange::address(&serve.origin)?;
    let mut listener = exchange::open_one(address).await?;
    listener.listen(&exchange::request("GET", "/threads/once/events?after=$")).await?;
    let spending = Spending::begin(&[serve.pid()])?;
    let wall = tokio::time::timeout(PATIENCE, post_all(address, pictures.len(), side, &mut listener)).await;
    let wall = wall.context("the jobs took too long")??;
    let (cpu_ms, others_cores) = spending.end()?;
    let calls = backend.calls();
    ensure!(calls.len() == pictures.len(), "{} calls for {} jobs", calls.len(), pictures.len());
    let took = calls.iter().filter_map(|call| Some(call.answered? - call.begun));
    Ok(Distinct {
        delay_ms: milliseconds(delay),
        side,
        jobs: pictures.len(),
        wall_s: wall.as_secs_f64(),
        backend_s: took.sum::<Duration>().as_secs_f64(),
        cpu_ms_per_job: cpu_ms / pictures.len() as f64,
        others_cores,
    })
}

/// Posts all jobs at one moment, and says how long it took until the last was told to be done.
async fn post_all(address: SocketAddr, jobs: usize, side: u32, listener: &mut Exchange) -> Result<Duration> {
    let clients = exchange::open(address, jobs).await?;
    let (since, mut posting) = (Instant::now(), JoinSet::new());
    for (number, mut client) in clients.into_iter().enumerate() {
        let concept = json!({ "prompt": format!("picture {number}"), "size": format!("{side}x{side}") });
        let asked = exchange::post("/generations", &json!({ "thread_id": "once", "concepts": [concept] }));
        posting.spawn(async move {
            client.send(&asked).await?;
            let (head, _) = client.answer().await?;
            ensure!(head.status == 202, "a job was answered with {}", head.status);
            Ok(())
        });
    }
    // Their answers come long before the last job ends.
    while let Some(posted) = posting.join_next().await {
        posted??;
    }
    let (mut done, mut last) = (0, since);
    while done < jobs {
        let told = listener.next_event().await?.context("the thread's stream ended")?;
        match told.name.as_str() {
            "concepts_generated" => (done, last) = (done + 1, told.at),
            "concept_failed" => bail!("a concept failed: {}", told.data),
            _ => {}
        }
    }
    Ok(last - since)
}

fn same_table(all: &[Same]) -> Table {
    let columns = ["equal requests at one moment", "clients", "backend calls", "at most", "without the picture"];
    let mut table = Table::new(&[&columns[..], &["slowest answer, ms"]].concat());
    for same in all {
        table.push(vec![
            if same.stream { "stream" } else { "JSON" }.to_owned(),
            same.clients.to_string(),
            same.backend_calls.to_string(),
            "1".to_owned(),
            same.failed.to_string(),
            figure(same.slowest_ms),
        ]);
    }
    table
}

fn distinct_table(all: &[Distinct]) -> Table {
    let columns = ["different jobs at one moment, 4 workers", "jobs", "backend takes, ms", "all, s"];
    let more = ["a quarter of the backend's time, s", "overhead a job, ms", "CPU a job, ms"];
    let mut table = Table::new(&[&columns[..], &more].concat());
    for distinct in all {
        table.push(vec![
            format!("{0}x{0} PNG", distinct.side),
            distinct.jobs.to_string(),
            format!("{:.0}", distinct.delay_ms),
            figure(distinct.wall_s),
            figure(distinct.least_s()),
            figure(distinct.overhead_ms()),
            figure(distinct.cpu_ms_per_job),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_is_what_a_worker_does_beside_the_drawing() {
        let distinct = Distinct {
            delay_ms: 100.0,
            side: 64,
            jobs: 100,
            wall_s: 2.6,
            backend_s: 10.0,
            cpu_ms_per_job: 3.0,
            others_cores: 0.0,
        };
        assert!((distinct.overhead_ms() - 4.0).abs() < 1e-9, "{}", distinct.overhead_ms());
        let table = distinct_table(&[distinct]);
        let row = ["64x64 PNG", "100", "100", "2.60", "2.50", "4.00", "3.00"];
        assert_eq!(table.rows[0], row.map(String::from));
    }

    #[test]
    fn a_row_says_how_often_the_backend_was_asked() {
        let same = Same { stream: true, clients: 100, backend_calls: 2, slowest_ms: 1_200.0, failed: 0 };
        assert_eq!(same_table(&[same]).rows[0], ["stream", "100", "2", "1", "0", "1,200"].map(String::from));
    }
}
