//! `orbit serve`: origin and edge in one process, on one port.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::server::Server;
use crate::wiring::{self, Node};
use crate::{flags, page};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    listening: flags::Listening,
    #[command(flatten)]
    origin: flags::Origin,
    #[command(flatten)]
    edge: flags::Edge,
}

impl Serve {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let access = wiring::access(&self.listening)?;
        let server = Server::bind(self.listening.server()?)?;
        let follow = Node::following_beside(&self.origin, &self.listening, &server)?;
        let node = wiring::block_on(Node::serve(&self.origin, &self.edge, (&access, follow), page::router()))??;
        node.run(server)?;
        Ok(ExitCode::SUCCESS)
    }
}
