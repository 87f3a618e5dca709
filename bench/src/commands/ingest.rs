//! `ingest`: how many 1024x1024 PNGs a second the real server takes in: checked, encoded, synced, indexed.
//!
//! Every picture is another, made before the clock starts; clients post over as many connections as `--clients` says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use crate::commands::{publish, say};
use crate::orbit::Orbit;
use crate::results::Measurement;
use crate::table::{Table, figure};
use crate::{ask, cpu, picture};

const SIDE: u32 = 1024;
/// Noise of at most this many levels: a PNG of about 2 MB, as generated pictures have.
const NOISE: f64 = 6.0;

/// How `ingest` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many pictures are uploaded.
    #[arg(long, default_value_t = 200)]
    images: usize,
    /// How many clients upload at once.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// Twenty pictures, nothing saved.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Serialize)]
struct Uploads {
    images: usize,
    clients: usize,
    mean_source_bytes: usize,
    seconds: f64,
    images_per_second: f64,
    cpu_ms_per_image: f64,
}

/// Uploads, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let images = if arguments.quick { 20 } else { arguments.images };
    say(&format!("making {images} pictures"));
    let pictures: Vec<Vec<u8>> =
        (1..=images as u64).map(|seed| picture::png(&picture::paint(SIDE, NOISE, seed))).collect::<Result<_>>()?;
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let serve = Orbit::serve(&folder.path().join("store"), folder.path())?;
    let uploads = upload(&serve, &pictures, arguments.clients)?;
    let mut table = Table::new(&["1024x1024 PNG", "clients", "images/s", "CPU ms an image"]);
    table.push(vec![
        format!("{} KB each", uploads.mean_source_bytes / 1000),
        uploads.clients.to_string(),
        figure(uploads.images_per_second),
        figure(uploads.cpu_ms_per_image),
    ]);
    publish(&Measurement::new("ingest", [("ingest", table)], &uploads)?, arguments.quick)
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
        mean_source_bytes: pictures.iter().map(Vec::len).sum::<usize>().checked_div(images).context("no pictures")?,
        seconds,
        images_per_second: images as f64 / seconds,
        cpu_ms_per_image: cpu.as_secs_f64() * 1000.0 / images as f64,
    })
}
