//! `orbit edge`: the edge alone, next to the app or in another region.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::flags;
use crate::server::Server;
use crate::wiring::{self, Node};

#[derive(Debug, Args)]
pub(crate) struct Edge {
    /// The image backend: an Orbit origin or any HTTP server, as in http://backend:8000; more than one by repeating it
    #[arg(long, env = "ORBIT_UPSTREAM", required = true, value_delimiter = ',', value_name = "URL")]
    upstream: Vec<String>,
    #[command(flatten)]
    listening: flags::Listening,
    #[command(flatten)]
    fronting: flags::Fronting,
    #[command(flatten)]
    edge: flags::Edge,
}

impl Edge {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let access = wiring::access(&self.listening)?;
        let server = Server::bind(self.listening.server()?)?;
        let follow = Node::following(&self.fronting, &self.listening, &server)?;
        Node::edge(&self.edge, &self.fronting, self.upstream, (&access, follow))?.run(server)?;
        Ok(ExitCode::SUCCESS)
    }
}
