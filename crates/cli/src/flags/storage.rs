//! Where an origin keeps images, beside its own folder.

use clap::Args;

/// Where images are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Storage")]
#[group(skip)]
pub(crate) struct Storage {
    /// Where images are kept in place of the data folder, as in s3://bucket/prefix (gs, az), which several origins may share; or file:///folder
    #[arg(long, env = "ORBIT_BLOBS", value_name = "URL")]
    pub(crate) blobs: Option<String>,
}
