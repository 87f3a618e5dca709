//! Flags of what several nodes share.

use std::time::Duration;

use clap::Args;

/// What several nodes share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Nodes")]
#[group(skip)]
pub(crate) struct Nodes {
    /// The Redis or Valkey that all origins share, as in redis://cache:6379; without one an origin is on its own
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) redis_url: Option<String>,
    /// How long an origin may give no sign of life before others take its jobs
    #[arg(long, env = "ORBIT_JOB_LEASE", default_value = "30s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) job_lease: Duration,
}

impl Nodes {
    /// Nothing is shared.
    pub(crate) fn none() -> Self {
        Self { redis_url: None, job_lease: Duration::from_secs(30) }
    }
}
