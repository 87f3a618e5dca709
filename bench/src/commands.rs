//! The commands, a file each: what they measure, and how they show it.

pub(crate) mod disk_engines;
pub(crate) mod entry_cost;
pub(crate) mod fan_out;
pub(crate) mod figures;
pub(crate) mod first_view;
pub(crate) mod generate_latency;
pub(crate) mod generate_once;
pub(crate) mod hit_cost;
pub(crate) mod hit_ratio;
pub(crate) mod index_scale;
pub(crate) mod ingest;
pub(crate) mod pixels;
pub(crate) mod purge;
pub(crate) mod redis_outage;
pub(crate) mod reference;
pub(crate) mod scaling;
pub(crate) mod size;
pub(crate) mod soak;
pub(crate) mod store_scale;
pub(crate) mod storms;

use anyhow::Result;

use crate::results::{self, Measurement};

/// Prints a measurement's tables and, unless it was a quick look, saves it.
#[expect(clippy::print_stdout, reason = "a bench prints its tables")]
fn publish(measurement: &Measurement, quick: bool) -> Result<()> {
    for (name, table) in &measurement.tables {
        println!("\n{name}\n{}", table.plain());
    }
    println!("{}", measurement.machine.line());
    if quick {
        println!("a quick look: nothing was saved");
    } else {
        println!("saved in {}", measurement.save(&results::folder())?.display());
    }
    Ok(())
}

/// Prints a measurement's figures for programs and, unless it was a quick look, saves it.
#[expect(clippy::print_stdout, reason = "the JSON that was asked for")]
fn publish_json(measurement: &Measurement, quick: bool) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&measurement.figures)?);
    if !quick {
        say(&format!("saved in {}", measurement.save(&results::folder())?.display()));
    }
    Ok(())
}

/// Says what goes on, for measurements take minutes.
#[expect(clippy::print_stderr, reason = "progress is for the one who waits, not for the output")]
fn say(what: &str) {
    eprintln!("{what}");
}
