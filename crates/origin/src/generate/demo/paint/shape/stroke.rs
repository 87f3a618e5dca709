//! A line drawn with a round brush.

use super::super::geometry::{Bounds, Point};
use super::{Columns, Shape};

/// A line through points, as wide at each of them as its brush is there.
pub(in super::super) struct Stroke {
    points: Vec<Point>,
    radius: f32,
}

impl Stroke {
    /// The line through `points`, drawn with a brush of `radius`.
    pub(in super::super) fn new(points: Vec<Point>, radius: f32) -> Self {
        Self { points, radius }
    }
}

impl Shape for Stroke {
    fn bounds(&self) -> Bounds {
        Bounds::holding(&self.points, self.radius)
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        distances.fill(f32::MAX);
        let reach = self.radius + 2.0 * columns.step;
        for pair in self.points.windows(2) {
            let &[from, to] = pair else { continue };
            if y < from.y.min(to.y) - reach || y > from.y.max(to.y) + reach {
                continue;
            }
            // Only the columns that this piece can touch: a negative index is cast to zero.
            let start = ((from.x.min(to.x) - reach - columns.first) / columns.step) as usize;
            let end = ((from.x.max(to.x) + reach - columns.first) / columns.step + 1.0) as usize;
            let (side, start) = (to - from, start.min(distances.len()));
            let scale = 1.0 / side.dot(side).max(1e-12);
            for (index, slot) in distances.iter_mut().enumerate().take(end).skip(start) {
                let way = Point::new(columns.x(index), y) - from;
                let along = (way.dot(side) * scale).clamp(0.0, 1.0);
                *slot = slot.min((way - side * along).length() - self.radius);
            }
        }
    }
}
