//! `reference`: every path of Orbit and of the design it replaces, in one run on one machine.
//!
//! For each round and each size of picture: 1. the baseline's backend and app, 2. `orbit serve`, 3. `orbit edge` in
//! front of `orbit origin`; each path with one client and with sixteen. All deliver the same bytes. A cold request
//! names an id that no tier has seen since it started: `load` refuses to name one twice, and Orbit's own counter of
//! misses must agree. Both designs read their files from the page cache, so that no disk is measured.

mod passes;
mod path;
mod show;

use std::path::Path as FilePath;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::commands::{publish, say};
use crate::fill;
use crate::measure::{Sample, median};
use crate::picture::{self, Picture};
use crate::plot;
use crate::results::{self, Measurement};
use passes::Pass;
use path::Path;

/// How `reference` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each load lasts.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// How often everything is measured; the tables show medians.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// One round of one second, nothing saved.
    #[arg(long)]
    quick: bool,
    /// Measure Orbit alone, without ratios.
    #[arg(long)]
    skip_baseline: bool,
    /// Measure the baseline alone.
    #[arg(long, conflicts_with = "skip_baseline")]
    skip_orbit: bool,
}

/// A size of picture, and how many ids share it.
#[derive(Debug)]
struct Size {
    name: &'static str,
    /// The name in markers, and the start of the ids.
    key: &'static str,
    side: u32,
    bytes: usize,
    /// Ids that Orbit's cold requests may use up in one pass.
    ids: u64,
    /// The same for the baseline, which is slower.
    baseline_ids: u64,
    /// Entries of the baseline's base64 route: Redis holds each whole.
    before: u64,
}

const SIZES: [Size; 2] = [
    Size { name: "60 KB", key: "60kb", side: 640, bytes: 60_000, ids: 90_000, baseline_ids: 5_000, before: 100 },
    Size { name: "1.5 MB", key: "1500kb", side: 2048, bytes: 1_500_000, ids: 12_000, baseline_ids: 2_000, before: 40 },
];

/// One path at one size with so many clients, in every round.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    path: Path,
    size: String,
    image_bytes: usize,
    connections: u32,
    status: u16,
    rounds: Vec<Sample>,
}

/// Measures, prints, saves and plots.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let rounds = if arguments.quick { 1 } else { arguments.rounds };
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let mut pictures = Vec::new();
    for size in &SIZES {
        let picture = picture::of_bytes(size.side, size.bytes)?;
        if !arguments.skip_orbit {
            say(&format!("{}: filling a store with {} images", size.name, size.ids));
            fill::store(&folder.path().join(size.key), folder.path(), size.key, &picture.source, size.ids)?;
        }
        pictures.push(picture);
    }
    let mut rows = Vec::new();
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        measure_once(arguments, &pictures, folder.path(), &mut rows)?;
    }
    let tables = [
        ("reference", show::short_table(&rows, SIZES[0].name)),
        ("reference-full-60kb", show::table(&rows, SIZES[0].name)),
        ("reference-full-1500kb", show::table(&rows, SIZES[1].name)),
    ];
    let partial = arguments.quick || arguments.skip_orbit || arguments.skip_baseline;
    publish(&Measurement::new("reference", tables, &rows)?, partial)?;
    say(&noise(&rows));
    if !partial {
        let path = results::project().join("docs/reference.svg");
        plot::draw(&path, &show::panels(&rows))?;
    }
    Ok(())
}

/// One round: measures both designs at both sizes, the older one first.
fn measure_once(arguments: &Arguments, pictures: &[Picture], folder: &FilePath, rows: &mut Vec<Row>) -> Result<()> {
    let duration = Duration::from_secs(if arguments.quick { 1 } else { arguments.seconds });
    for (size, picture) in SIZES.iter().zip(pictures) {
        let mut pass = Pass { size, picture, duration, rows };
        if !arguments.skip_baseline {
            let files = tempfile::tempdir_in(folder)?;
            let baseline = Baseline::start(files.path())?;
            baseline.fill(size.key, &picture.webp, size.baseline_ids, size.before)?;
            pass.baseline(&baseline)?;
        }
        if !arguments.skip_orbit {
            pass.orbit(&folder.join(size.key), folder)?;
        }
    }
    Ok(())
}

/// How much of the machine others used meanwhile, in one line.
fn noise(rows: &[Row]) -> String {
    let others: Vec<f64> = rows.iter().flat_map(|row| &row.rounds).map(|sample| sample.others_cores).collect();
    let most = others.iter().copied().fold(0.0, f64::max);
    format!("others kept {:.2} cores busy at the median, {most:.2} at the most", median(others.into_iter()))
}
