//! `entry-cost`: the bytes that a cache takes for an entry beside the entry's body, at a million small images.
//!
//! The real servers are filled over HTTP with memory to spare. What they hold when the first thousand are in is the start, so that
//! neither the program nor its connections are counted. A sample of the images must then be answered from the cache: what was
//! not kept costs nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::caches::{Cache, Kind};
use crate::clients::{self, Client};
use crate::commands::{publish, say};
use crate::resident;
use crate::results::Measurement;
use crate::scripted::{Script, Scripted};
use crate::table::{Table, figure};

const KINDS: [Kind; 2] = [Kind::Orbit, Kind::Varnish];
const MEMORY: &str = "8GiB";
/// The length of each image.
const BYTES: u64 = 1024;
const CONNECTIONS: u64 = 64;
/// Requests that a connection sends without waiting.
const PIPELINED: u64 = 16;
/// Images that are in before memory is read for the first time.
const FIRST: u64 = 1_024;
/// Every so many images, one is asked for again.
const SAMPLED: usize = 997;

/// How `entry-cost` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many images each cache is filled with.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// Fifty thousand images, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// What is kept of one cache.
#[derive(Debug, Serialize)]
struct Figures {
    cache: &'static str,
    entries: u64,
    body_bytes: u64,
    rss_before: u64,
    rss_after: u64,
    /// RSS an entry, without the body.
    overhead_bytes: f64,
    fill_seconds: f64,
    /// How many of the images asked again were hits, from 0 to 1.
    held: f64,
}

/// Fills, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let entries = if arguments.quick { 50_000 } else { arguments.entries };
    ensure!(entries > 2 * FIRST, "fewer than {} entries say nothing", 2 * FIRST);
    let runtime = Runtime::new()?;
    let mut all = Vec::new();
    for kind in KINDS {
        say(&format!("{}: {entries} entries", kind.label()));
        let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
        all.push(measure(&runtime, kind, entries, folder.path())?);
    }
    let mut table = Table::new(&["cache", "entries of 1 KB", "overhead, bytes an entry", "RSS MiB", "held", "fills/s"]);
    for figures in &all {
        table.push(vec![
            figures.cache.to_owned(),
            figure(figures.entries as f64),
            figure(figures.overhead_bytes),
            figure(figures.rss_after as f64 / (1 << 20) as f64),
            format!("{:.1}%", 100.0 * figures.held),
            figure(figures.entries as f64 / figures.fill_seconds),
        ]);
    }
    publish(&Measurement::new("entry-cost", [("entry-cost", table)], &all)?, arguments.quick)
}

fn measure(runtime: &Runtime, kind: Kind, entries: u64, folder: &Path) -> Result<Figures> {
    let (delay, body_takes) = (Duration::ZERO, Duration::ZERO);
    let script = Script { name: "small", cache_control: "max-age=86400", delay, body_takes, bytes: [BYTES, BYTES] };
    let upstream = Scripted::start(runtime, &[script])?;
    let cache = Cache::start(kind, &upstream.origin(), MEMORY, folder)?;
    let mut clients = runtime.block_on(clients::open(cache.address()?, CONNECTIONS as usize))?;
    clients = runtime.block_on(fill(clients, cache.prefix, 0, FIRST))?;
    let before = resident::of_tree(cache.pid())?.rss;
    let since = Instant::now();
    let mut clients = runtime.block_on(fill(clients, cache.prefix, FIRST, entries))?;
    let fill_seconds = since.elapsed().as_secs_f64();
    let after = resident::of_tree(cache.pid())?.rss;
    ensure!(upstream.asked_in_all() >= entries, "{} fetches filled {entries} entries", upstream.asked_in_all());
    let held = runtime.block_on(async { held(&mut clients[0], cache.prefix, entries).await })?;
    let added = entries - FIRST;
    Ok(Figures {
        cache: kind.label(),
        entries,
        body_bytes: BYTES,
        rss_before: before,
        rss_after: after,
        overhead_bytes: after.saturating_sub(before) as f64 / added as f64 - BYTES as f64,
        fill_seconds,
        held,
    })
}

/// Asks for each image of `from..to` once, over all connections.
async fn fill(clients: Vec<Client>, prefix: &'static str, from: u64, to: u64) -> Result<Vec<Client>> {
    let mut filling = JoinSet::new();
    for (first, mut client) in (from..).step_by(PIPELINED as usize).zip(clients) {
        filling.spawn(async move {
            for start in (first..to).step_by((CONNECTIONS * PIPELINED) as usize) {
                let paths: Vec<String> = (start..to.min(start + PIPELINED)).map(|n| path(prefix, n)).collect();
                client.send(&paths).await?;
                for path in &paths {
                    let got = client.receive(Instant::now()).await?;
                    ensure!(got.status == 200 && got.bytes == BYTES, "{path} was answered with {got:?}");
                }
            }
            Ok(client)
        });
    }
    let mut clients = Vec::new();
    while let Some(client) = filling.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}

/// The part of a sample that is answered from the cache.
async fn held(client: &mut Client, prefix: &str, entries: u64) -> Result<f64> {
    let (mut asked, mut hits) = (0_u32, 0_u32);
    for n in (0..entries).step_by(SAMPLED) {
        client.send(&[path(prefix, n)]).await?;
        let got = client.receive(Instant::now()).await?;
        asked += 1;
        hits += u32::from(got.cache == "HIT");
    }
    Ok(f64::from(hits) / f64::from(asked))
}

fn path(prefix: &str, n: u64) -> String {
    format!("{prefix}small-{n}")
}
