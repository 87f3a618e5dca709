//! Flags for jobs: how many wait, how often they are tried, and what becomes of them when the server ends.

use clap::{Args, ValueEnum};

/// How jobs are worked off.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Generation")]
#[group(skip)]
pub(crate) struct Workflow {
    /// Concepts that may wait to be drawn; beyond that jobs are answered 503
    #[arg(long, env = "ORBIT_MAX_QUEUED_CONCEPTS", default_value_t = 1000, value_name = "N")]
    pub(crate) max_queued_concepts: usize,
    /// How often it is tried to draw an image before it has failed
    #[arg(long, env = "ORBIT_GENERATION_ATTEMPTS", default_value_t = 3, value_name = "N")]
    pub(crate) generation_attempts: u32,
    /// What becomes of images that were being drawn when the server ended: retry draws them again, fail does not
    #[arg(long, env = "ORBIT_INTERRUPTED", default_value = "retry", value_name = "WHAT")]
    pub(crate) interrupted: Interrupted,
    /// The width of the thumbnail that the edge takes in with each generated image; 0 for none
    #[arg(long, env = "ORBIT_THUMBNAIL", default_value_t = 256, value_name = "PIXELS")]
    pub(crate) thumbnail: u32,
}

/// What becomes of an image that was being drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Interrupted {
    /// It is drawn again.
    Retry,
    /// It fails.
    Fail,
}

impl From<Interrupted> for orbit_origin::Interrupted {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Retry => Self::Retry,
            Interrupted::Fail => Self::Fail,
        }
    }
}
