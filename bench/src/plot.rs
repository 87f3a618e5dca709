//! Plot: horizontal bars on a logarithmic scale, as SVG.
//!
//! Panels stand two in a row and are compared by their lengths; the value stands at each bar's end. The picture has
//! its own light background, so that it reads the same in light and dark pages.

pub(crate) mod lines;

use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table::figure;

/// One bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// The words to its left.
    pub(crate) label: String,
    /// Its length; above zero.
    pub(crate) value: f64,
    /// Whether it is Orbit's.
    pub(crate) ours: bool,
}

/// Bars of one unit under one title.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// The title, with the unit.
    pub(crate) title: String,
    /// The bars, from the top down.
    pub(crate) bars: Vec<Bar>,
}

const WIDTH: u32 = 1200;
const BAR_HEIGHT: i32 = 22;
const MARGIN: i32 = 16;
const TITLE: i32 = 34;
const LABELS: i32 = 230;
const VALUES: i32 = 60;
const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(31, 35, 40);
const OURS: RGBColor = RGBColor(9, 105, 218);
const THEIRS: RGBColor = RGBColor(175, 184, 193);

/// Draws the panels into the file at `path`.
pub(crate) fn draw(path: &Path, panels: &[Panel]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, svg(panels)?).with_context(|| path.display().to_string())
}

/// The panels as the text of an SVG.
fn svg(panels: &[Panel]) -> Result<String> {
    let most = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0);
    let panel_height = 2 * MARGIN + TITLE + BAR_HEIGHT * i32::try_from(most)?;
    let rows = panels.len().div_ceil(2);
    let mut text = String::new();
    {
        let height = u32::try_from(panel_height)? * u32::try_from(rows)?;
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        area.fill(&PAPER)?;
        for (panel, place) in panels.iter().zip(area.split_evenly((rows, 2))) {
            draw_panel(panel, &place)?;
        }
        area.present()?;
    }
    Ok(text)
}

fn draw_panel(panel: &Panel, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
    let (width, _) = area.dim_in_pixel();
    let longest = i32::try_from(width)? - 2 * MARGIN - LABELS - VALUES;
    let title = ("sans-serif", 15).into_font().style(FontStyle::Bold).color(&INK);
    area.draw_text(&panel.title, &title, (MARGIN, MARGIN))?;
    let words = ("sans-serif", 12).into_font().color(&INK);
    let left = words.pos(Pos::new(HPos::Left, VPos::Center));
    let right = words.pos(Pos::new(HPos::Right, VPos::Center));
    let scale = Scale::of(&panel.bars);
    let mut top = MARGIN + TITLE;
    for bar in &panel.bars {
        let middle = top + BAR_HEIGHT / 2;
        let start = MARGIN + LABELS;
        let end = start + (scale.share(bar.value) * f64::from(longest)).round() as i32;
        let color = if bar.ours { OURS } else { THEIRS };
        area.draw_text(&bar.label, &right, (start - 8, middle))?;
        area.draw(&Rectangle::new([(start, top + 3), (end, top + BAR_HEIGHT - 3)], color.filled()))?;
        area.draw_text(&figure(bar.value), &left, (end + 6, middle))?;
        top += BAR_HEIGHT;
    }
    Ok(())
}

/// From half the smallest value to the largest, in orders of magnitude.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(bars: &[Bar]) -> Self {
        let values = || bars.iter().map(|bar| bar.value);
        let low = values().fold(f64::INFINITY, f64::min) / 2.0;
        Self { low, high: values().fold(low, f64::max) }
    }

    /// The bar's length as a share of the longest.
    fn share(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars() -> Vec<Bar> {
        let bar = |label: &str, value, ours| Bar { label: label.into(), value, ours };
        vec![bar("theirs", 10.0, false), bar("ours", 0.1, true)]
    }

    #[test]
    fn a_step_on_the_scale_is_a_ratio() {
        let scale = Scale::of(&bars());
        assert!((scale.share(10.0) - 1.0).abs() < 1e-9);
        let step = scale.share(1.0) - scale.share(0.1);
        assert!((scale.share(10.0) - scale.share(1.0) - step).abs() < 1e-9);
        assert!(scale.share(0.1) > 0.0);
    }

    #[test]
    fn every_label_and_value_is_in_the_picture() {
        let panel = Panel { title: "median latency, ms".into(), bars: bars() };
        let text = svg(&[panel.clone(), panel]).unwrap();
        for word in ["median latency, ms", "theirs", "ours", "10.0", "0.10"] {
            assert_eq!(text.matches(&format!("\n{word}\n")).count(), 2, "{word}");
        }
    }
}
