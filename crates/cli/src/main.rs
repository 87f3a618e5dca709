//! The binary `orbit`: parse, run, say what went wrong, exit.
//!
//! This crate composes the others; it is the only one that reads the environment, opens sockets and ends the process.
//! - [`args`]: the command line; one file a command under [`commands`]; [`flags`] that several share.
//! - [`settings`]: flags over `ORBIT_*` over the configuration file, each knob defined once.
//! - [`server`]: listens, and stops gracefully. [`wiring`] puts a node together. [`page`] is the demo's page.

mod args;
mod client;
mod clock;
mod commands;
mod flags;
mod output;
mod page;
mod server;
mod settings;
mod telemetry;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    let run = args::Cli::read().and_then(|cli| {
        telemetry::start(&cli.telemetry);
        cli.command.run()
    });
    run.unwrap_or_else(|error| output::report(&error))
}
