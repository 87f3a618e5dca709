//! Layers: a shape, the ink it is filled with, and how the ink meets what lies below. `paint` runs all the layers over
//! one row at a time, so a picture needs the memory of a row beside its bytes, at any size.

use super::colour::{Ramp, Rgb};
use super::geometry::{Bounds, Point};
use super::grain::hash;
use super::random::mix;
use super::shape::{Columns, Shape};

/// The row that is being painted.
pub(super) struct Row {
    /// The colours so far.
    pub(super) pixels: Vec<Rgb>,
    distances: Vec<f32>,
    clips: Vec<f32>,
    line: u32,
    unit: f32,
}

impl Row {
    /// A row of `width` pixels, of which `unit` make a unit.
    pub(super) fn new(width: usize, unit: f32) -> Self {
        let (distances, clips) = (vec![0.0; width], vec![0.0; width]);
        Self { pixels: vec![Rgb([0.0; 3]); width], distances, clips, line: 0, unit }
    }

    /// Moves on to the row numbered `line`.
    pub(super) fn start(&mut self, line: u32) {
        self.line = line;
    }
}

/// What a shape is filled with.
pub(super) enum Ink {
    /// One colour.
    Flat(Rgb),
    /// A gradient along the way from one point to another.
    Linear(Ramp, Point, Point),
    /// A gradient from a point outward, as far as a radius.
    Radial(Ramp, Point, f32),
}

impl From<Rgb> for Ink {
    fn from(colour: Rgb) -> Self {
        Self::Flat(colour)
    }
}

/// How ink meets what lies below it.
#[derive(Clone, Copy)]
enum Blend {
    /// It covers.
    Cover,
    /// It darkens, as a glaze does.
    Multiply,
    /// It lightens, as light does.
    Screen,
}

/// One shape in one ink.
pub(super) struct Layer {
    shape: Box<dyn Shape>,
    /// Where the layer can be seen.
    bounds: Bounds,
    ink: Ink,
    blend: Blend,
    opacity: f32,
    softness: f32,
    spray: f32,
    clip: Option<Box<dyn Shape>>,
}

impl Layer {
    /// A shape with a crisp edge, in covering ink.
    pub(super) fn new(shape: impl Shape + 'static, ink: impl Into<Ink>) -> Self {
        let (bounds, shape, ink) = (shape.bounds(), Box::new(shape), ink.into());
        Self { shape, bounds, ink, blend: Blend::Cover, opacity: 1.0, softness: 0.0, spray: 0.0, clip: None }
    }

    /// Lets what lies below shine through.
    pub(super) fn opacity(mut self, opacity: f32) -> Self {
        self.opacity = opacity;
        self
    }

    /// Blurs the edge over `softness` units on both sides.
    pub(super) fn soft(mut self, softness: f32) -> Self {
        self.softness = softness;
        self.bounds = self.bounds.grown(softness);
        self
    }

    /// Breaks up what is half covered into specks, as a spray can does; 0.0 is smooth, 1.0 is coarse.
    pub(super) fn sprayed(mut self, spray: f32) -> Self {
        self.spray = spray;
        self
    }

    /// Darkens what lies below.
    pub(super) fn multiply(mut self) -> Self {
        self.blend = Blend::Multiply;
        self
    }

    /// Lightens what lies below.
    pub(super) fn screen(mut self) -> Self {
        self.blend = Blend::Screen;
        self
    }

    /// Keeps the ink inside another shape.
    pub(super) fn within(mut self, clip: impl Shape + 'static) -> Self {
        self.bounds = self.bounds.meet(clip.bounds());
        self.clip = Some(Box::new(clip));
        self
    }

    /// Paints the part of the layer that lies on the row.
    pub(super) fn paint(&self, row: &mut Row) {
        let y = (row.line as f32 + 0.5) / row.unit;
        let Some((start, end)) = self.span(row, y) else { return };
        let columns = Columns { first: (start as f32 + 0.5) / row.unit, step: 1.0 / row.unit };
        let distances = &mut row.distances[start..end];
        self.shape.measure(y, columns, distances);
        let edge = if self.softness > 0.0 { 0.5 / self.softness } else { row.unit };
        distances.iter_mut().for_each(|slot| *slot = cover(*slot, edge, self.softness > 0.0) * self.opacity);
        if let Some(clip) = &self.clip {
            let clips = &mut row.clips[start..end];
            clip.measure(y, columns, clips);
            distances.iter_mut().zip(clips).for_each(|(slot, clip)| *slot *= cover(*clip, row.unit, false));
        }
        if self.spray > 0.0 {
            spray(distances, self.spray, mix(u64::from(row.line)), start);
        }
        self.fill(&mut row.pixels[start..end], &row.distances[start..end], columns, y);
    }

    /// The columns that the layer can touch on this row, if any.
    fn span(&self, row: &Row, y: f32) -> Option<(usize, usize)> {
        let pixel = 1.0 / row.unit;
        let bounds = self.bounds.grown(pixel);
        if y < bounds.low.y || y > bounds.high.y {
            return None;
        }
        let column = |x: f32| ((x * row.unit).max(0.0) as usize).min(row.pixels.len());
        let (start, end) = (column(bounds.low.x), column(bounds.high.x + pixel));
        (start < end).then_some((start, end))
    }

    /// Lays the ink on the pixels, each as far as it is covered.
    fn fill(&self, pixels: &mut [Rgb], covers: &[f32], columns: Columns, y: f32) {
        match &self.ink {
            Ink::Flat(colour) => self.lay(pixels, covers, |_| *colour),
            Ink::Linear(ramp, from, to) => {
                let way = *to - *from;
                let scale = 1.0 / way.dot(way).max(1e-12);
                let place = |x: f32| (Point::new(x, y) - *from).dot(way) * scale;
                if way.x == 0.0 {
                    let colour = ramp.at(place(0.0));
                    self.lay(pixels, covers, |_| colour);
                } else {
                    self.lay(pixels, covers, |index| ramp.at(place(columns.x(index))));
                }
            }
            Ink::Radial(ramp, centre, radius) => {
                self.lay(pixels, covers, |index| ramp.at((Point::new(columns.x(index), y) - *centre).length() / radius))
            }
        }
    }

    fn lay(&self, pixels: &mut [Rgb], covers: &[f32], ink: impl Fn(usize) -> Rgb) {
        match self.blend {
            Blend::Cover => lay(pixels, covers, ink, |_, ink| ink),
            Blend::Multiply => lay(pixels, covers, ink, |below, ink| below * ink),
            Blend::Screen => lay(pixels, covers, ink, |below, ink| below + ink - below * ink),
        }
    }
}

/// Mixes each pixel with its ink; `meet` is the blend of one channel.
fn lay(pixels: &mut [Rgb], covers: &[f32], ink: impl Fn(usize) -> Rgb, meet: impl Fn(f32, f32) -> f32) {
    for (index, (pixel, cover)) in pixels.iter_mut().zip(covers).enumerate() {
        if *cover > 0.0 {
            let Rgb(ink) = ink(index);
            for (below, ink) in pixel.0.iter_mut().zip(ink) {
                *below += (meet(*below, ink) - *below) * cover;
            }
        }
    }
}

/// How far a point at this distance from the edge is covered. `edge` is one over the width of the edge.
fn cover(distance: f32, edge: f32, soft: bool) -> f32 {
    let share = (0.5 - distance * edge).clamp(0.0, 1.0);
    if soft { share * share * (3.0 - 2.0 * share) } else { share }
}

/// Scatters the covers around their value, most where they are near one half.
fn spray(covers: &mut [f32], strength: f32, salt: u64, start: usize) {
    for (column, cover) in (start as u64..).zip(covers) {
        let dice = (hash(salt, column) >> 8 & 0xffff) as f32 / 65_535.0 - 0.5;
        *cover = (*cover + 4.0 * strength * dice * *cover * (1.0 - *cover)).clamp(0.0, 1.0);
    }
}
