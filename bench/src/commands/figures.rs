//! `figures`: puts the tables of `bench/results/` between the markers in README.md, docs/*.md and docs/decisions/*.md.
//!
//! Below each table stands where and when it was taken, and by which command.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::commands::say;
use crate::figures;
use crate::results::{self, Measurement};

/// Rewrites every document whose figures are older than the results.
pub(crate) fn run() -> Result<()> {
    let blocks = results::load(&results::folder())?.iter().flat_map(blocks).collect::<BTreeMap<_, _>>();
    for path in documents()? {
        let old = fs::read_to_string(&path)?;
        let new = figures::insert(&old, &blocks).with_context(|| path.display().to_string())?;
        if new != old {
            fs::write(&path, new)?;
            say(&format!("new figures in {}", path.display()));
        }
    }
    Ok(())
}

/// README.md and the pages in docs/ and docs/decisions/.
fn documents() -> Result<Vec<PathBuf>> {
    let project = results::project();
    let mut paths = vec![project.join("README.md")];
    for folder in ["docs", "docs/decisions"].map(|folder| project.join(folder)) {
        if folder.is_dir() {
            for entry in fs::read_dir(folder)? {
                paths.push(entry?.path());
            }
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md") && path.is_file());
    Ok(paths)
}

fn blocks(measurement: &Measurement) -> Vec<(String, String)> {
    let note = format!("<sub>{}, {}: `{}`</sub>", measurement.machine.line(), measurement.date, measurement.command);
    let block =
        |(name, table): (&String, &crate::table::Table)| (name.clone(), format!("{}\n{note}", table.markdown()));
    measurement.tables.iter().map(block).collect()
}
