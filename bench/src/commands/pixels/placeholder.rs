//! `pixels-placeholder`: what the picture that stands there before the picture costs, in time and in bytes.
//!
//! The codec's own stopwatch, on one core: it starts at the decoded pixels, which an upload has anyway.

use anyhow::Result;
use serde::Serialize;

use super::{Arguments, Goal, QUALITY, goals};
use crate::commands::publish;
use crate::lab::{self, Cores, encoder, mean};
use crate::measure::median;
use crate::results::Measurement;
use crate::table::{Table, figure};

/// More than this is not needed to find a median of.
const TURNS: u32 = 20;

#[derive(Debug, Serialize)]
struct Cost {
    picture: String,
    ms: f64,
    json_bytes: usize,
}

#[derive(Serialize)]
struct Figures<'a> {
    goals: &'a [Goal],
    costs: &'a [Cost],
}

/// Measures, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (pictures, turns) = arguments.open(usize::MAX)?;
    let turns = if arguments.quick { turns } else { TURNS };
    let costs = lab::each(&pictures, Cores::One, |_, picture| {
        let source = std::fs::read(&picture.png)?;
        let mut times = Vec::new();
        let mut placeholder = encoder::first(&source, QUALITY)?.placeholder;
        for _ in 0..turns {
            let encoded = encoder::first(&source, QUALITY)?;
            times.push(encoded.timings.placeholder.as_secs_f64() * 1000.0);
            placeholder = encoded.placeholder;
        }
        let json_bytes = serde_json::to_vec(&placeholder)?.len();
        Ok(Cost { picture: picture.name.clone(), ms: median(times.into_iter()), json_bytes })
    })?;
    let slowest = costs.iter().map(|cost| cost.ms).fold(0.0, f64::max);
    let reached = [Goal::at_most("placeholder of one picture, the slowest", slowest, 2.0, " ms")];
    let tables = [("pixels-placeholder", table(&costs)), ("pixels-placeholder-goals", goals(&reached))];
    publish(
        &Measurement::new("pixels-placeholder", tables, &Figures { goals: &reached, costs: &costs })?,
        arguments.quick,
    )
}

fn table(costs: &[Cost]) -> Table {
    let mut table = Table::new(&["placeholder of 1024 x 1024 pixels", "ms", "bytes as JSON"]);
    let ms = || costs.iter().map(|cost| cost.ms);
    let bytes = || costs.iter().map(|cost| cost.json_bytes as f64);
    table.push(vec!["mean".to_owned(), figure(mean(ms())), figure(mean(bytes()))]);
    table.push(vec!["most".to_owned(), figure(ms().fold(0.0, f64::max)), figure(bytes().fold(0.0, f64::max))]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_is_shown_beside_the_mean() {
        let cost = |ms, json_bytes| Cost { picture: String::new(), ms, json_bytes };
        let table = table(&[cost(1.0, 900), cost(2.0, 700)]);
        assert_eq!(table.rows, [["mean", "1.50", "800"], ["most", "2.00", "900"]]);
    }
}
