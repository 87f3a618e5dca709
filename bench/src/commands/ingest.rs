//! `ingest`: how many 1024x1024 PNGs a second the real server takes in: checked, encoded, synced, indexed; and where
//! the time of one goes.
//!
//! Every picture is another, made before the clock starts. A client posts one after the other, each over a new
//! connection.

mod steps;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use serde::Serialize;

use crate::commands::{publish, say};
use crate::orbit::Orbit;
use crate::results::Measurement;
use crate::table::{Table, figure};
use crate::{ask, cpu, picture};
use steps::Steps;

const SIDE: u32 = 1024;
/// Noise of at most this many levels: a PNG of about 2 MB, as generated pictures have.
const NOISE: f64 = 6.0;

/// How `ingest` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many pictures are uploaded by one client, and then by four.
    #[arg(long, default_value_t = 150)]
    images: usize,
    /// Ten pictures, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// What is kept.
#[derive(Debug, Serialize)]
struct Figures {
    mean_source_bytes: usize,
    uploads: Vec<Uploads>,
    steps_ms: Steps,
}

#[derive(Debug, Serialize)]
struct Uploads {
    images: usize,
    clients: usize,
    seconds: f64,
    images_per_second: f64,
    cpu_ms_per_image: f64,
}

/// Uploads, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let images = if arguments.quick { 10 } else { arguments.images };
    ensure!(images > 0, "there is nothing to upload");
    say(&format!("making {} pictures", 2 * images));
    let pictures = (1..=2 * images as u64).map(|seed| picture::png(SIDE, NOISE, seed)).collect::<Result<Vec<_>>>()?;
    let (by_one, by_four) = pictures.split_at(images);
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let uploads = {
        let serve = Orbit::serve(&folder.path().join("store"), folder.path())?;
        vec![upload(&serve, by_one, 1)?, upload(&serve, by_four, 4)?]
    };
    let figures = Figures {
        mean_source_bytes: by_one.iter().map(Vec::len).sum::<usize>() / images,
        uploads,
        steps_ms: steps::measure(&by_one[..images.min(50)], &folder.path().join("steps"))?,
    };
    let tables = [("ingest", figures.table()), ("ingest-steps", figures.steps_ms.table())];
    publish(&Measurement::new("ingest", tables, &figures)?, arguments.quick)
}

impl Figures {
    fn table(&self) -> Table {
        let mut table = Table::new(&["1024x1024 PNG", "clients", "images/s", "CPU ms an image"]);
        for uploads in &self.uploads {
            table.push(vec![
                format!("{} KB each", self.mean_source_bytes / 1000),
                uploads.clients.to_string(),
                figure(uploads.images_per_second),
                figure(uploads.cpu_ms_per_image),
            ]);
        }
        table
    }
}

fn upload(serve: &Orbit, pictures: &[Vec<u8>], clients: usize) -> Result<Uploads> {
    let next = AtomicUsize::new(0);
    let url = format!("{}/images", serve.origin);
    let work = || -> Result<()> {
        while let Some(png) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
            let status = ask::upload("POST", &url, png)?;
            ensure!(status == 201, "an upload was answered with {status}");
        }
        Ok(())
    };
    let cpu_before = cpu::of_trees(&[serve.pid()])?;
    let since = Instant::now();
    thread::scope(|scope| {
        let running: Vec<_> = (0..clients).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| bail!("a client panicked")))
    })?;
    let seconds = since.elapsed().as_secs_f64();
    let cpu = cpu::of_trees(&[serve.pid()])?.saturating_sub(cpu_before);
    let images = pictures.len();
    Ok(Uploads {
        images,
        clients,
        seconds,
        images_per_second: images as f64 / seconds,
        cpu_ms_per_image: cpu.as_secs_f64() * 1000.0 / images as f64,
    })
}
