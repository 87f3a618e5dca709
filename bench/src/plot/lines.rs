//! Lines: points that belong together, bytes from left to right on a logarithmic scale and a score upward, as SVG.
//!
//! Panels stand two in a row; each line has its words in a list below its panel, in its own colour and dashes.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{INK, MARGIN, PAPER, WIDTH};
use crate::table::figure;

/// Points that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its words.
    pub(crate) label: String,
    /// From left to right: bytes above zero, and the score.
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether it is Orbit's.
    pub(crate) ours: bool,
}

/// Lines under one title.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// The title, with the units.
    pub(crate) title: String,
    /// The lines, in the order of their words.
    pub(crate) lines: Vec<Line>,
}

const HEIGHT: i32 = 320;
const TITLE: i32 = 34;
const LEFT: i32 = 44;
const BELOW: i32 = 30;
const ENTRY: i32 = 20;
const GRID: RGBColor = RGBColor(225, 228, 232);
const OURS: [RGBColor; 3] = [RGBColor(9, 105, 218), RGBColor(84, 174, 255), RGBColor(130, 80, 223)];
const THEIRS: [RGBColor; 4] =
    [RGBColor(87, 96, 106), RGBColor(191, 135, 0), RGBColor(164, 14, 38), RGBColor(26, 127, 55)];

/// Draws the panels into the file at `path`.
pub(crate) fn draw(path: &Path, panels: &[Panel]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, svg(panels)?).with_context(|| path.display().to_string())
}

fn svg(panels: &[Panel]) -> Result<String> {
    let most = panels.iter().map(|panel| panel.lines.len()).max().unwrap_or(0);
    let height = TITLE + HEIGHT + BELOW + ENTRY * i32::try_from(most)? + 2 * MARGIN;
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, u32::try_from(height)?)).into_drawing_area();
        area.fill(&PAPER)?;
        for (panel, place) in panels.iter().zip(area.split_evenly((1, panels.len().max(2)))) {
            draw_panel(panel, &place)?;
        }
        area.present()?;
    }
    Ok(text)
}

fn draw_panel(panel: &Panel, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
    let (width, _) = area.dim_in_pixel();
    let frame = Frame::of(&panel.lines, i32::try_from(width)?);
    let title = ("sans-serif", 15).into_font().style(FontStyle::Bold).color(&INK);
    area.draw_text(&panel.title, &title, (MARGIN, MARGIN))?;
    draw_grid(&frame, area)?;
    let words = ("sans-serif", 12).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    let mut used = [0, 0];
    for (number, line) in panel.lines.iter().enumerate() {
        let of = usize::from(!line.ours);
        let color = if line.ours { OURS[used[of] % OURS.len()] } else { THEIRS[used[of] % THEIRS.len()] };
        used[of] += 1;
        let style = color.stroke_width(if line.ours { 3 } else { 2 });
        let places: Vec<_> = line.points.iter().map(|&point| frame.place(point)).collect();
        area.draw(&PathElement::new(places.clone(), style))?;
        for place in places {
            area.draw(&Circle::new(place, 3, color.filled()))?;
        }
        let middle = frame.bottom + BELOW + ENTRY * i32::try_from(number)? + ENTRY / 2;
        area.draw(&PathElement::new([(frame.left, middle), (frame.left + 28, middle)], style))?;
        area.draw_text(&line.label, &words, (frame.left + 36, middle))?;
    }
    Ok(())
}

fn draw_grid(frame: &Frame, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
    let words = ("sans-serif", 11).into_font().color(&INK);
    let right = words.pos(Pos::new(HPos::Right, VPos::Center));
    let center = words.pos(Pos::new(HPos::Center, VPos::Top));
    for step in 0..=(frame.high - frame.low) as i32 / 5 {
        let score = frame.low + f64::from(5 * step);
        let (_, y) = frame.place((frame.least, score));
        area.draw(&PathElement::new([(frame.left, y), (frame.right, y)], GRID))?;
        area.draw_text(&format!("{score:.0}"), &right, (frame.left - 6, y))?;
    }
    for step in 0..=4 {
        let bytes = frame.least * (frame.most / frame.least).powf(f64::from(step) / 4.0);
        let (x, _) = frame.place((bytes, frame.low));
        area.draw(&PathElement::new([(x, frame.top), (x, frame.bottom)], GRID))?;
        area.draw_text(&figure(bytes), &center, (x, frame.bottom + 6))?;
    }
    Ok(())
}

/// Where bytes and scores lie in a panel.
struct Frame {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    least: f64,
    most: f64,
    low: f64,
    high: f64,
}

impl Frame {
    /// Holds every point, with scores from one multiple of five to another.
    fn of(lines: &[Line], width: i32) -> Self {
        let points = || lines.iter().flat_map(|line| &line.points);
        let (bytes, scores) = (|| points().map(|point| point.0), || points().map(|point| point.1));
        let least = bytes().fold(f64::INFINITY, f64::min);
        let low = (scores().fold(f64::INFINITY, f64::min) / 5.0).floor() * 5.0;
        let high = (scores().fold(low + 5.0, f64::max) / 5.0).ceil() * 5.0;
        let (left, right) = (MARGIN + LEFT, width - 2 * MARGIN);
        let (top, bottom) = (MARGIN + TITLE, MARGIN + TITLE + HEIGHT);
        Self { left, right, top, bottom, least, most: bytes().fold(least * 1.01, f64::max), low, high }
    }

    fn place(&self, (bytes, score): (f64, f64)) -> (i32, i32) {
        let across = (bytes / self.least).ln() / (self.most / self.least).ln();
        let up = (score - self.low) / (self.high - self.low);
        let x = f64::from(self.left) + across * f64::from(self.right - self.left);
        let y = f64::from(self.bottom) - up * f64::from(self.bottom - self.top);
        (x.round() as i32, y.round() as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Line> {
        let line = |label: &str, points: &[(f64, f64)], ours| Line { label: label.into(), points: points.into(), ours };
        vec![line("theirs", &[(100.0, 61.0), (400.0, 83.0)], false), line("ours", &[(50.0, 70.0)], true)]
    }

    #[test]
    fn doubling_bytes_is_the_same_step_everywhere() {
        let frame = Frame::of(&lines(), 600);
        let x = |bytes| frame.place((bytes, 70.0)).0;
        assert!((x(100.0) - x(50.0)).abs_diff(x(400.0) - x(200.0)) <= 1);
        assert_eq!((frame.low, frame.high), (60.0, 85.0));
        assert!(frame.place((100.0, 83.0)).1 < frame.place((100.0, 61.0)).1);
    }

    #[test]
    fn every_line_and_its_words_are_in_the_picture() {
        let text = svg(&[Panel { title: "KB against score".into(), lines: lines() }]).unwrap();
        for word in ["KB against score", "theirs", "ours", "60", "85"] {
            assert!(text.contains(&format!("\n{word}\n")), "{word}");
        }
        assert_eq!(text.matches("<circle").count(), 3);
    }
}
