//! `redis-outage`: a steady load on an origin while its Redis is killed, stays away, and comes back empty.
//!
//! Requests come at fixed moments, whatever becomes of those before: the time of each counts from its moment, so that a
//! server that stops answering cannot hide it. Most ask for images, some for metadata, some bring a new image.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use ureq::Agent;

use crate::commands::{publish, say};
use crate::measure::{median, milliseconds, percentile};
use crate::orbit::Orbit;
use crate::redis::Redis;
use crate::results::Measurement;
use crate::table::{Table, figure};
use crate::{ask, fill, picture};

const IMAGES: u64 = 1_000;
const SIDE: u32 = 64;
const THREADS: usize = 64;
const PHASES: [&str; 3] = ["before", "outage", "after"];
const KINDS: [&str; 3] = ["image", "metadata", "upload"];

/// How `redis-outage` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each of the three parts lasts: before, outage, after.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Requests a second.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Two seconds each, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// Requests of one kind in one part.
#[derive(Debug, Default, Serialize)]
struct Part {
    phase: &'static str,
    kind: &'static str,
    requests: usize,
    failed: usize,
    mean_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    rate: u64,
    seconds: u64,
    parts: Vec<Part>,
    /// From the return of Redis, empty, to the moment at which the origin calls itself ready.
    mended_ms: f64,
}

/// One answer: which part and kind it was of, how long after its moment it came, and whether it was right.
type Seen = (usize, usize, f64, bool);

/// Measures, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let seconds = if arguments.quick { 2 } else { arguments.seconds };
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let (store, work) = (folder.path().join("store"), folder.path().join("redis"));
    std::fs::create_dir(&work)?;
    fill::store(&store, folder.path(), "s", &picture::png(SIDE, 4.0, 1)?, IMAGES)?;
    let mut redis = Redis::start(&work)?;
    let origin = Orbit::over("origin", &store, &["--redis-url", &redis.url()], folder.path())?;
    is_ready(&origin.origin)?;
    ensure!(listed(&origin.origin)? == IMAGES, "the index is not whole before the load");

    say(&format!(
        "{} requests a second, {seconds} s before, {seconds} s without Redis, {seconds} s after",
        arguments.rate
    ));
    let phase = Duration::from_secs(seconds);
    let (seen, mended_ms) = load(&origin.origin, arguments.rate, phase, &mut redis)?;
    let uploads = seen.iter().filter(|(_, kind, _, ok)| *kind == 2 && *ok).count() as u64;
    let there = listed(&origin.origin)?;
    ensure!(there == IMAGES + uploads, "{uploads} uploads were confirmed, and {there} images are listed");

    let figures = Figures { rate: arguments.rate, seconds, parts: parts(&seen), mended_ms };
    let mut table = Table::new(&["part", "requests", "failed", "mean ms", "p50 ms", "p99 ms", "slowest ms"]);
    for part in &figures.parts {
        let mut cells = vec![format!("{}, {}", part.kind, part.phase)];
        cells.extend([part.requests, part.failed].map(|count| figure(count as f64)));
        cells.extend([part.mean_ms, part.p50_ms, part.p99_ms, part.max_ms].map(figure));
        table.push(cells);
    }
    say(&format!("ready again {} ms after Redis came back empty", figure(mended_ms)));
    publish(&Measurement::new("redis-outage", [("redis-outage", table)], &figures)?, arguments.quick)
}

/// Runs the load and the outage in its middle.
fn load(origin: &str, rate: u64, phase: Duration, redis: &mut Redis) -> Result<(Vec<Seen>, f64)> {
    let (next, seen) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let agent: Agent =
        Agent::config_builder().http_status_as_error(false).max_idle_connections_per_host(THREADS).build().into();
    let total = rate * 3 * phase.as_secs();
    let start = Instant::now() + Duration::from_millis(200);
    let mended = thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return;
                    }
                    let due = start + Duration::from_secs_f64(number as f64 / rate as f64);
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let kind = kind(number);
                    let ok = one(&agent, origin, kind, number).unwrap_or(false);
                    let ms = milliseconds(due.elapsed());
                    let part = (number / (rate * phase.as_secs())) as usize;
                    // A poisoned lock is of a thread that has failed: the scope ends with its panic.
                    if let Ok(mut seen) = seen.lock() {
                        seen.push((part, kind, ms, ok));
                    }
                }
            });
        }
        thread::sleep((start + phase).saturating_duration_since(Instant::now()));
        redis.kill()?;
        thread::sleep((start + 2 * phase).saturating_duration_since(Instant::now()));
        redis.restart()?;
        let back = Instant::now();
        is_ready(origin)?;
        anyhow::Ok(milliseconds(back.elapsed()))
    })?;
    Ok((seen.into_inner().ok().context("a thread of the load has failed")?, mended))
}

/// Nine in ten ask for an image, one in twenty for metadata, one in twenty brings an image.
fn kind(number: u64) -> usize {
    match number % 20 {
        7 => 1,
        13 => 2,
        _ => 0,
    }
}

/// One request; whether the answer is right.
fn one(agent: &Agent, origin: &str, kind: usize, number: u64) -> Result<bool> {
    let id = number.wrapping_mul(7_919) % IMAGES;
    let (answer, expected) = match kind {
        0 => (agent.get(format!("{origin}/images/s{id}")).call()?, 200),
        1 => (agent.get(format!("{origin}/images/s{id}/meta")).call()?, 200),
        _ => {
            // Each has bytes of its own behind the end of the picture, where readers stop.
            let png = [picture::png(SIDE, 4.0, 2)?, number.to_le_bytes().to_vec()].concat();
            (agent.put(format!("{origin}/images/u{number}")).header("Content-Type", "image/png").send(&png[..])?, 201)
        }
    };
    let is_right = answer.status().as_u16() == expected;
    // Read to the end, so that the connection can be used again.
    answer.into_body().read_to_vec()?;
    Ok(is_right)
}

fn parts(seen: &[Seen]) -> Vec<Part> {
    let mut parts = Vec::new();
    for (kind, &name) in KINDS.iter().enumerate() {
        for (place, phase) in PHASES.into_iter().enumerate() {
            let of_it = || seen.iter().filter(|(part, of, ..)| (*part, *of) == (place, kind));
            let times: Vec<f64> = of_it().map(|(_, _, ms, _)| *ms).collect();
            parts.push(Part {
                phase,
                kind: name,
                requests: times.len(),
                failed: of_it().filter(|(.., ok)| !ok).count(),
                mean_ms: times.iter().sum::<f64>() / times.len() as f64,
                p50_ms: median(times.iter().copied()),
                p99_ms: percentile(&times, 0.99),
                max_ms: percentile(&times, 1.0),
            });
        }
    }
    parts
}

/// Waits until the origin calls itself ready without a word of what it cannot do.
fn is_ready(origin: &str) -> Result<()> {
    let since = Instant::now();
    loop {
        if ask::get(&format!("{origin}/readyz"), None)?.body.starts_with(b"ready") {
            return Ok(());
        }
        ensure!(since.elapsed() < Duration::from_secs(60), "the origin was not ready within a minute");
        thread::sleep(Duration::from_millis(5));
    }
}

/// How many images the list has, from its first page to its last.
fn listed(origin: &str) -> Result<u64> {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page: orbit_model::MetadataPage = ask::json(&format!("{origin}/images?limit=200{cursor}"))?;
        count += page.images.len() as u64;
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(count),
        }
    }
}
