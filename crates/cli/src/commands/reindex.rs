//! `orbit reindex`: the index made again from the manifests alone.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{flags, output, wiring};

#[derive(Debug, Args)]
pub(crate) struct Reindex {
    #[command(flatten)]
    offline: flags::Offline,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Reindex {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let bar =
            ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {pos} images {per_sec}")?);
        let result = wiring::block_on(async {
            let store = self.offline.open().await?;
            anyhow::Ok(store.reindex(|done| bar.set_position(done)).await?)
        })?;
        bar.finish_and_clear();
        let result = result.with_context(|| format!("the data folder {}", self.offline.data_dir.display()))?;
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
