//! `orbit sync`: a store copied to another place, from a disk to a bucket or back.
//!
//! What is there already is passed over, so that a copy that was stopped is gone on with by the same command; a second one
//! after the servers have been stopped brings what came in between.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use orbit_model::ImageId;
use orbit_store::{BlobStore, FileSystem, TransferOptions, Transferred, transfer};
use serde::Serialize;

use crate::{output, wiring};

/// How many names are read at once.
const BATCH: usize = 1_000;
/// How many images are on their way at once.
const AT_ONCE: usize = 8;

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// The data folder or bucket to copy, as in /var/lib/orbit or s3://bucket/prefix; no server may be running on a folder
    #[arg(value_name = "FROM")]
    from: String,
    /// Where to
    #[arg(value_name = "TO")]
    to: String,
    /// Replace images that are there and differ
    #[arg(long)]
    replace: bool,
    /// Read what is there already too, and copy it again where it is damaged
    #[arg(long)]
    verify: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What became of all images.
#[derive(Debug, Default, Serialize)]
struct Tally {
    copied: u64,
    there: u64,
    files: u64,
    bytes: u64,
    differing: Vec<ImageId>,
    failed: Vec<ImageId>,
}

impl Sync {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let tally = wiring::block_on(self.copy_all())??;
        if self.json {
            output::json(&tally)?;
        } else {
            let (copied, there) = (tally.copied, tally.there);
            output::line(&format!("{copied} images copied, {}; {there} were there", output::size(tally.bytes)))?;
            for id in &tally.differing {
                output::line(&format!("{id}: another image is there; --replace replaces it"))?;
            }
            if copied > 0 && is_folder(&self.to) {
                output::line(&format!("lists show them after: orbit reindex --data-dir {}", self.to))?;
            }
        }
        let is_whole = tally.differing.is_empty() && tally.failed.is_empty();
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn copy_all(&self) -> Result<Tally> {
        if self.from.trim_end_matches('/') == self.to.trim_end_matches('/') {
            bail!("{} is both where to copy from and where to", self.from);
        }
        let (from, to) = (open(&self.from, true).await?, open(&self.to, false).await?);
        let options = TransferOptions { replace: self.replace, verify: self.verify };
        let bar = output::progress(0);
        let ids = all_ids(from.as_ref(), &bar).await?;
        let mut tally = Tally::default();
        let copies = stream::iter(ids).map(|id| {
            let (from, to) = (Arc::clone(&from), Arc::clone(&to));
            async move { (transfer(from.as_ref(), to.as_ref(), &id, options).await, id) }
        });
        let mut copies = std::pin::pin!(copies.buffer_unordered(AT_ONCE));
        while let Some((outcome, id)) = copies.next().await {
            bar.inc(1);
            match outcome {
                // Nobody copies a thing more when a place does not answer.
                Err(error @ (orbit_store::Error::Unavailable(_) | orbit_store::Error::Full(_))) => {
                    return Err(error).context("stopped; the same command goes on from here");
                }
                outcome => tally.add(id, outcome, &bar),
            }
            bar.set_message(output::size(tally.bytes));
        }
        bar.finish_and_clear();
        Ok(tally)
    }
}

impl Tally {
    fn add(&mut self, id: ImageId, outcome: Result<Transferred, orbit_store::Error>, bar: &ProgressBar) {
        match outcome {
            Ok(Transferred::Copied { files, bytes }) => {
                self.copied += 1;
                self.files += files;
                self.bytes += bytes;
            }
            Ok(Transferred::There) => self.there += 1,
            Ok(Transferred::Differs) => self.differing.push(id),
            Ok(Transferred::Unfinished) => {}
            Err(error) => {
                bar.suspend(|| output::note(&output::plain(&format!("{id}: {error}"))));
                self.failed.push(id);
            }
        }
    }
}

/// The names of all images; a bar that counts images needs to know how many there are.
async fn all_ids(from: &dyn BlobStore, bar: &ProgressBar) -> Result<Vec<ImageId>> {
    let mut ids: Vec<ImageId> = Vec::new();
    loop {
        let page = from.list(ids.last(), BATCH).await?;
        if page.is_empty() {
            return Ok(ids);
        }
        ids.extend(page);
        bar.set_length(ids.len() as u64);
    }
}

fn is_folder(place: &str) -> bool {
    !place.contains("://")
}

async fn open(place: &str, must_exist: bool) -> Result<Arc<dyn BlobStore>> {
    if !is_folder(place) {
        return wiring::storage::open_blobs(place).await;
    }
    let folder = PathBuf::from(place);
    if must_exist && !folder.join("images").is_dir() {
        bail!("{place} is no data folder: it has no images/ in it");
    }
    let blobs = FileSystem::open(&folder).await.with_context(|| format!("the folder {place}"))?;
    Ok(Arc::new(blobs))
}
