//! `pixels-*`: what our codec and our server make of pictures, beside the libraries and the servers that others use.
//!
//! A file for each command. The pictures are those of `bench/pictures/`, the others those of `bench/peers/`, in the same run.

pub(crate) mod auto;
pub(crate) mod avif;
pub(crate) mod ingest;
pub(crate) mod placeholder;
pub(crate) mod serve;
pub(crate) mod thumbnail;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::lab::Lab;
use crate::lab::gallery::{self, Picture};
use crate::lab::judge::Judge;
use crate::lab::rate::{Curve, Point};
use crate::lab::worker::{Library, Worker};
use crate::table::Table;

/// The quality of everything that is not a curve.
const QUALITY: u8 = 85;

/// How a `pixels-*` command is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many pictures, photographs and illustrations in turn.
    #[arg(long, default_value_t = 12)]
    pictures: usize,
    /// How often each file is timed; its median counts.
    #[arg(long, default_value_t = 5)]
    turns: u32,
    /// Four pictures, timed once, nothing saved.
    #[arg(long)]
    quick: bool,
}

impl Arguments {
    /// The pictures, at most so many, and the turns.
    fn open(&self, most: usize) -> Result<(Vec<Picture>, u32)> {
        let (pictures, turns) = if self.quick { (4, 1) } else { (self.pictures, self.turns.max(1)) };
        let pictures = gallery::open(pictures.min(most))?;
        ensure!(pictures.len() > 1, "there are fewer than two pictures");
        Ok((pictures, turns))
    }
}

/// A goal, what was measured, and whether that is enough.
#[derive(Clone, Debug, Serialize)]
struct Goal {
    what: String,
    needed: String,
    measured: String,
    met: bool,
}

impl Goal {
    /// Met by at least `least`, which `unit` follows.
    fn at_least(what: &str, measured: f64, least: f64, unit: &str) -> Self {
        Self::new(what, measured, ("at least", least), (unit, measured >= least))
    }

    /// Met by at most `most`, which `unit` follows.
    fn at_most(what: &str, measured: f64, most: f64, unit: &str) -> Self {
        Self::new(what, measured, ("at most", most), (unit, measured <= most))
    }

    fn new(what: &str, measured: f64, (words, bound): (&str, f64), (unit, met): (&str, bool)) -> Self {
        let needed = format!("{words} {bound}{unit}");
        Self { what: what.to_owned(), needed, measured: format!("{measured:.2}{unit}"), met }
    }
}

/// A row for each goal.
fn goals(goals: &[Goal]) -> Table {
    let mut table = Table::new(&["goal", "needed", "measured", "met"]);
    for goal in goals {
        let met = if goal.met { "yes" } else { "no" };
        table.push(vec![goal.what.clone(), goal.needed.clone(), goal.measured.clone(), met.to_owned()]);
    }
    table
}

/// Files of one picture at several settings, as bytes and scores.
fn curve(
    lab: &mut Lab,
    judge: &Judge,
    settings: &[u8],
    make: impl Fn(&mut Lab, u8) -> Result<Vec<u8>>,
) -> Result<Curve> {
    let mut points = Vec::new();
    for &quality in settings {
        let file = make(lab, quality)?;
        let score = judge.score(lab, &file)?;
        points.push(Point { quality: quality.into(), bytes: file.len() as f64, score });
    }
    Ok(Curve::new(points))
}

/// The libraries' names with their versions.
fn versions(libraries: &[Library]) -> Result<Vec<String>> {
    libraries.iter().map(|&library| Ok(Worker::start(library)?.name.clone())).collect()
}

fn kilobytes(bytes: f64) -> String {
    format!("{:.1}", bytes / 1000.0)
}

/// So much smaller than the other, in hundredths.
fn smaller(bytes: f64, than: f64) -> f64 {
    100.0 * (1.0 - bytes / than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_its_bound_itself() {
        assert!(Goal::at_least("time", 2.8, 2.8, "x").met);
        assert!(!Goal::at_least("time", 2.79, 2.8, "x").met);
        assert!(Goal::at_most("bytes", 4.0, 4.0, "%").met);
        let table = goals(&[Goal::at_most("bytes", 5.0, 4.0, "%")]);
        assert_eq!(table.rows, [["bytes", "at most 4%", "5.00%", "no"]]);
    }

    #[test]
    fn smaller_is_told_in_hundredths() {
        assert!((smaller(80.0, 100.0) - 20.0).abs() < 1e-9);
    }
}
