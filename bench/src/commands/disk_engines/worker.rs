//! The worker: one process that does one step with one engine, so that it can be killed, and its CPU time told apart.
//!
//! It prints what it saw as one line of JSON, then waits for the end of its input before it closes the engine: whoever
//! started it may kill it instead.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::engine::{Engine, Kind, body};
use crate::cpu;

/// What a worker is to do.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// With which engine.
    #[arg(long)]
    pub(super) engine: Kind,
    /// In which folder.
    #[arg(long)]
    pub(super) dir: PathBuf,
    /// How much it may keep.
    #[arg(long)]
    pub(super) max_bytes: u64,
    /// How many entries.
    #[arg(long)]
    pub(super) entries: u64,
    /// What to do with them.
    #[arg(long)]
    pub(super) step: Step,
}

/// What is done with the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Step {
    /// Write all.
    Write,
    /// Read each once, in an order unlike that of writing.
    Read,
    /// Remove the first tenth, one by one.
    Delete,
    /// Remove every tenth by a tag.
    DeleteByTag,
}

/// What a worker saw.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Until the engine was open.
    pub(super) open_ms: f64,
    /// Until it had given its first entry.
    pub(super) first_ms: f64,
    /// Until its start had ended in the background too.
    pub(super) started_ms: f64,
    /// How long the step took.
    pub(super) seconds: f64,
    /// User and system time of the process meanwhile.
    pub(super) cpu_seconds: f64,
    /// Entries read as they were written.
    pub(super) hits: u64,
    /// Entries not found.
    pub(super) misses: u64,
    /// Entries of which other bytes were given.
    pub(super) wrong: u64,
    /// Reads that ended with an error and not with a miss.
    pub(super) errors: u64,
    /// Entries that a removal by tag says it has removed.
    pub(super) tagged: Option<u64>,
    /// Whether it had to be killed, because it did not end when it was told to.
    #[serde(default)]
    pub(super) was_stuck: bool,
    /// The middle of the times of all reads.
    pub(super) p50_us: f64,
    /// What one in a hundred reads took longer than.
    pub(super) p99_us: f64,
}

/// Does the step, prints, waits, closes.
#[expect(clippy::print_stdout, reason = "the line is for the process that started this one")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let since = Instant::now();
    let engine = Engine::open(arguments.engine, &arguments.dir, arguments.max_bytes)?;
    let mut seen = Seen { open_ms: millis(since), ..Seen::default() };
    if arguments.step == Step::Read {
        let found = (0..arguments.entries).rev().find(|number| engine.read(*number).is_ok_and(|body| body.is_some()));
        seen.first_ms = if found.is_some() { millis(since) } else { f64::NAN };
        engine.wait_for_start();
    }
    seen.started_ms = millis(since);
    let (cpu_before, since) = (own_cpu()?, Instant::now());
    match arguments.step {
        Step::Write => engine.write(arguments.entries),
        Step::Read => read_all(&engine, arguments.entries, &mut seen),
        Step::Delete => engine.delete(arguments.entries / 10),
        Step::DeleteByTag => seen.tagged = engine.delete_by_tag(),
    }
    seen.seconds = since.elapsed().as_secs_f64();
    seen.cpu_seconds = own_cpu()?.saturating_sub(cpu_before).as_secs_f64();
    println!("{}", serde_json::to_string(&seen)?);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    engine.close()
}

fn read_all(engine: &Engine, entries: u64, seen: &mut Seen) {
    let mut times = Vec::new();
    // A stride that no usual number of entries shares a factor with, so that each is read once.
    for step in 0..entries {
        let number = step.wrapping_mul(7919) % entries;
        let since = Instant::now();
        let read = engine.read(number);
        let took = since.elapsed();
        match read {
            Ok(Some(bytes)) if bytes == body(number) => {
                times.push(took.as_secs_f64() * 1e6);
                seen.hits += 1;
            }
            Ok(Some(_)) => seen.wrong += 1,
            Ok(None) => seen.misses += 1,
            Err(_) => seen.errors += 1,
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    (seen.p50_us, seen.p99_us) = (at(0.50), at(0.99));
}

fn own_cpu() -> Result<Duration> {
    cpu::of_trees(&[std::process::id()])
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
