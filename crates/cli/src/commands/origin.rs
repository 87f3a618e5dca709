//! `orbit origin`: the origin alone.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::flags;
use crate::server::Server;
use crate::wiring::{self, Node};

#[derive(Debug, Args)]
pub(crate) struct Origin {
    #[command(flatten)]
    listening: flags::Listening,
    #[command(flatten)]
    origin: flags::Origin,
}

impl Origin {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let access = wiring::access(&self.listening)?;
        let server = Server::bind(self.listening.server()?)?;
        let node = wiring::block_on(Node::origin(&self.origin, &access))??;
        node.run(server)?;
        Ok(ExitCode::SUCCESS)
    }
}
