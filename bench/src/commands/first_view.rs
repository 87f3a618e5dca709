//! `first-view`: an image that has just been uploaded at one origin, asked for at an edge before another, on Redis and S3; beside it
//! the same on one origin with SQLite and files.
//!
//! 1. A picture that nobody has seen goes to the first origin, which answers when it is safe.
//! 2. At once a viewer asks for it at the edge, which has never heard of it, and then once more.
//!
//! The S3 server is that of the tests, which keeps objects in files and lives in the bench's process; Redis is a real one. Neither
//! is far away: what is added to these times elsewhere is the way there.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use ureq::Agent;

use crate::commands::{publish, say};
use crate::measure::{milliseconds, percentile};
use crate::orbit::Orbit;
use crate::redis::Redis;
use crate::results::Measurement;
use crate::table::{Table, figure};
use crate::{ask, picture, s3};

/// The side of a picture in pixels, and its noise: a WebP of about 100 KB.
const SIDE: u32 = 512;
const NOISE: f64 = 16.0;

/// How `first-view` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many pictures go through each case.
    #[arg(long, default_value_t = 500)]
    pictures: u64,
    /// Twenty pictures; nothing saved.
    #[arg(long)]
    quick: bool,
}

/// One case: what was seen of each picture, in milliseconds.
#[derive(Debug, Default, Serialize)]
struct Case {
    name: &'static str,
    bytes: usize,
    upload: Vec<f64>,
    first: Vec<f64>,
    again: Vec<f64>,
}

/// Uploads, looks, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let pictures = if arguments.quick { 20 } else { arguments.pictures };
    let runtime = Runtime::new()?;
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    say("one origin, SQLite and files");
    let embedded = {
        let origin = Orbit::origin(&folder.path().join("embedded"), folder.path())?;
        let edge = Orbit::edge(&origin, folder.path())?;
        look("one origin, SQLite and files", &origin, &edge, pictures)?
    };
    say("two origins, Redis and S3");
    let shared = {
        let redis = Redis::start(folder.path())?;
        let bucket = bucket(&runtime, folder.path())?;
        let origin = |name| {
            let flags = ["--redis-url", &redis.url(), "--blobs", "s3://bucket/images"];
            Orbit::over_with("origin", &folder.path().join(name), (&flags, &bucket), folder.path())
        };
        let (first, second) = (origin("first")?, origin("second")?);
        let edge = Orbit::edge(&second, folder.path())?;
        look("the other of two origins, Redis and S3", &first, &edge, pictures)?
    };
    let cases = [embedded, shared];
    publish(&Measurement::new("first-view", [("first-view", table(&cases))], &cases)?, arguments.quick)
}

/// Starts an S3 server with an empty bucket; what a client needs to know of it.
fn bucket(runtime: &Runtime, folder: &Path) -> Result<Vec<(String, String)>> {
    let objects = folder.join("objects");
    std::fs::create_dir_all(objects.join("bucket"))?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let known = s3::options(listener.local_addr()?).into();
    runtime.spawn(s3::serve(listener, s3::service(&objects)));
    Ok(known)
}

fn look(name: &'static str, origin: &Orbit, edge: &Orbit, pictures: u64) -> Result<Case> {
    let agent = ask::agent();
    let mut case = Case { name, ..Case::default() };
    // The first one opens the connections and is not counted.
    for number in 0..=pictures {
        let png = picture::png(SIDE, NOISE, number + 1)?;
        let (id, began) = (format!("view-{number}"), Instant::now());
        origin.put_by(&agent, &id, &png)?;
        let upload = milliseconds(began.elapsed());
        let (first, bytes) = view(&agent, edge, &id, "MISS")?;
        let (again, _) = view(&agent, edge, &id, "HIT")?;
        case.bytes = bytes;
        if number > 0 {
            case.upload.push(upload);
            case.first.push(first);
            case.again.push(again);
        }
    }
    Ok(case)
}

/// Asks for an image at the edge; how long that took, and how many bytes it has.
fn view(agent: &Agent, edge: &Orbit, id: &str, expected: &str) -> Result<(f64, usize)> {
    let began = Instant::now();
    let mut answer = agent.get(format!("{}/api/images/{id}", edge.origin)).call()?;
    let bytes = answer.body_mut().read_to_vec()?.len();
    let took = milliseconds(began.elapsed());
    let cache = answer.headers().get("x-cache").context("an answer without X-Cache")?;
    ensure!(answer.status() == 200 && cache == expected, "{id} was answered with {} {cache:?}", answer.status());
    Ok((took, bytes))
}

fn table(cases: &[Case]) -> Table {
    let columns = ["edge before", "upload p50 ms", "p99", "first view p50 ms", "p99", "second view p50 ms", "p99"];
    let mut table = Table::new(&columns);
    for case in cases {
        let times = [&case.upload, &case.first, &case.again];
        let mut cells = vec![case.name.to_owned()];
        cells.extend(times.iter().flat_map(|times| [0.5, 0.99].map(|share| figure(percentile(times, share)))));
        table.push(cells);
    }
    table
}
