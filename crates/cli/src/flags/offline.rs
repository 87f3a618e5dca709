//! Where the store of a server is that does not run, for commands that work on it without one.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use orbit_store::Store;

use crate::wiring;

/// Where the images and their index are.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(crate) struct Offline {
    /// The folder in which images and their index are stored; no server may be running on it
    #[arg(long, env = "ORBIT_DATA_DIR", default_value_os_t = super::default_data_dir(), value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Where images are kept in place of the data folder
    #[arg(long, env = "ORBIT_BLOBS", value_name = "URL")]
    blobs: Option<String>,
    /// The Redis in which the index is, where there is one
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    redis_url: Option<String>,
}

impl Offline {
    /// Opens it, as a server would.
    pub(crate) async fn open(&self) -> Result<Store> {
        let redis = wiring::redis::connect(self.redis_url.as_deref()).await?;
        wiring::storage::open(&self.data_dir, self.blobs.as_deref(), redis.as_ref()).await
    }
}
