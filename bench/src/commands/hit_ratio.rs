//! `hit-ratio`: how many requests of a trace, and how many of their bytes, each policy has in memory.
//!
//! 1. Read the traces. 2. Replay each against each policy at each size, given in percent of the trace's working set.
//! 3. Replay it against Orbit's tier again, with its keys spread over different numbers of shelves.
//!
//! Hits don't depend on the machine. What is fair between policies, `trace::replay` tells.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::commands::{publish, say};
use crate::results::Measurement;
use crate::table::Table;
use crate::trace::Trace;
use crate::trace::replay::{self, Orbit, POLICIES, Ratios};

/// How `hit-ratio` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Traces: CSV with the header time,id,size, plain, .gz or .xz.
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// Sizes of the cache in percent of the working set's bytes.
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 5.0, 10.0])]
    sizes: Vec<f64>,
    /// Replay Orbit with its keys spread over these numbers of shelves too.
    #[arg(long, value_delimiter = ',')]
    shards: Vec<usize>,
    /// Print the hit ratios as JSON, from 0 to 1, and save nothing.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    trace: String,
    policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<usize>,
    size_percent: f64,
    object_hit_ratio: f64,
    byte_hit_ratio: f64,
}

/// Replays, then prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (mut policies, mut spread) = (Vec::new(), Vec::new());
    for path in &arguments.traces {
        say(&path.display().to_string());
        let trace = Trace::read(path)?;
        for policy in POLICIES {
            for &percent in &arguments.sizes {
                let ratios = replay::replay(&trace, &mut *replay::cache(policy, &trace, bytes(&trace, percent)));
                policies.push(Row::new(&trace, policy, None, percent, ratios));
            }
        }
        for &shards in &arguments.shards {
            for &percent in &arguments.sizes {
                let mut cache = Orbit::new(&trace, bytes(&trace, percent), shards);
                let ratios = replay::replay(&trace, &mut cache);
                spread.push(Row::new(&trace, "orbit", Some(shards), percent, ratios));
            }
        }
    }
    if arguments.json {
        policies.extend(spread);
        return print(&policies);
    }
    let tables = [
        ("hit-ratio", table("policy", &policies, &arguments.sizes, |row| row.policy.clone())),
        ("hit-ratio-shards", table("shards", &spread, &arguments.sizes, |row| row.shards.unwrap_or(0).to_string())),
    ];
    publish(&Measurement::new("hit-ratio", tables, &policies.iter().chain(&spread).collect::<Vec<_>>())?, false)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of bytes is one")]
fn bytes(trace: &Trace, percent: f64) -> u64 {
    (trace.working_set as f64 * percent / 100.0) as u64
}

/// A row for each trace and policy: objects and bytes in percent, at each size.
fn table(kind: &str, rows: &[Row], sizes: &[f64], name: impl Fn(&Row) -> String) -> Table {
    let mut columns = vec!["trace".to_owned(), kind.to_owned()];
    for size in sizes {
        columns.extend([format!("{size}%: objects"), "bytes".to_owned()]);
    }
    let mut table = Table { columns, rows: Vec::new() };
    for cells in rows.chunks(sizes.len().max(1)) {
        let Some(first) = cells.first() else { continue };
        let mut line = vec![first.trace.clone(), name(first)];
        for row in cells {
            line.extend([row.object_hit_ratio, row.byte_hit_ratio].map(|ratio| format!("{:.1}", ratio * 100.0)));
        }
        table.push(line);
    }
    table
}

#[expect(clippy::print_stdout, reason = "the answer to --json")]
fn print(rows: &[Row]) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(rows)?);
    Ok(())
}

impl Row {
    fn new(trace: &Trace, policy: &str, shards: Option<usize>, size_percent: f64, ratios: Ratios) -> Self {
        Self {
            trace: trace.name.clone(),
            policy: policy.to_owned(),
            shards,
            size_percent,
            object_hit_ratio: ratios.objects,
            byte_hit_ratio: ratios.bytes,
        }
    }
}
