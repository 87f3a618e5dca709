//! `orbit gc`: what a stopped server's store holds beyond its bounds is let go, and what broken changes left is swept.
//!
//! A running origin lets go by itself, by the same flags; sweeping a bucket is for this command alone, which may run beside
//! origins with a folder of its own.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use orbit_model::Clock;
use orbit_store::{Excess, Going, Store};
use serde::Serialize;

use crate::clock::SystemClock;
use crate::{flags, output, wiring};

#[derive(Debug, Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    offline: flags::Offline,
    #[command(flatten)]
    keeping: flags::Keeping,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What went, or would go.
#[derive(Debug, Default, Serialize)]
struct Tally {
    images: u64,
    sources: u64,
    variants: u64,
    bytes: u64,
}

impl Gc {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {pos} images {msg}")?);
        let tally = wiring::block_on(self.collect(&bar))?;
        bar.finish_and_clear();
        let tally = tally.with_context(|| format!("the data folder {}", self.offline.data_dir.display()))?;
        if self.json {
            output::json(&tally)?;
        } else {
            let Tally { images, sources, variants, bytes } = tally;
            let (verb, size) = (if self.dry_run { "would go" } else { "are gone" }, output::size(bytes));
            output::line(&format!(
                "{images} images, {sources} sources and the variants of {variants} images {verb}: {size}"
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn collect(&self, bar: &ProgressBar) -> Result<Tally> {
        let store = self.offline.open().await?;
        if store.has_other_writers() && !store.has_shared_index() {
            bar.set_message("read");
            store.reindex(|done| bar.set_position(done)).await?;
        }
        if !self.dry_run {
            bar.set_message("swept");
            store.sweep(|done| bar.set_position(done)).await?;
        }
        let (bounds, mut tally) = (self.keeping.bounds(), Tally::default());
        loop {
            let excess = store.excess(&bounds, SystemClock.now()).await?;
            let before = tally.bytes;
            for one in &excess {
                self.let_go(&store, one, &mut tally).await?;
            }
            // Named in parts; what was used meanwhile stays, and ends this too.
            if excess.is_empty() || self.dry_run || tally.bytes == before {
                return Ok(tally);
            }
        }
    }

    async fn let_go(&self, store: &Store, one: &Excess, tally: &mut Tally) -> Result<()> {
        let bytes = match one.going {
            _ if self.dry_run => one.bytes,
            Going::Image => match store.erase(&one.id).await {
                Err(orbit_store::Error::NotFound) => 0,
                erased => erased.map(|_| one.bytes)?,
            },
            Going::Parts { .. } => match store.let_go(one).await {
                Err(orbit_store::Error::NotFound) => 0,
                bytes => bytes?,
            },
        };
        if bytes > 0 {
            tally.bytes += bytes;
            match one.going {
                Going::Image => tally.images += 1,
                Going::Parts { variants, source } => {
                    tally.variants += u64::from(variants);
                    tally.sources += u64::from(source);
                }
            }
        }
        Ok(())
    }
}
