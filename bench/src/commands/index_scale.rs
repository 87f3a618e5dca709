//! `index-scale`: the image index alone with a million rows, in SQLite and in Redis.
//!
//! The files of the images are only made up (`made_up`), so that what is measured is the index: to make it anew, what it adds to an
//! upload, one row, the list of a thread and that of everything, a start, and the memory.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use orbit_store::redis::{Connection, SharedIndex};
use orbit_store::{BlobStore, Expect, ImageIndex, Query, Sqlite, Store};
use serde::Serialize;

use crate::commands::{publish, say};
use crate::measure::{median, milliseconds, percentile};
use crate::redis::Redis;
use crate::results::Measurement;
use crate::table::{Table, figure};

mod made_up;

use made_up::{MadeUp, PER_THREAD, manifest};

const ROWS: u64 = 1_000_000;
const SAMPLES: u64 = 2_000;
const STARTS: usize = 5;

/// How `index-scale` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many rows.
    #[arg(long, default_value_t = ROWS)]
    rows: u64,
    /// Ten thousand rows, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// Times of one thing, in milliseconds.
#[derive(Debug, Serialize)]
struct Times {
    p50: f64,
    p99: f64,
}

/// What an origin asks for.
#[derive(Debug, Serialize)]
struct Asked {
    /// What it adds to an upload: the intent, synced, and the row.
    upload: Times,
    get: Times,
    /// Fifty images of a thread that nobody has asked for before; of Redis: metadata from manifests.
    thread_first: Times,
    thread_again: Times,
    list: Times,
}

#[derive(Debug, Serialize)]
struct Scale {
    index: &'static str,
    rows: u64,
    /// All rows made anew, the manifests costing nothing.
    rebuild_seconds: f64,
    #[serde(flatten)]
    asked: Asked,
    /// From nothing to the first list.
    start_ms: Vec<f64>,
    /// What a row takes: of the file, or of the memory of Redis without metadata.
    bytes_a_row: f64,
    /// The file, or the resident memory of Redis at the end.
    bytes: u64,
}

/// Measures both, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let rows = if arguments.quick { 10_000 } else { arguments.rows };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let scales = runtime.block_on(async { anyhow::Ok([in_sqlite(rows).await?, in_redis(rows).await?]) })?;
    let columns = [
        "index",
        "rebuild s",
        "upload: p50 ms",
        "p99 ms",
        "get: p50 ms",
        "p99 ms",
        "50 of a thread: p50 ms",
        "p99 ms",
        "again: p50 ms",
        "p99 ms",
        "newest 50: p50 ms",
        "p99 ms",
        "start ms",
        "bytes a row",
        "MiB",
    ];
    let mut table = Table::new(&columns);
    for scale in &scales {
        let mut cells = vec![scale.index.to_owned(), figure(scale.rebuild_seconds)];
        let Asked { upload, get, thread_first, thread_again, list } = &scale.asked;
        let times = [upload, get, thread_first, thread_again, list];
        cells.extend(times.iter().flat_map(|times| [figure(times.p50), figure(times.p99)]));
        cells.push(figure(median(scale.start_ms.iter().copied())));
        cells.extend([figure(scale.bytes_a_row), figure(scale.bytes as f64 / 1_048_576.0)]);
        table.push(cells);
    }
    publish(&Measurement::new("index-scale", [("index-scale", table)], &scales)?, arguments.quick)
}

async fn in_sqlite(rows: u64) -> Result<Scale> {
    say(&format!("SQLite, {rows} rows"));
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let path = folder.path().join("index.sqlite");
    let blobs: Arc<dyn BlobStore> = Arc::new(MadeUp::new(rows));
    let open = async || anyhow::Ok(Arc::new(Sqlite::open(&path).await?) as Arc<dyn ImageIndex>);
    let rebuild_seconds = rebuild(&blobs, open().await?).await?;
    let bytes = size(folder.path())?;
    let start_ms = starts(&open).await?;
    let asked = asked(&blobs, open().await?, rows).await?;
    Ok(Scale {
        index: "SQLite",
        rows,
        rebuild_seconds,
        asked,
        start_ms,
        bytes_a_row: bytes as f64 / rows as f64,
        bytes,
    })
}

async fn in_redis(rows: u64) -> Result<Scale> {
    say(&format!("Redis, {rows} rows"));
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let redis = Redis::start(folder.path())?;
    let blobs: Arc<dyn BlobStore> = Arc::new(MadeUp::new(rows));
    let notes = folder.path().join("owed.sqlite");
    let open = async || {
        let connection = Connection::open(&redis.url())?;
        connection.up().await;
        anyhow::Ok(Arc::new(SharedIndex::open(connection, Arc::clone(&blobs), &notes).await?) as Arc<dyn ImageIndex>)
    };
    let empty = redis.used()?;
    let rebuild_seconds = rebuild(&blobs, open().await?).await?;
    let bytes_a_row = redis.used()?.saturating_sub(empty) as f64 / rows as f64;
    let start_ms = starts(&open).await?;
    let asked = asked(&blobs, open().await?, rows).await?;
    let bytes = redis.resident()?;
    Ok(Scale { index: "Redis", rows, rebuild_seconds, asked, start_ms, bytes_a_row, bytes })
}

async fn rebuild(blobs: &Arc<dyn BlobStore>, index: Arc<dyn ImageIndex>) -> Result<f64> {
    let since = Instant::now();
    let made = Store::new(Arc::clone(blobs), index).reindex(|_| ()).await?;
    ensure!(made.corrupt.is_empty() && made.images > 0, "the rebuild has found {made:?}");
    Ok(since.elapsed().as_secs_f64())
}

/// From nothing to the first list, again and again.
async fn starts(open: impl AsyncFn() -> Result<Arc<dyn ImageIndex>>) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let since = Instant::now();
        first_list(open().await?.as_ref()).await?;
        times.push(milliseconds(since.elapsed()));
    }
    Ok(times)
}

async fn first_list(index: &dyn ImageIndex) -> Result<()> {
    ensure!(index.list(&Query::default()).await?.manifests.len() == Query::DEFAULT_LIMIT, "the list is not whole");
    Ok(())
}

/// Files of a folder, in bytes.
fn size(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

/// Asks one after the other for all that an origin asks for.
async fn asked(blobs: &Arc<dyn BlobStore>, index: Arc<dyn ImageIndex>, rows: u64) -> Result<Asked> {
    let samples = SAMPLES.min(rows / PER_THREAD);
    // A stride without a common factor with the rows goes through all of them in no order.
    let any = |number: u64| number.wrapping_mul(7_919_999) % rows;
    let thread = |number: u64| {
        let thread_id = manifest(any(number)).labels.thread_id;
        Query { thread_id, ..Query::default() }
    };
    let list = async |query: Query| {
        let page = index.list(&query).await?;
        ensure!(page.manifests.len() == Query::DEFAULT_LIMIT, "a page has {} images", page.manifests.len());
        Ok(())
    };
    let thread_first = timed(samples, async |number| list(thread(number)).await).await?;
    let thread_again = timed(samples, async |number| list(thread(number)).await).await?;
    let newest = timed(samples, async |_| list(Query::default()).await).await?;
    let row = async |number| index.get(&manifest(any(number)).id).await?.context("a row is missing").map(|_| ());
    let get = timed(samples, row).await?;
    let store = Store::new(Arc::clone(blobs), Arc::clone(&index));
    let upload = async |number| {
        let (manifest, blobs) = made_up::upload(rows + number);
        store.commit(manifest, blobs, Expect::New).await?;
        Ok(())
    };
    let upload = timed(samples, upload).await?;
    Ok(Asked { upload, get, thread_first, thread_again, list: newest })
}

async fn timed(count: u64, work: impl AsyncFn(u64) -> Result<()>) -> Result<Times> {
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..count {
        let since = Instant::now();
        work(number).await?;
        times.push(since.elapsed());
    }
    let times: Vec<f64> = times.into_iter().map(milliseconds).collect();
    Ok(Times { p50: percentile(&times, 0.5), p99: percentile(&times, 0.99) })
}
