//! `pixels-serve`: renditions that nobody has asked for before, on all cores: `orbit serve`, ipx and next/image.
//!
//! 1. Every server gets the same pictures under many names, and all run through the whole measurement.
//! 2. Case by case they are asked in turn, four requests at a time, for each name once: every answer is decoded, scaled and encoded.
//! 3. What each answered and the most memory that its processes held meanwhile.
//! 4. The answers to the first names are judged, for an equal quality means little: Next takes 20 off it for AVIF. They are compared
//!    with the picture scaled by Pillow's Lanczos filter, and must be as wide.
//!
//! A server is left alone first until it has nothing to do, so that no second pass of ours runs into a case.

mod ask;
mod server;

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Arguments, Goal, goals, kilobytes};
use crate::commands::{publish, say};
use crate::lab::gallery::Picture;
use crate::lab::judge::Judge;
use crate::lab::{self, Cores, mean};
use crate::results::Measurement;
use crate::table::{Table, figure};
use ask::{Kept, Seen};
use server::Server;

/// What is asked for; the quality is 85.
#[derive(Debug, Serialize)]
struct Case {
    name: &'static str,
    format: &'static str,
    width: u32,
    /// Names that are asked for, as many for each server.
    requests: u64,
}

const CASES: [Case; 3] = [
    Case { name: "WebP 640", format: "webp", width: 640, requests: 240 },
    Case { name: "WebP 256", format: "webp", width: 256, requests: 360 },
    Case { name: "AVIF 640", format: "avif", width: 640, requests: 24 },
];

/// One server in one case.
#[derive(Debug, Serialize)]
struct Row {
    server: &'static str,
    case: &'static str,
    #[serde(flatten)]
    seen: Seen,
    /// SSIMULACRA2, the mean of every picture once.
    score: f64,
    #[serde(skip)]
    kept: Vec<Kept>,
}

#[derive(Serialize)]
struct Figures<'a> {
    cases: &'a [Case],
    goals: &'a [Goal],
    rows: &'a [Row],
}

/// Measures, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (pictures, _) = arguments.open(usize::MAX)?;
    let share = if arguments.quick { 6 } else { 1 };
    let names = CASES.iter().map(|case| case.requests / share).sum();
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    say(&format!("putting {} pictures under {names} names", pictures.len()));
    let sources = pictures.iter().map(|picture| Ok(fs::read(&picture.png)?)).collect::<Result<Vec<_>>>()?;
    let servers = [
        Server::orbit(&sources, names, folder.path())?,
        Server::ipx(&sources, names, folder.path())?,
        Server::next(&sources, names, folder.path())?,
    ];
    let mut rows = Vec::new();
    let mut first = 0;
    for case in &CASES {
        let ids = first..first + case.requests / share;
        first = ids.end;
        for server in &servers {
            server.wait_until_idle()?;
            let (seen, kept) = ask::all(server, case, ids.clone(), pictures.len() as u64)?;
            say(&format!("{}, {}: {:.1} a second, {:.0} MiB", case.name, server.name, seen.per_second(), seen.mib()));
            rows.push(Row { server: server.name, case: case.name, seen, score: f64::NAN, kept });
        }
    }
    let names = servers.each_ref().map(|server| server.name);
    drop(servers);
    say("judging");
    judge(&pictures, &mut rows)?;
    let reached = reached(&rows, names);
    let tables = [("pixels-serve", table(&rows, names)), ("pixels-serve-goals", goals(&reached))];
    let figures = Figures { cases: &CASES, goals: &reached, rows: &rows };
    publish(&Measurement::new("pixels-serve", tables, &figures)?, arguments.quick)
}

/// Fills in the scores.
fn judge(pictures: &[Picture], rows: &mut [Row]) -> Result<()> {
    let scores = lab::each(pictures, Cores::All, |lab, picture| {
        let number = pictures.iter().position(|other| other == picture).unwrap_or_default();
        let mut scores = vec![f64::NAN; rows.len()];
        for case in &CASES {
            let judge = Judge::of(lab, &picture.png, Some(case.width))?;
            for (row, score) in rows.iter().zip(&mut scores).filter(|(row, _)| row.case == case.name) {
                let mut files = row.kept.iter().filter(|(id, _)| *id as usize % pictures.len() == number);
                if let Some((_, file)) = files.next() {
                    *score = judge.score(lab, file).with_context(|| format!("{}, {}", row.server, row.case))?;
                }
            }
        }
        Ok(scores)
    })?;
    for (index, row) in rows.iter_mut().enumerate() {
        row.score = mean(scores.iter().filter_map(|scores| scores.get(index)).copied().filter(|score| !score.is_nan()));
    }
    Ok(())
}

fn find<'a>(rows: &'a [Row], server: &str, case: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.server == server && row.case == case)
}

/// The most memory that a server held in any case, in MiB.
fn memory(rows: &[Row], server: &str) -> f64 {
    rows.iter().filter(|row| row.server == server).map(|row| row.seen.mib()).fold(0.0, f64::max)
}

fn table(rows: &[Row], servers: [&str; 3]) -> Table {
    let mut columns = vec!["never asked before".to_owned()];
    for case in &CASES {
        columns.extend([format!("{}, a second", case.name), "KB".to_owned(), "score".to_owned()]);
    }
    columns.push("most memory, MiB".to_owned());
    let mut table = Table { columns, rows: Vec::new() };
    for server in servers {
        let mut row = vec![server.to_owned()];
        for case in &CASES {
            row.extend(match find(rows, server, case.name) {
                Some(Row { seen, score, .. }) => {
                    [figure(seen.per_second()), kilobytes(seen.mean_bytes()), format!("{score:.1}")]
                }
                None => ["-"; 3].map(str::to_owned),
            });
        }
        row.push(figure(memory(rows, server)));
        table.push(row);
    }
    table
}

/// The first server against the better of the others.
fn reached(rows: &[Row], [ours, others @ ..]: [&str; 3]) -> Vec<Goal> {
    let rate = |server: &str, case: &Case| find(rows, server, case.name).map_or(f64::NAN, |row| row.seen.per_second());
    let mut goals = Vec::new();
    for case in &CASES {
        let best = others.iter().map(|server| rate(server, case)).fold(0.0, f64::max);
        let what = format!("{}: more a second than the better of the others", case.name);
        goals.push(Goal::at_least(&what, rate(ours, case) / best, 2.0, "x"));
    }
    let least = others.iter().map(|server| memory(rows, server)).fold(f64::INFINITY, f64::min);
    let what = "memory against the better of the others";
    goals.push(Goal::at_most(what, 100.0 * memory(rows, ours) / least, 50.0, "%"));
    goals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_held_against_the_better_of_the_others() {
        let row = |server, seconds, mib: u64| Row {
            server,
            case: CASES[0].name,
            seen: Seen { answers: 100, seconds, bytes: 200_000, peak_rss: mib << 20 },
            score: 80.0,
            kept: Vec::new(),
        };
        let rows = [row("ours", 1.0, 100), row("one", 4.0, 150), row("other", 3.0, 300)];
        let goals = reached(&rows, ["ours", "one", "other"]);
        assert_eq!((goals[0].measured.as_str(), goals[0].met), ("3.00x", true));
        assert_eq!((goals[3].measured.as_str(), goals[3].met), ("66.67%", false));
        let table = table(&rows, ["ours", "one", "other"]);
        assert_eq!(table.rows[0][..5], ["ours", "100", "2.0", "80.0", "-"]);
        assert_eq!(table.rows[1][10], "150");
    }
}
