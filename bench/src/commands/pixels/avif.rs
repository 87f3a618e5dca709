//! `pixels-avif`: bytes against score of every encoder, WebP and AVIF, and what AVIF costs.
//!
//! 1. Every encoder at several settings of its own, on all cores: curves of bytes against SSIMULACRA2, drawn as
//!    `docs/pixels-curves.svg`.
//! 2. Bytes at the scores that sharp's AVIF of quality 50, its default, and sharp's WebP of quality 85 come to.
//! 3. Timed on one core, each at the setting that comes closest to the first of these scores.

use anyhow::{Context, Result};
use orbit_codec::Effort;
use serde::Serialize;

use super::{Arguments, curve, versions};
use crate::commands::{publish, say};
use crate::lab::encoder::Encoder;
use crate::lab::judge::Judge;
use crate::lab::rate::{Curve, ratio};
use crate::lab::worker::Library;
use crate::lab::{self, Cores, mean};
use crate::plot::lines::{self, Line, Panel};
use crate::results::{self, Measurement};
use crate::table::{Table, figure};

/// AVIF takes seconds, so that there are fewer pictures; of these, some are timed.
const PICTURES: usize = 6;
const TIMED: usize = 3;

/// An encoder and the settings that its curve goes through.
struct Series {
    encoder: Encoder,
    settings: &'static [u8],
}

const SHARP_AVIF: Encoder = Encoder::Peer(Library::Sharp, "avif", None);
const SHARP_WEBP: Encoder = Encoder::Peer(Library::Sharp, "webp", None);
const WEBP: &[u8] = &[40, 60, 75, 85, 92];
const AVIF: &[u8] = &[45, 60, 75, 85, 92];
const SERIES: [Series; 8] = [
    Series { encoder: Encoder::First, settings: WEBP },
    Series { encoder: Encoder::Second, settings: WEBP },
    Series { encoder: SHARP_WEBP, settings: WEBP },
    Series { encoder: Encoder::Peer(Library::Sharp, "webp", Some(6)), settings: WEBP },
    Series { encoder: Encoder::Rendition("avif", Effort::First), settings: AVIF },
    Series { encoder: Encoder::Rendition("avif", Effort::Best), settings: AVIF },
    Series { encoder: SHARP_AVIF, settings: &[40, 50, 60, 75] },
    Series { encoder: Encoder::Peer(Library::Pillow, "avif", None), settings: &[50, 65, 80, 90] },
];
/// What is held against what: the settings whose scores the others are to come to.
const ANCHORS: [(Encoder, u8); 2] = [(SHARP_AVIF, 50), (SHARP_WEBP, 85)];

/// Every curve of one picture, in the order of the series.
#[derive(Debug, Serialize)]
struct Sheet {
    picture: String,
    curves: Vec<Curve>,
}

/// One encoder, timed at the setting that comes to the first anchor's score.
#[derive(Debug, Serialize)]
struct Price {
    encoder: String,
    quality: Option<u8>,
    ms: f64,
}

#[derive(Serialize)]
struct Figures<'a> {
    versions: Vec<String>,
    encoders: Vec<String>,
    sheets: &'a [Sheet],
    costs: &'a [Price],
}

/// Measures, prints, draws and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (pictures, _) = arguments.open(PICTURES)?;
    let versions = versions(&[Library::Pillow, Library::Sharp])?;
    say(&format!("encoding {} pictures beside {}", pictures.len(), versions.join("; ")));
    let sheets = lab::each(&pictures, Cores::All, |lab, picture| {
        let judge = Judge::of(lab, &picture.png, None)?;
        let mut curves = Vec::new();
        for series in &SERIES {
            curves.push(curve(lab, &judge, series.settings, |lab, quality| {
                Ok(series.encoder.encode(lab, &picture.png, quality, 0)?.bytes)
            })?);
        }
        say(&format!("{} is done", picture.name));
        Ok(Sheet { picture: picture.name.clone(), curves })
    })?;
    say("timing");
    let settings = settings(&sheets)?;
    let timed = pictures.get(..TIMED.min(pictures.len())).unwrap_or_default();
    let times = lab::each(timed, Cores::One, |lab, picture| {
        let time = |(series, quality): (&Series, &Option<u8>)| match *quality {
            Some(quality) => Ok(series.encoder.encode(lab, &picture.png, quality, 1)?.cost.ms),
            None => Ok(f64::NAN),
        };
        SERIES.iter().zip(&settings).map(time).collect::<Result<Vec<_>>>()
    })?;
    let cost = |(index, (series, quality)): (usize, (&Series, Option<u8>))| {
        let ms = mean(times.iter().filter_map(|picture| picture.get(index)).copied());
        Price { encoder: series.encoder.label(), quality, ms }
    };
    let costs: Vec<_> = SERIES.iter().zip(settings).enumerate().map(cost).collect();
    if !arguments.quick {
        lines::draw(&results::project().join("docs/pixels-curves.svg"), &panels(&sheets))?;
    }
    let encoders = SERIES.iter().map(|series| series.encoder.label()).collect();
    let figures = Figures { versions, encoders, sheets: &sheets, costs: &costs };
    publish(&Measurement::new("pixels-avif", [("pixels-avif", table(&sheets, &costs)?)], &figures)?, arguments.quick)
}

/// The mean curve of each series.
fn means(sheets: &[Sheet]) -> Vec<Curve> {
    let of = |index: usize| sheets.iter().filter_map(|sheet| sheet.curves.get(index)).cloned().collect::<Vec<_>>();
    (0..SERIES.len()).map(|index| Curve::mean(&of(index))).collect()
}

/// Each series' setting that comes to the mean score of the first anchor, where its curve gets there.
fn settings(sheets: &[Sheet]) -> Result<Vec<Option<u8>>> {
    let means = means(sheets);
    let (anchor, quality) = ANCHORS[0];
    let score = score(&means, anchor, quality)?;
    Ok(means.iter().map(|curve| curve.quality_at(score).map(|quality| quality.round() as u8)).collect())
}

/// The score that a setting of a series comes to.
fn score(curves: &[Curve], encoder: Encoder, quality: u8) -> Result<f64> {
    let index = SERIES.iter().position(|series| series.encoder == encoder).context("there is no such series")?;
    let points = curves.get(index).map(|curve| curve.points.iter()).context("a series has no curve")?;
    let mut points = points.filter(|point| (point.quality - f64::from(quality)).abs() < 1e-9);
    Ok(points.next().with_context(|| format!("{} has no setting {quality}", encoder.label()))?.score)
}

/// Bytes of a series for those of an anchor at the anchor's score, over the pictures where the curve gets there.
fn against(sheets: &[Sheet], series: usize, (anchor, quality): (Encoder, u8)) -> Result<(f64, usize)> {
    let mut ratios = Vec::new();
    for sheet in sheets {
        let score = score(&sheet.curves, anchor, quality)?;
        let index = SERIES.iter().position(|series| series.encoder == anchor);
        let theirs = index.and_then(|index| sheet.curves.get(index)?.bytes_at(score));
        let ours = sheet.curves.get(series).and_then(|curve| curve.bytes_at(score));
        ratios.push(ours.zip(theirs).map(|(ours, theirs)| ours / theirs));
    }
    Ok(ratio(ratios.into_iter()))
}

fn table(sheets: &[Sheet], costs: &[Price]) -> Result<Table> {
    let columns = ["bytes at equal SSIMULACRA2", "of sharp AVIF 50", "of sharp WebP 85", "quality for the first", "ms"];
    let mut table = Table::new(&columns);
    for (index, (series, cost)) in SERIES.iter().zip(costs).enumerate() {
        let mut row = vec![series.encoder.label()];
        for anchor in ANCHORS {
            let (ratio, count) = against(sheets, index, anchor)?;
            row.push(match count {
                0 => "-".to_owned(),
                count if count == sheets.len() => format!("{:.1}%", 100.0 * ratio),
                count => format!("{:.1}% ({count} of {})", 100.0 * ratio, sheets.len()),
            });
        }
        row.push(cost.quality.map_or_else(|| "-".to_owned(), |quality| quality.to_string()));
        row.push(figure(cost.ms));
        table.push(row);
    }
    Ok(table)
}

/// One panel for each format: the means of all pictures.
fn panels(sheets: &[Sheet]) -> [Panel; 2] {
    let means = means(sheets);
    ["WebP", "AVIF"].map(|format| {
        let those = SERIES.iter().zip(&means).filter(|(series, _)| series.encoder.label().contains(format));
        let line = |(series, curve): (&Series, &Curve)| Line {
            label: series.encoder.label(),
            points: curve.points.iter().map(|point| (point.bytes / 1000.0, point.score)).collect(),
            ours: series.encoder.is_ours(),
        };
        Panel { title: format!("{format}: SSIMULACRA2 against KB, mean"), lines: those.map(line).collect() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::rate::Point;

    /// Curves that all come to the same scores, ours with half the bytes.
    fn sheet() -> Sheet {
        let curve = |series: &Series| {
            let factor = if series.encoder.is_ours() { 0.5 } else { 1.0 };
            let point = |&quality: &u8| Point {
                quality: quality.into(),
                bytes: factor * f64::from(quality).exp2(),
                score: quality.into(),
            };
            Curve::new(series.settings.iter().map(point).collect())
        };
        Sheet { picture: "a".into(), curves: SERIES.iter().map(curve).collect() }
    }

    #[test]
    fn bytes_are_compared_at_equal_scores() {
        let sheets = [sheet(), sheet()];
        let costs: Vec<_> = SERIES
            .iter()
            .zip(settings(&sheets).unwrap())
            .map(|(series, quality)| Price { encoder: series.encoder.label(), quality, ms: 1.0 })
            .collect();
        let table = table(&sheets, &costs).unwrap();
        assert_eq!(table.rows[0][1..4], ["50.0%", "50.0%", "50"]);
        assert_eq!(table.rows[6][1..4], ["100.0%", "-", "50"]);
    }

    #[test]
    fn each_format_has_its_panel() {
        let panels = panels(&[sheet()]);
        assert_eq!(panels.map(|panel| panel.lines.len()), [4, 4]);
    }
}
