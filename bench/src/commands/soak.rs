//! `soak`: whether an edge under minutes of churn keeps to the memory that it was given.
//!
//! Many more images than fit, of 1 KB to 2 MB, are asked for by chance, some more often than others. Resident memory is read each
//! second, and may reach 1.15 x the budget + 64 MiB: what the allocator and the requests in flight may take beside the entries.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytesize::ByteSize;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::caches::{self, Cache};
use crate::commands::{publish, say};
use crate::load::{self, Ids, Load, Seen};
use crate::resident::{self, Resident};
use crate::results::Measurement;
use crate::scripted::{Script, Scripted};
use crate::table::{Table, figure};

/// Images in all: a few gigabytes.
const KEYS: u64 = 20_000;
const BYTES: [u64; 2] = [1_000, 2_000_000];
const CONNECTIONS: u32 = 64;
const EVERY: Duration = Duration::from_secs(1);
const MIB: f64 = (1 << 20) as f64;

/// How `soak` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long the edge is asked.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The budget of the edge's memory.
    #[arg(long, default_value = "256MiB")]
    memory: ByteSize,
    /// Twenty seconds, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// What is kept.
#[derive(Debug, Serialize)]
struct Figures {
    memory_bytes: u64,
    allowed_bytes: u64,
    peak: Resident,
    last: Resident,
    seen: Seen,
    /// Requests that did not reach the upstream.
    hit_ratio: f64,
    samples: Vec<Sample>,
}

#[derive(Debug, Serialize)]
struct Sample {
    seconds: f64,
    resident: Resident,
}

/// Asks, samples, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let duration = Duration::from_secs(if arguments.quick { 20 } else { 60 * arguments.minutes });
    ensure!(!duration.is_zero(), "a soak takes a minute at the least");
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let figures = soak(duration, arguments.memory.as_u64(), folder.path())?;
    let mut table =
        Table::new(&["memory MiB", "allowed MiB", "peak RSS", "peak PSS", "RSS at the end", "requests/s", "hits"]);
    let mebibytes = [figures.memory_bytes, figures.allowed_bytes, figures.peak.rss, figures.peak.pss, figures.last.rss];
    let mut cells: Vec<String> = mebibytes.iter().map(|&bytes| figure(bytes as f64 / MIB)).collect();
    cells.extend([figure(figures.seen.per_second()), format!("{:.0}%", 100.0 * figures.hit_ratio)]);
    table.push(cells);
    publish(&Measurement::new("soak", [("soak", table)], &figures)?, arguments.quick)?;
    if figures.peak.rss > figures.allowed_bytes {
        say("the edge held more than it may");
    }
    Ok(())
}

fn soak(duration: Duration, memory_bytes: u64, folder: &Path) -> Result<Figures> {
    let runtime = Runtime::new()?;
    let (delay, body_takes) = (Duration::ZERO, Duration::ZERO);
    let script = Script { name: "churn", cache_control: "max-age=86400", delay, body_takes, bytes: BYTES };
    let upstream = Scripted::start(&runtime, &[script])?;
    // As users have it: with a disk tier where there is one, whose index is in memory too.
    let kind = *caches::of_orbit()?.last().context("no kind of edge")?;
    let cache = Cache::start(kind, &upstream.origin(), &format!("{memory_bytes}B"), folder)?;
    let load = Load {
        origin: cache.origin.clone(),
        prefix: format!("{}churn-", cache.prefix),
        ids: Ids::Skewed(KEYS),
        connections: CONNECTIONS,
        duration,
        if_none_match: None,
    };
    let (seen, samples) = sampled(&load, cache.pid())?;
    let peak = samples
        .iter()
        .map(|sample| sample.resident)
        .reduce(|one, other| Resident { rss: one.rss.max(other.rss), pss: one.pss.max(other.pss) });
    Ok(Figures {
        memory_bytes,
        allowed_bytes: memory_bytes * 115 / 100 + (64 << 20),
        peak: peak.context("the load ended before a sample was taken")?,
        last: samples.last().map(|sample| sample.resident).unwrap_or_default(),
        seen,
        hit_ratio: 1.0 - upstream.asked_in_all() as f64 / seen.requests as f64,
        samples,
    })
}

/// Runs the load, and reads the server's memory each second until it ends.
fn sampled(load: &Load, server: u32) -> Result<(Seen, Vec<Sample>)> {
    thread::scope(|scope| {
        let running = scope.spawn(|| load::run(load));
        let since = Instant::now();
        let mut samples = Vec::new();
        while !running.is_finished() {
            samples.push(Sample { seconds: since.elapsed().as_secs_f64(), resident: resident::of_tree(server)? });
            if samples.len() % 60 == 0 {
                say(&format!("{} s: {:?}", samples.len(), samples.last().map(|sample| sample.resident)));
            }
            thread::sleep(EVERY);
        }
        let Ok(seen) = running.join() else { bail!("the load panicked") };
        Ok((seen?, samples))
    })
}
