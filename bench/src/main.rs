//! `orbit-bench`: measures Orbit, and in the same run the design that it replaces.
//!
//! Each command takes one measurement, prints its tables and saves it in `bench/results/` with the machine and the
//! commit; `figures` then puts the tables into the docs. `bench/README.md` tells how to run them.
//!
//! From the top down: `commands` take measurements; `baseline` and `orbit` start what is measured (as `peer`s);
//! `measure` joins `load` and `cpu`; `results`, `table`, `plot` and `figures` keep and show what came out.

mod ask;
mod baseline;
mod commands;
mod cpu;
mod figures;
mod fill;
mod load;
mod machine;
mod measure;
mod orbit;
mod peer;
mod picture;
mod plot;
mod results;
mod table;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Orbit, and the design it replaces in the same run.
#[derive(Debug, Parser)]
#[command(name = "orbit-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Latency, requests a second and CPU of every path, cold and warm, beside the baseline's.
    Reference(commands::reference::Arguments),
    /// Bytes of WebP against the PNG and JPEG sources of the fixtures.
    Size,
    /// Images a second through the real server.
    Ingest(commands::ingest::Arguments),
    /// A store of 100,000 images beside one of 100: start, one image, the list.
    StoreScale(commands::store_scale::Arguments),
    /// Our disk tier beside foyer's: speed, restart, kill, full disk, broken files.
    DiskEngines(commands::disk_engines::Arguments),
    /// One step of `disk-engines`, in a process that can be killed.
    #[command(hide = true)]
    DiskEnginesWorker(commands::disk_engines::worker::Arguments),
    /// Puts the tables of bench/results/ between the markers in README.md and docs/.
    Figures,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Reference(arguments) => commands::reference::run(&arguments),
        Command::Size => commands::size::run(),
        Command::Ingest(arguments) => commands::ingest::run(&arguments),
        Command::StoreScale(arguments) => commands::store_scale::run(&arguments),
        Command::DiskEngines(arguments) => commands::disk_engines::run(&arguments),
        Command::DiskEnginesWorker(arguments) => commands::disk_engines::worker::run(&arguments),
        Command::Figures => commands::figures::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
