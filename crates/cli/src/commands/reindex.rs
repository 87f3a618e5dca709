//! `orbit reindex`: the index made again from the manifests alone.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{flags, output, wiring};

#[derive(Debug, Args)]
pub(crate) struct Reindex {
    /// The folder in which images and their index are stored; no server may be running on it
    #[arg(long, env = "ORBIT_DATA_DIR", default_value_os_t = flags::default_data_dir(), value_name = "DIR")]
    data_dir: PathBuf,
    /// Where images are kept in place of the data folder
    #[arg(long, env = "ORBIT_BLOBS", value_name = "URL")]
    blobs: Option<String>,
    /// The Redis in which the index is, where there is one
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    redis_url: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Reindex {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let bar =
            ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {pos} images {per_sec}")?);
        let result = wiring::block_on(async {
            let redis = wiring::redis::connect(self.redis_url.as_deref()).await?;
            let store = wiring::storage::open(&self.data_dir, self.blobs.as_deref(), redis.as_ref()).await?;
            anyhow::Ok(store.reindex(|done| bar.set_position(done)).await?)
        })?;
        bar.finish_and_clear();
        let result = result.with_context(|| format!("the data folder {}", self.data_dir.display()))?;
        if self.json {
            output::json(&serde_json::json!({
                "images": result.images, "removed": result.removed, "corrupt": result.corrupt,
            }))?;
        } else {
            output::line(&format!(
                "{} images are in the index; {} rows were of images that are gone",
                result.images, result.removed
            ))?;
            for id in &result.corrupt {
                output::line(&format!(
                    "{id}: its manifest cannot be read; purge it, or restore its folder from a backup"
                ))?;
            }
        }
        Ok(if result.corrupt.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
