//! `pixels-thumbnail`: 1024 pixels to 256 as WebP of quality 85, from the bytes of a JPEG and of a PNG.
//!
//! Each library by the call that its documentation gives for a thumbnail, so that a JPEG may be decoded at a fraction of its
//! size. The score compares with the PNG scaled by Pillow's Lanczos filter; a library with another filter, or one that scales
//! light and not its code values, loses points there without being worse. The CPU is of all threads.

use std::path::Path;

use anyhow::Result;
use orbit_codec::Effort;
use serde::Serialize;

use super::{Arguments, Goal, QUALITY, goals, kilobytes, versions};
use crate::commands::{publish, say};
use crate::lab::encoder::{rendition, variant};
use crate::lab::gallery::Picture;
use crate::lab::judge::Judge;
use crate::lab::worker::{Cost, Job, Library, Made};
use crate::lab::{self, Cores, Lab, mean, timed};
use crate::results::Measurement;
use crate::table::{Table, figure};

const WIDTH: u32 = 256;
const SOURCES: [&str; 2] = ["JPEG", "PNG"];
/// Ours is the one that is no library of others.
const MAKERS: [Option<Library>; 4] = [None, Some(Library::Sharp), Some(Library::Pillow), Some(Library::Vips)];

/// One thumbnail of one picture.
#[derive(Clone, Debug, Serialize)]
struct Shot {
    picture: String,
    maker: &'static str,
    source: &'static str,
    #[serde(flatten)]
    cost: Cost,
    bytes: usize,
    score: f64,
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
    let shots = lab::each(&pictures, Cores::One, |lab, picture| shoot(lab, picture, turns))?.concat();
    let reached = SOURCES.map(|source| {
        let ratio = of(&shots, Some(Library::Sharp), source, |shot| shot.cost.ms)
            / of(&shots, None, source, |shot| shot.cost.ms);
        Goal::at_least(&format!("thumbnail of a {source}: faster than sharp's"), ratio, 3.0, "x")
    });
    let tables = [("pixels-thumbnail", table(&shots)), ("pixels-thumbnail-goals", goals(&reached))];
    let figures = Figures { versions, goals: &reached, shots: &shots };
    publish(&Measurement::new("pixels-thumbnail", tables, &figures)?, arguments.quick)
}

fn shoot(lab: &mut Lab, picture: &Picture, turns: u32) -> Result<Vec<Shot>> {
    let judge = Judge::of(lab, &picture.png, Some(WIDTH))?;
    let mut shots = Vec::new();
    for (source, path) in SOURCES.into_iter().zip([&picture.jpeg, &picture.png]) {
        for maker in MAKERS {
            let made = match maker {
                None => ours(path, turns)?,
                Some(library) => {
                    let quality = Some(QUALITY);
                    let job = Job { source: path, format: "webp", quality, effort: None, width: Some(WIDTH), turns };
                    lab.worker(library)?.make(&job)?
                }
            };
            let (bytes, score) = (made.bytes.len(), judge.score(lab, &made.bytes)?);
            let picture = picture.name.clone();
            shots.push(Shot { picture, maker: label(maker), source, cost: made.cost, bytes, score });
        }
    }
    Ok(shots)
}

fn ours(source: &Path, turns: u32) -> Result<Made> {
    let source = std::fs::read(source)?;
    let variant = variant(&format!("w={WIDTH}"))?;
    let (bytes, cost) = timed(turns, || rendition(&source, &variant, Effort::First))?;
    Ok(Made { bytes, cost })
}

fn label(maker: Option<Library>) -> &'static str {
    maker.map_or("Orbit", Library::label)
}

/// The mean over the pictures.
fn of(shots: &[Shot], maker: Option<Library>, source: &str, value: impl Fn(&Shot) -> f64) -> f64 {
    mean(shots.iter().filter(|shot| shot.maker == label(maker) && shot.source == source).map(value))
}

fn table(shots: &[Shot]) -> Table {
    let columns = ["1024 to 256, WebP", "JPEG, ms", "CPU ms", "KB", "score", "PNG, ms", "CPU ms", "KB", "score"];
    let mut table = Table::new(&columns);
    for maker in MAKERS {
        let mut row = vec![label(maker).to_owned()];
        for source in SOURCES {
            row.push(figure(of(shots, maker, source, |shot| shot.cost.ms)));
            row.push(figure(of(shots, maker, source, |shot| shot.cost.cpu_ms)));
            row.push(kilobytes(of(shots, maker, source, |shot| shot.bytes as f64)));
            row.push(format!("{:.1}", of(shots, maker, source, |shot| shot.score)));
        }
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_its_own_columns() {
        let shot = |maker, source, ms| {
            let cost = Cost { ms, cpu_ms: ms - 1.0 };
            Shot { picture: "a".into(), maker, source, cost, bytes: 1000, score: 80.0 }
        };
        let shots = [shot("Orbit", "JPEG", 2.0), shot("Orbit", "JPEG", 4.0), shot("Orbit", "PNG", 7.0)];
        let table = table(&shots);
        assert_eq!(table.rows[0], ["Orbit", "3.00", "2.00", "1.0", "80.0", "7.00", "6.00", "1.0", "80.0"]);
        assert_eq!(table.rows[1][1], "-");
    }
}
