//! `pixels-ingest`: an upload as a WebP that can be served: our two passes, Pillow, sharp and libvips, each from the bytes of a PNG
//! to the bytes of a WebP of quality 85.
//!
//! 1. Timed on one core, picture by picture, all encoders in turn.
//! 2. Judged on all cores.

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Arguments, Goal, QUALITY, goals, kilobytes, smaller, versions};
use crate::commands::{publish, say};
use crate::lab::encoder::{self, Encoder};
use crate::lab::judge::{Judge, Verdict};
use crate::lab::worker::{Cost, Library, Made};
use crate::lab::{self, Cores, mean};
use crate::measure::median;
use crate::results::Measurement;
use crate::table::{Table, figure};

const PILLOW: Encoder = Encoder::Peer(Library::Pillow, "webp", None);
const SHARP: Encoder = Encoder::Peer(Library::Sharp, "webp", None);
const VIPS: Encoder = Encoder::Peer(Library::Vips, "webp", None);
const ENCODERS: [Encoder; 5] = [Encoder::First, Encoder::Second, PILLOW, SHARP, VIPS];

/// One picture by one encoder.
#[derive(Clone, Debug, Serialize)]
struct Shot {
    picture: String,
    photograph: bool,
    encoder: String,
    #[serde(flatten)]
    cost: Cost,
    /// The part of it that the placeholder took.
    placeholder_ms: f64,
    bytes: usize,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Serialize)]
struct Figures<'a> {
    versions: Vec<String>,
    goals: &'a [Goal],
    shots: &'a [Shot],
}

/// Measures, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (pictures, turns) = arguments.open(usize::MAX)?;
    let versions = versions(&[Library::Pillow, Library::Sharp, Library::Vips])?;
    say(&format!("timing {} pictures beside {}", pictures.len(), versions.join("; ")));
    let made = lab::each(&pictures, Cores::One, |lab, picture| {
        let mut files = Vec::new();
        for encoder in ENCODERS {
            let made = encoder.encode(lab, &picture.png, QUALITY, turns)?;
            let placeholder = if encoder == Encoder::First { placeholder_ms(&picture.png, turns)? } else { 0.0 };
            files.push((encoder, made, placeholder));
        }
        Ok((picture.name.clone(), files))
    })?;
    say("judging");
    let shots = lab::each(&pictures, Cores::All, |lab, picture| {
        let judge = Judge::of(lab, &picture.png, None)?;
        let (_, files) = made.iter().find(|(name, _)| *name == picture.name).context("it was not timed")?;
        let shot = |(encoder, made, placeholder_ms): &(Encoder, Made, f64)| {
            Ok(Shot {
                picture: picture.name.clone(),
                photograph: picture.photograph,
                encoder: encoder.label(),
                cost: made.cost,
                placeholder_ms: *placeholder_ms,
                bytes: made.bytes.len(),
                verdict: judge.verdict(lab, &made.bytes)?,
            })
        };
        files.iter().map(shot).collect::<Result<Vec<_>>>()
    })?;
    let shots = shots.concat();
    let reached = reached(&shots);
    let tables = [
        ("pixels-ingest", table(&shots)),
        ("pixels-ingest-kinds", kinds(&shots)),
        ("pixels-ingest-goals", goals(&reached)),
    ];
    let figures = Figures { versions, goals: &reached, shots: &shots };
    publish(&Measurement::new("pixels-ingest", tables, &figures)?, arguments.quick)
}

fn placeholder_ms(source: &std::path::Path, turns: u32) -> Result<f64> {
    let source = std::fs::read(source)?;
    let one = |_| Ok(encoder::first(&source, QUALITY)?.timings.placeholder.as_secs_f64() * 1000.0);
    let times: Vec<f64> = (0..turns).map(one).collect::<Result<_>>()?;
    Ok(median(times.into_iter()))
}

/// What one encoder came to, on the mean of its pictures.
struct Mean {
    ms: f64,
    cpu_ms: f64,
    placeholder_ms: f64,
    bytes: f64,
    score: f64,
    lowest: f64,
    butteraugli: f64,
}

impl Mean {
    fn of(shots: &[Shot], encoder: Encoder, wanted: impl Fn(&Shot) -> bool) -> Self {
        let label = encoder.label();
        let those = || shots.iter().filter(|shot| shot.encoder == label && wanted(shot));
        Self {
            ms: mean(those().map(|shot| shot.cost.ms)),
            cpu_ms: mean(those().map(|shot| shot.cost.cpu_ms)),
            placeholder_ms: mean(those().map(|shot| shot.placeholder_ms)),
            bytes: mean(those().map(|shot| shot.bytes as f64)),
            score: mean(those().map(|shot| shot.verdict.ssimulacra2)),
            lowest: those().map(|shot| shot.verdict.ssimulacra2).fold(f64::INFINITY, f64::min),
            butteraugli: mean(those().map(|shot| shot.verdict.butteraugli)),
        }
    }
}

fn table(shots: &[Shot]) -> Table {
    let mut table =
        Table::new(&["PNG to WebP, quality 85", "ms", "CPU ms", "KB", "SSIMULACRA2", "lowest", "butteraugli"]);
    for encoder in ENCODERS {
        let mean = Mean::of(shots, encoder, |_| true);
        let mut row = |name: String, less: f64| {
            let scores = [mean.score, mean.lowest, mean.butteraugli].map(|score| format!("{score:.2}"));
            table.push(
                [vec![name, figure(mean.ms - less), figure(mean.cpu_ms - less), kilobytes(mean.bytes)], scores.into()]
                    .concat(),
            );
        };
        row(encoder.label(), 0.0);
        if encoder == Encoder::First {
            row("the same without its placeholder".to_owned(), mean.placeholder_ms);
        }
    }
    table
}

fn kinds(shots: &[Shot]) -> Table {
    let columns = ["", "photographs, KB", "SSIMULACRA2", "illustrations, KB", "SSIMULACRA2"];
    let mut table = Table::new(&columns);
    for encoder in ENCODERS {
        let mut row = vec![encoder.label()];
        for photograph in [true, false] {
            let mean = Mean::of(shots, encoder, |shot| shot.photograph == photograph);
            row.extend([kilobytes(mean.bytes), format!("{:.2}", mean.score)]);
        }
        table.push(row);
    }
    table
}

fn reached(shots: &[Shot]) -> Vec<Goal> {
    let of = |encoder| Mean::of(shots, encoder, |_| true);
    let (first, second) = (of(Encoder::First), of(Encoder::Second));
    let mut goals = Vec::new();
    for (name, peer, times) in [("Pillow", of(PILLOW), 2.8), ("sharp", of(SHARP), 3.0)] {
        let what = |words: &str| format!("{words} {name}'s");
        goals.extend([
            Goal::at_least(&what("first pass: faster than"), peer.ms / first.ms, times, "x"),
            Goal::at_most(&what("first pass: more bytes than"), -smaller(first.bytes, peer.bytes), 4.0, "%"),
            Goal::at_most(&what("first pass: score below"), peer.score - first.score, 1.0, ""),
            Goal::at_least(&what("second pass: smaller than"), smaller(second.bytes, peer.bytes), 2.0, "%"),
            Goal::at_most(&what("second pass: score below"), peer.score - second.score, 0.0, ""),
        ]);
    }
    goals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shots() -> Vec<Shot> {
        let shot = |encoder: Encoder, ms, bytes, ssimulacra2| Shot {
            picture: "a".into(),
            photograph: true,
            encoder: encoder.label(),
            cost: Cost { ms, cpu_ms: ms },
            placeholder_ms: 1.0,
            bytes,
            verdict: Verdict { ssimulacra2, butteraugli: 1.0 },
        };
        vec![
            shot(Encoder::First, 10.0, 103, 84.5),
            shot(Encoder::Second, 90.0, 97, 85.0),
            shot(PILLOW, 28.0, 100, 85.0),
            shot(SHARP, 29.0, 100, 85.0),
            shot(VIPS, 30.0, 100, 85.0),
        ]
    }

    #[test]
    fn each_goal_is_held_against_each_peer() {
        let unmet: Vec<_> = reached(&shots()).into_iter().filter(|goal| !goal.met).map(|goal| goal.what).collect();
        assert_eq!(unmet, ["first pass: faster than sharp's"]);
    }

    #[test]
    fn the_placeholder_is_told_apart() {
        let table = table(&shots());
        assert_eq!((table.rows[0][1].as_str(), table.rows[1][1].as_str()), ("10.0", "9.00"));
        assert_eq!(kinds(&shots()).rows[0][1], "0.1");
    }
}
