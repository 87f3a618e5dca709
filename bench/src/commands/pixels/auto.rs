//! `pixels-auto`: what `q=auto` saves, and what its search costs.
//!
//! A fixed quality gives some pictures more than they need and others less; `q=auto` is to give all the same score. So it is
//! compared with the fixed quality that has the same mean score, read off the curve through several, and with quality 85.

use anyhow::Result;
use orbit_codec::{Effort, Terms};
use serde::Serialize;

use super::{Arguments, QUALITY, curve, kilobytes, smaller};
use crate::commands::{publish, say};
use crate::lab::encoder::{rendition, variant};
use crate::lab::gallery::Picture;
use crate::lab::judge::Judge;
use crate::lab::rate::{Curve, Point};
use crate::lab::{self, Cores, Lab, mean, timed};
use crate::results::Measurement;
use crate::table::{Table, figure};

/// A format and how much of it the time allows.
struct Format {
    name: &'static str,
    /// The effort of a rendition of fixed quality: WebP is made while somebody waits, AVIF behind, as is all of `q=auto`.
    fixed: Effort,
    settings: &'static [u8],
    pictures: usize,
    timed: usize,
}

const FORMATS: [Format; 2] = [
    Format { name: "webp", fixed: Effort::First, settings: &[60, 70, 80, QUALITY, 90, 95], pictures: 12, timed: 12 },
    Format { name: "avif", fixed: Effort::Best, settings: &[55, 70, QUALITY, 92], pictures: 6, timed: 4 },
];

/// One picture in one format.
#[derive(Debug, Serialize)]
struct Sheet {
    picture: String,
    fixed: Curve,
    auto: Point,
}

#[derive(Debug, Serialize)]
struct Outcome {
    format: &'static str,
    sheets: Vec<Sheet>,
    auto_ms: f64,
    fixed_ms: f64,
}

/// Measures, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut outcomes = Vec::new();
    for format in &FORMATS {
        let (pictures, turns) = arguments.open(format.pictures)?;
        say(&format!("{}: encoding {} pictures", format.name, pictures.len()));
        let sheets = lab::each(&pictures, Cores::All, |lab, picture| measure(lab, picture, format))?;
        let timed = pictures.get(..format.timed.min(pictures.len())).unwrap_or_default();
        let times = lab::each(timed, Cores::One, |_, picture| time(picture, format, turns.min(3)))?;
        let [auto_ms, fixed_ms] = [0, 1].map(|index: usize| mean(times.iter().map(|times| times[index])));
        outcomes.push(Outcome { format: format.name, sheets, auto_ms, fixed_ms });
    }
    publish(&Measurement::new("pixels-auto", [("pixels-auto", table(&outcomes))], &outcomes)?, arguments.quick)
}

fn measure(lab: &mut Lab, picture: &Picture, format: &Format) -> Result<Sheet> {
    let judge = Judge::of(lab, &picture.png, None)?;
    let source = std::fs::read(&picture.png)?;
    let fixed = curve(lab, &judge, format.settings, |_, quality| {
        rendition(&source, &variant(&format!("q={quality}&fm={}", format.name))?, format.fixed)
    })?;
    let auto = variant(&format!("q=auto&fm={}", format.name))?;
    let made = orbit_codec::transform(&source, &auto, &Terms { effort: Effort::Best, ..Terms::default() })?;
    let score = judge.score(lab, &made.bytes)?;
    let auto = Point { quality: made.quality.into(), bytes: made.bytes.len() as f64, score };
    Ok(Sheet { picture: picture.name.clone(), fixed, auto })
}

/// Milliseconds of `q=auto` and of quality 85.
fn time(picture: &Picture, format: &Format, turns: u32) -> Result<[f64; 2]> {
    let source = std::fs::read(&picture.png)?;
    let mut times = [0.0; 2];
    let ways = [("auto".to_owned(), Effort::Best), (QUALITY.to_string(), format.fixed)];
    for (ms, (quality, effort)) in times.iter_mut().zip(ways) {
        let variant = variant(&format!("q={quality}&fm={}", format.name))?;
        let (_, cost) = timed(turns, || rendition(&source, &variant, effort))?;
        *ms = cost.ms;
    }
    Ok(times)
}

impl Outcome {
    fn row(&self, name: &str, ms: f64, of: impl Fn(&Sheet) -> Option<Point>) -> Vec<String> {
        let points: Vec<Point> = self.sheets.iter().filter_map(of).collect();
        let scores = || points.iter().map(|point| point.score);
        let kb = kilobytes(mean(points.iter().map(|point| point.bytes)));
        let mut row = vec![format!("{}, {name}", self.format), kb, format!("{:.2}", mean(scores()))];
        row.push(format!("{:.1}", scores().fold(f64::INFINITY, f64::min)));
        row.push(format!("{:.1}", scores().fold(f64::NEG_INFINITY, f64::max)));
        row.push(figure(ms));
        row
    }

    /// The fixed quality with the mean score of `auto`, and the bytes that `auto` saves against it.
    fn saved(&self) -> Option<(f64, f64)> {
        let fixed = Curve::mean(&self.sheets.iter().map(|sheet| sheet.fixed.clone()).collect::<Vec<_>>());
        let score = mean(self.sheets.iter().map(|sheet| sheet.auto.score));
        let bytes = mean(self.sheets.iter().map(|sheet| sheet.auto.bytes));
        Some((fixed.quality_at(score)?, smaller(bytes, fixed.bytes_at(score)?)))
    }
}

fn table(outcomes: &[Outcome]) -> Table {
    let columns = ["rendition", "KB", "SSIMULACRA2", "lowest", "highest", "ms", "auto saves"];
    let mut table = Table::new(&columns);
    for outcome in outcomes {
        let at = |quality: u8| move |point: &Point| (point.quality - f64::from(quality)).abs() < 1e-9;
        let fixed = |sheet: &Sheet| sheet.fixed.points.iter().copied().find(at(QUALITY));
        let mut row = outcome.row(&format!("quality {QUALITY}"), outcome.fixed_ms, fixed);
        let bytes =
            |of: &dyn Fn(&Sheet) -> Option<Point>| mean(outcome.sheets.iter().filter_map(of).map(|point| point.bytes));
        let auto = |sheet: &Sheet| Some(sheet.auto);
        row.push(format!("{:.1}%", smaller(bytes(&auto), bytes(&fixed))));
        table.push(row);
        let mut row = outcome.row("auto", outcome.auto_ms, auto);
        row.push(String::new());
        table.push(row);
        let (name, saved) = match outcome.saved() {
            Some((quality, saved)) => (format!("quality {quality:.0}, the same mean score"), format!("{saved:.1}%")),
            None => ("no fixed quality has its mean score".to_owned(), "-".to_owned()),
        };
        let empty = std::iter::repeat_n(String::new(), columns.len() - 2);
        table.push([format!("{}, {name}", outcome.format)].into_iter().chain(empty).chain([saved]).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_held_against_the_fixed_quality_of_the_same_mean_score() {
        let point = |quality, bytes, score| Point { quality, bytes, score };
        let sheet = |auto| Sheet {
            picture: "a".into(),
            fixed: Curve::new(vec![point(80.0, 1000.0, 70.0), point(85.0, 4000.0, 80.0)]),
            auto,
        };
        let sheets = vec![sheet(point(81.0, 1000.0, 74.0)), sheet(point(83.0, 2000.0, 76.0))];
        let outcome = Outcome { format: "webp", sheets, auto_ms: 90.0, fixed_ms: 30.0 };
        let (quality, saved) = outcome.saved().unwrap();
        assert!((quality - 82.5).abs() < 1e-9 && (saved - 25.0).abs() < 1e-6, "{quality} {saved}");
        let table = table(&[outcome]);
        assert_eq!(table.rows[0][1..], ["4.0", "80.00", "80.0", "80.0", "30.0", "62.5%"]);
        assert_eq!(table.rows[1][1..], ["1.5", "75.00", "74.0", "76.0", "90.0", ""]);
        assert_eq!(table.rows[2][6], "25.0%");
    }
}
