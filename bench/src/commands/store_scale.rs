//! `store-scale`: what 100,000 images cost that 100 do not: the start, one image, the list.
//!
//! The images are small, so that the number of them is measured and not their bytes. The origin's own routes are
//! asked, past the edge's memory.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::commands::{publish, say};
use crate::load::{Ids, Load};
use crate::measure::{self, Sample};
use crate::orbit::Orbit;
use crate::results::Measurement;
use crate::table::{Table, figure};
use crate::{ask, fill, picture};

const FEW: u64 = 100;
const MANY: u64 = 100_000;
const SIDE: u32 = 64;
const STARTS: usize = 5;

/// How `store-scale` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each load lasts.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// A thousand images in place of 100,000, one second each, nothing saved.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Serialize)]
struct Scale {
    images: u64,
    /// `orbit reindex`, from the manifests alone.
    reindex_seconds: f64,
    /// From the start of the process to the first image answered, each time.
    start_ms: Vec<f64>,
    image: Sample,
    list: Sample,
}

/// Measures both stores, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (many, seconds) = if arguments.quick { (1_000, 1) } else { (MANY, arguments.seconds) };
    let mut scales = Vec::new();
    for images in [FEW, many] {
        say(&format!("{images} images"));
        scales.push(measure(images, Duration::from_secs(seconds))?);
    }
    let mut table =
        Table::new(&["images", "start ms", "image: p50 ms", "p99 ms", "list of 50: p50 ms", "p99 ms", "reindex s"]);
    for scale in &scales {
        let times = [&scale.image, &scale.list].map(|sample| [sample.seen.p50_us, sample.seen.p99_us]);
        let mut cells = vec![figure(scale.images as f64), figure(measure::median(scale.start_ms.iter().copied()))];
        cells.extend(times.concat().iter().map(|us| figure(us / 1000.0)));
        cells.push(figure(scale.reindex_seconds));
        table.push(cells);
    }
    publish(&Measurement::new("store-scale", [("store-scale", table)], &scales)?, arguments.quick)
}

fn measure(images: u64, duration: Duration) -> Result<Scale> {
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let store = folder.path().join("store");
    let png = picture::png(SIDE, 4.0, 1)?;
    fill::store(&store, folder.path(), "s", &png, images)?;
    let reindex_seconds = fill::index(&store)?.as_secs_f64();

    let mut start_ms = Vec::new();
    for _ in 0..STARTS {
        let since = Instant::now();
        let serve = Orbit::serve(&store, folder.path())?;
        let answer = ask::get(&format!("{}/images/s{}", serve.origin, images - 1), None)?;
        start_ms.push(since.elapsed().as_secs_f64() * 1000.0);
        ensure!(answer.status == 200, "the last image is answered with {}", answer.status);
    }
    let serve = Orbit::serve(&store, folder.path())?;
    let ask = |prefix: &str, ids: Ids| {
        let (origin, prefix) = (serve.origin.clone(), prefix.to_owned());
        let load = Load { origin, prefix, ids, connections: 1, duration, if_none_match: None };
        measure::run(&load, &[serve.pid()])
    };
    let image = ask("/images/s", Ids::Cycle(images))?;
    let list = ask("/images?limit=50", Ids::None)?;
    Ok(Scale { images, reindex_seconds, start_ms, image, list })
}
