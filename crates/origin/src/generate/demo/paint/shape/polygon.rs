//! Straight-sided shapes with rounded corners.

use super::super::geometry::{Bounds, Point};
use super::{Columns, Shape};

/// The inside of a ring of corners, grown by a rounding radius.
pub(in super::super) struct Polygon {
    corners: Vec<Point>,
    rounding: f32,
}

impl Polygon {
    /// The polygon through `corners`, grown by `rounding` on every side.
    pub(in super::super) fn new(corners: Vec<Point>, rounding: f32) -> Self {
        Self { corners, rounding }
    }

    /// Each corner with the one after it.
    fn sides(&self) -> impl Iterator<Item = (Point, Point)> {
        self.corners.iter().copied().zip(self.corners.iter().copied().cycle().skip(1))
    }

    /// The signed distance of one point (Quilez, "2D distance functions").
    fn distance(&self, place: Point) -> f32 {
        let (mut nearest, mut inside) = (f32::MAX, false);
        for (from, to) in self.sides() {
            let (side, way) = (to - from, place - from);
            let along = (way.dot(side) / side.dot(side).max(1e-12)).clamp(0.0, 1.0);
            let gap = way - side * along;
            nearest = nearest.min(gap.dot(gap));
            let crosses = (from.y > place.y) != (to.y > place.y);
            inside ^= crosses && (way.x * side.y < way.y * side.x) == (side.y > 0.0);
        }
        if inside { -nearest.sqrt() - self.rounding } else { nearest.sqrt() - self.rounding }
    }
}

impl Shape for Polygon {
    fn bounds(&self) -> Bounds {
        Bounds::holding(&self.corners, self.rounding)
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        columns.fill(distances, |x| self.distance(Point::new(x, y)));
    }
}
