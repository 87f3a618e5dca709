//! `hit-cost`: what a server pays for an answer that it holds: Orbit's edge, nginx, Varnish, and the least there is.
//!
//! Every server runs through the whole measurement and is asked in turn, size by size and round by round, so that what
//! disturbs the machine disturbs all. A row counts only if an answer by hand, before and after the load, is a hit with the
//! bytes of the file. Costs are divided by those of `limit` in the same run.

mod show;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::caches::{self, Cache, Kind};
use crate::commands::{publish, publish_json, say};
use crate::load::{Ids, Load};
use crate::measure::{self, Sample, median};
use crate::results::Measurement;
use crate::{ask, orbit};

/// The sizes of the files, with the name of each in tables and in markers.
const SIZES: [Size; 3] = [
    Size { bytes: 2_000, name: "2 KB", marker: "hit-cost-2kb" },
    Size { bytes: 60_000, name: "60 KB", marker: "hit-cost-60kb" },
    Size { bytes: 500_000, name: "500 KB", marker: "hit-cost-500kb" },
];
/// Clients that the cost is measured with, and many, for the tail.
const CONNECTIONS: [u32; 2] = [32, 1_000];

/// How `hit-cost` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each load lasts.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often everything is measured; the tables show medians.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Print the figures as JSON in place of the tables.
    #[arg(long)]
    json: bool,
    /// One round of one second, nothing saved.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug)]
struct Size {
    bytes: usize,
    name: &'static str,
    marker: &'static str,
}

impl Size {
    fn file(&self) -> String {
        format!("size{}.webp", self.bytes)
    }
}

/// One server at one size with so many clients, in every round.
#[derive(Debug, Serialize)]
struct Row {
    server: &'static str,
    bytes: usize,
    connections: u32,
    rounds: Vec<Sample>,
}

impl Row {
    /// The median of the rounds.
    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }
}

/// A server that is asked for one size.
struct Target<'a> {
    label: &'static str,
    server: &'a Cache,
    /// What `X-Cache` says of a hit; nothing where the server has no such field.
    hit: &'static str,
}

/// Measures, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (rounds, seconds) = if arguments.quick { (1, 1) } else { (arguments.rounds, arguments.seconds) };
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let files = folder.path().join("files");
    for size in &SIZES {
        write_noise(&files.join("images").join(size.file()), size.bytes)?;
    }
    let origin = Cache::files(&files, folder.path())?;
    let kinds = [caches::of_orbit()?, vec![Kind::Nginx, Kind::Varnish]].concat();
    let start = |kind: &Kind| Cache::start(*kind, &origin.origin, orbit::MEMORY, folder.path());
    let servers = kinds.iter().map(start).collect::<Result<Vec<_>>>()?;
    let limits = SIZES.iter().map(|size| Cache::limit(size.bytes, folder.path())).collect::<Result<Vec<_>>>()?;

    let mut rows = Vec::new();
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        for (size, limit) in SIZES.iter().zip(&limits) {
            let mut targets = vec![Target { label: show::LIMIT, server: limit, hit: "" }];
            targets.extend(kinds.iter().zip(&servers).map(|(kind, server)| Target {
                label: kind.label(),
                server,
                hit: "HIT",
            }));
            targets.push(Target { label: "nginx static, sendfile", server: &origin, hit: "" });
            let body = fs::read(files.join("images").join(size.file()))?;
            for target in &targets {
                measure(target, size, &body, (Duration::from_secs(seconds), &mut rows))?;
            }
        }
    }
    let measurement = Measurement::new("hit-cost", show::tables(&rows), &show::figures(&rows))?;
    let publish = if arguments.json { publish_json } else { publish };
    publish(&measurement, arguments.quick)?;
    say(&show::noise(&rows));
    Ok(())
}

/// Asks one server for one file, with few clients and with many.
fn measure(target: &Target<'_>, size: &Size, body: &[u8], into: (Duration, &mut Vec<Row>)) -> Result<()> {
    let (duration, rows) = into;
    let (server, label) = (target.server, target.label);
    let url = server.url(&size.file());
    let check = || {
        let answer = ask::get(&url, None)?;
        let whole = if label == show::LIMIT { answer.body.len() == body.len() } else { answer.body == body };
        ensure!(answer.status == 200 && whole, "{label}: {url} answers {} with other bytes", answer.status);
        ensure!(answer.cache == target.hit, "{label}: {url} is {:?} and not {:?}", answer.cache, target.hit);
        Ok(())
    };
    // Twice: the first fills, and an entry may be written after its answer.
    for _ in 0..2 {
        ask::get(&url, None)?;
    }
    for connections in CONNECTIONS {
        check()?;
        let load = Load {
            origin: server.origin.clone(),
            prefix: format!("{}{}", server.prefix, size.file()),
            ids: Ids::None,
            connections,
            duration,
            if_none_match: None,
        };
        let sample = measure::run(&load, &[server.pid()])?;
        check()?;
        let (cpu, per_second, p99) = (sample.cpu_us, sample.seen.per_second(), sample.seen.p99_us / 1000.0);
        say(&format!(
            "{}, -c{connections}, {label}: {cpu:.1} us CPU, {per_second:.0}/s, p99 {p99:.2} ms, others {:.2}, failures {}",
            size.name,
            sample.others_cores,
            sample.seen.failures()
        ));
        let same = |row: &&mut Row| row.server == label && row.bytes == size.bytes && row.connections == connections;
        match rows.iter_mut().find(same) {
            Some(row) => row.rounds.push(sample),
            None => rows.push(Row { server: label, bytes: size.bytes, connections, rounds: vec![sample] }),
        }
    }
    Ok(())
}

/// A file of bytes that nothing could make smaller.
fn write_noise(path: &Path, bytes: usize) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut noise = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut noise)?;
    fs::write(path, noise)?;
    Ok(())
}
