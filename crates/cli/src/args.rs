//! The command line: `orbit` and its commands. Each command's flags stand in its own file, those that several share in
//! [`crate::flags`].

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    config, convert, demo, doctor, edge, export, gc, generate, get, ls, meta, origin, purge, put, reindex, serve,
    stats, sync,
};
use crate::settings;
use crate::telemetry::Telemetry;

/// Takes generated images the moment they exist, stores them once as WebP, and serves them at once from the nearest cache
#[derive(Debug, Parser)]
#[command(name = "orbit", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// A TOML file whose keys are the long flags' names, as in `memory = "1GiB"`
    #[arg(long, global = true, env = "ORBIT_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) telemetry: Telemetry,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Parses the command line over the environment and the configuration file; ends the process on `--help` and bad usage.
    pub(crate) fn read() -> Result<Self> {
        let matches = settings::prepare(Self::command())?.get_matches();
        Ok(Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run origin and edge in one process, on one port, with everything embedded
    Serve(serve::Serve),
    /// Run the origin alone: it owns the images
    Origin(origin::Origin),
    /// Run the edge alone, in front of an Orbit origin or any HTTP image backend
    Edge(edge::Edge),
    /// Start a server, generate concepts while you watch, and show a page of them
    Demo(demo::Demo),
    /// Upload images: files, folders or standard input
    Put(put::Put),
    /// Download an image
    Get(get::Get),
    /// Save images as PNG, on request with their prompts
    Export(export::Export),
    /// List images, newest first
    Ls(ls::Ls),
    /// Show what is known of an image
    Meta(meta::Meta),
    /// Generate images from prompts and watch them arrive
    Generate(generate::Generate),
    /// Remove images from every tier
    Purge(purge::Purge),
    /// Rebuild the index from the manifests beside the images
    Reindex(reindex::Reindex),
    /// Let go of what a store holds beyond its bounds, and sweep what broken changes left
    Gc(gc::Gc),
    /// Copy a data folder or bucket to another place
    Sync(sync::Sync),
    /// Show what a server holds and does
    Stats(stats::Stats),
    /// Check configuration, storage, server, headers and a round trip, and say what to do
    Doctor(doctor::Doctor),
    /// Convert files and folders of images on this machine, without a server
    Convert(convert::Convert),
    /// Show the settings and where each comes from
    Config(config::Config),
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Serve(command) => command.run(),
            Self::Origin(command) => command.run(),
            Self::Edge(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Put(command) => command.run(),
            Self::Get(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Ls(command) => command.run(),
            Self::Meta(command) => command.run(),
            Self::Generate(command) => command.run(),
            Self::Purge(command) => command.run(),
            Self::Reindex(command) => command.run(),
            Self::Gc(command) => command.run(),
            Self::Sync(command) => command.run(),
            Self::Stats(command) => command.run(),
            Self::Doctor(command) => command.run(|name| settings::knows(&Cli::command(), name)),
            Self::Convert(command) => command.run(),
            Self::Config(command) => command.run(&Cli::command()),
        }
    }
}
