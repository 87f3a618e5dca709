//! `purge`: from a DELETE to the receipt that three edges confirm, and purges that race fills.
//!
//! 1. An origin and three edges, each a process; every image is a copy at every edge before it is deleted. The time is that of the
//!    DELETE as its client sees it: files, index, log, the three confirmations, receipt. Alone, and while others read at the edges.
//! 2. One image after the other is uploaded and deleted, while two readers at each edge ask for the newest and the one before it. An
//!    answer is stale that has an image whose receipt had been read when it was asked for.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use orbit_model::Receipt;
use serde::Serialize;
use ureq::Agent;

use crate::commands::{publish, say};
use crate::measure::{milliseconds, percentile};
use crate::orbit::{MEMORY, Orbit};
use crate::results::Measurement;
use crate::table::{Table, figure};
use crate::{ask, picture};

/// The side of a picture, in pixels: what is measured is not its encoding.
const SIDE: u32 = 32;
const EDGES: usize = 3;
/// Readers at each edge.
const READERS: usize = 2;
/// Images that readers ask for while others are deleted.
const HOT: u64 = 16;

/// How `purge` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many images are deleted for the latency of each case.
    #[arg(long, default_value_t = 1_000)]
    deletes: u64,
    /// How many purges race fills.
    #[arg(long, default_value_t = 10_000)]
    races: u64,
    /// A hundred of each; nothing saved.
    #[arg(long)]
    quick: bool,
}

/// How long DELETEs took.
#[derive(Clone, Debug, Serialize)]
struct Latency {
    case: &'static str,
    milliseconds: Vec<f64>,
    /// Answers that others had at the edges meanwhile, a second.
    reads_per_second: f64,
}

/// What came of the race.
#[derive(Clone, Debug, Serialize)]
struct Race {
    purges: u64,
    reads: u64,
    /// Answers that had the image while it was there.
    seen: u64,
    /// Answers that were neither 200 nor 404.
    failed: u64,
    stale: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Figures {
    latencies: Vec<Latency>,
    race: Race,
}

/// Deletes, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (deletes, races) = if arguments.quick { (100, 100) } else { (arguments.deletes, arguments.races) };
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let stage = Stage::start(folder.path())?;
    let mut latencies = Vec::new();
    for (case, is_loaded) in [("idle", false), ("while others read", true)] {
        say(&format!("{deletes} deletes, {case}"));
        latencies.push(stage.latency(case, is_loaded, deletes)?);
    }
    say(&format!("{races} purges in a race"));
    let race = stage.race(races)?;
    let figures = Figures { latencies, race };
    let tables = [("purge-latency", latency_table(&figures.latencies)), ("purge-race", race_table(&figures.race))];
    publish(&Measurement::new("purge", tables, &figures)?, arguments.quick)
}

/// The processes.
struct Stage {
    origin: Orbit,
    edges: Vec<Orbit>,
    agent: Agent,
}

impl Stage {
    fn start(folder: &Path) -> Result<Self> {
        let origin = Orbit::origin(&folder.join("store"), folder)?;
        let edge = |_| Orbit::edge_before(&origin.origin, MEMORY, None, folder);
        let edges = (0..EDGES).map(edge).collect::<Result<Vec<_>>>()?;
        Ok(Self { origin, edges, agent: ask::agent() })
    }

    fn upload(&self, id: &str, seed: u64) -> Result<()> {
        self.origin.put_by(&self.agent, id, &picture::png(SIDE, 6.0, seed)?)
    }

    /// Deletes an image; how long that took until every edge had confirmed it.
    fn delete(&self, id: &str) -> Result<f64> {
        let url = format!("{}/images/{id}", self.origin.origin);
        let began = Instant::now();
        let body = self.agent.delete(&url).call()?.body_mut().read_to_vec()?;
        let took = milliseconds(began.elapsed());
        let receipt: Receipt = serde_json::from_slice(&body)?;
        let confirmed = receipt.edges.iter().filter(|edge| edge.confirmed).count();
        ensure!(confirmed == EDGES, "{confirmed} of {EDGES} edges confirmed: {receipt:?}");
        Ok(took)
    }

    fn latency(&self, case: &'static str, is_loaded: bool, deletes: u64) -> Result<Latency> {
        for number in 0..HOT {
            self.upload(&format!("hot-{case}-{number}").replace(' ', "-"), number)?;
        }
        let (over, reads, began) = (AtomicBool::new(!is_loaded), AtomicU64::new(0), Instant::now());
        let deleted = std::thread::scope(|scope| {
            for edge in self.edges.iter().flat_map(|edge| [edge; READERS]) {
                let (over, reads) = (&over, &reads);
                scope.spawn(move || {
                    let agent = ask::agent();
                    for number in (0..HOT).cycle() {
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                        let id = format!("hot-{case}-{number}").replace(' ', "-");
                        reads.fetch_add(u64::from(read(&agent, edge, &id).is_ok()), Ordering::Relaxed);
                    }
                });
            }
            let deleted = (0..deletes).map(|number| self.delete_one(case, number)).collect::<Result<Vec<_>>>();
            over.store(true, Ordering::Relaxed);
            deleted
        });
        let reads_per_second = reads.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        Ok(Latency { case, milliseconds: deleted?, reads_per_second })
    }

    /// Uploads an image, has it kept everywhere, and deletes it.
    fn delete_one(&self, case: &str, number: u64) -> Result<f64> {
        let id = format!("cold-{case}-{number}").replace(' ', "-");
        self.upload(&id, HOT + number)?;
        for edge in &self.edges {
            ensure!(read(&self.agent, edge, &id)? == 200, "{id} is not there");
        }
        let took = self.delete(&id)?;
        for edge in &self.edges {
            ensure!(read(&self.agent, edge, &id)? == 404, "{id} is there still");
        }
        Ok(took)
    }

    fn race(&self, purges: u64) -> Result<Race> {
        // The last image whose upload was begun, and the last whose removal was answered.
        let (uploaded, deleted) = (AtomicU64::new(0), AtomicU64::new(0));
        let (over, counts) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; 4]);
        let raced = std::thread::scope(|scope| {
            for edge in self.edges.iter().flat_map(|edge| [edge; READERS]) {
                let (over, uploaded, deleted, [reads, seen, failed, stale]) = (&over, &uploaded, &deleted, &counts);
                scope.spawn(move || {
                    let agent = ask::agent();
                    while !over.load(Ordering::SeqCst) {
                        let newest = uploaded.load(Ordering::SeqCst);
                        for image in [newest, newest.saturating_sub(1)] {
                            let gone = deleted.load(Ordering::SeqCst);
                            reads.fetch_add(1, Ordering::Relaxed);
                            let counted = match read(&agent, edge, &format!("race-{image}")) {
                                Ok(200) if image > 0 && image <= gone => stale,
                                Ok(200) => seen,
                                Ok(404) => continue,
                                _ => failed,
                            };
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            let race = || {
                for image in 1..=purges {
                    uploaded.store(image, Ordering::SeqCst);
                    self.upload(&format!("race-{image}"), 1)?;
                    self.delete(&format!("race-{image}"))?;
                    deleted.store(image, Ordering::SeqCst);
                }
                Ok(())
            };
            let raced: Result<()> = race();
            over.store(true, Ordering::SeqCst);
            raced
        });
        raced?;
        let [reads, seen, failed, stale] = counts.map(AtomicU64::into_inner);
        Ok(Race { purges, reads, seen, failed, stale })
    }
}

/// Reads an image at an edge to its end, and returns the status.
fn read(agent: &Agent, edge: &Orbit, id: &str) -> Result<u16> {
    let mut answer = agent.get(format!("{}/api/images/{id}", edge.origin)).call()?;
    answer.body_mut().read_to_vec()?;
    Ok(answer.status().as_u16())
}

fn latency_table(latencies: &[Latency]) -> Table {
    let mut table = Table::new(&["DELETE to receipt, three edges", "p50 ms", "p99 ms", "most ms", "reads/s"]);
    for Latency { case, milliseconds, reads_per_second } in latencies {
        let share = |share| figure(percentile(milliseconds, share));
        table.push(vec![(*case).to_owned(), share(0.5), share(0.99), share(1.0), figure(*reads_per_second)]);
    }
    table
}

fn race_table(race: &Race) -> Table {
    let mut table = Table::new(&["purges racing fills", "reads", "with the image", "failed", "stale"]);
    let Race { purges, reads, seen, failed, stale } = race;
    table.push([purges, reads, seen, failed, stale].map(ToString::to_string).to_vec());
    table
}
