//! Flags for the log of purges: how an origin lends leases, and how an edge follows.

use std::time::Duration;

use clap::{Args, ValueEnum};

/// What an origin lends its edges.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Origin")]
#[group(skip)]
pub(crate) struct Lending {
    /// How long an edge may serve copies between two words with its origin: so long a purge waits for an edge that is cut off
    #[arg(long, env = "ORBIT_EDGE_LEASE", default_value = "5s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) edge_lease: Duration,
}

impl Default for Lending {
    fn default() -> Self {
        Self { edge_lease: orbit_origin::Config::default().edge_lease }
    }
}

/// How an edge follows its origin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Edge")]
#[group(skip)]
pub(crate) struct Following {
    /// Whether to follow the origin's log of purges: auto where it has one, on serves no copies without it, off not at all (profile image)
    #[arg(long, env = "ORBIT_PURGE_LOG", default_value = "auto", value_name = "WHEN")]
    pub(crate) purge_log: PurgeLog,
    /// What this edge is called in receipts; without it the machine's name with the port behind it
    #[arg(long, env = "ORBIT_EDGE_NAME", value_name = "NAME")]
    pub(crate) edge_name: Option<String>,
}

/// When the log is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PurgeLog {
    /// Where the upstream has one.
    Auto,
    /// In any case.
    On,
    /// Never.
    Off,
}
