//! Land below a line of heights: dunes, ridges, waves.

use super::super::geometry::{Bounds, Frame, Point};
use super::super::noise::lerp;
use super::{Columns, Shape};

/// Everything below a line that runs across the picture.
pub(in super::super) struct Skyline {
    /// The line's y at even steps across the frame, ends included.
    heights: Vec<f32>,
    /// Steps in a unit.
    density: f32,
}

impl Skyline {
    /// The number of steps across the frame: two columns each on the largest canvas.
    const STEPS: u16 = 2048;

    /// The land below the line `height`, which maps x to y.
    pub(in super::super) fn new(frame: Frame, height: impl Fn(f32) -> f32) -> Self {
        let density = f32::from(Self::STEPS) / frame.width;
        Self { heights: (0..=Self::STEPS).map(|step| height(f32::from(step) / density)).collect(), density }
    }

    /// The y of the highest point.
    pub(in super::super) fn summit(&self) -> f32 {
        self.heights.iter().copied().fold(f32::MAX, f32::min)
    }
}

impl Shape for Skyline {
    fn bounds(&self) -> Bounds {
        Bounds { low: Point::new(Bounds::EVERYWHERE.low.x, self.summit()), ..Bounds::EVERYWHERE }
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        let last = usize::from(Self::STEPS) - 1;
        columns.fill(distances, |x| {
            let place = (x * self.density).max(0.0);
            let step = (place as usize).min(last);
            let (from, to) = (self.heights[step], self.heights[step + 1]);
            let slope = (to - from) * self.density;
            (lerp(from, to, place - step as f32) - y) / (1.0 + slope * slope).sqrt()
        });
    }
}
