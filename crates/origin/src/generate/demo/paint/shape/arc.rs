//! Part of a ring, with round ends.

use super::super::geometry::{Bounds, Point, sine};
use super::{Columns, Shape};

/// A ring from which a notch may be missing.
#[derive(Clone, Copy)]
pub(in super::super) struct Arc {
    centre: Point,
    radius: f32,
    width: f32,
    /// The direction of the arc's middle.
    middle: Point,
    /// Half the arc's sweep, as the direction of its end seen from the middle.
    end: Point,
}

impl Arc {
    /// The arc around `centre` whose middle lies in the direction `turns` and which sweeps over `sweep` turns.
    pub(in super::super) fn new(centre: Point, radius: f32, width: f32, turns: f32, sweep: f32) -> Self {
        let half = sweep / 2.0;
        let end = Point::new(sine(half), sine(half + 0.25));
        Self { centre, radius, width, middle: Point::towards(turns), end }
    }
}

impl Shape for Arc {
    fn bounds(&self) -> Bounds {
        Bounds::around(self.centre, self.radius + self.width / 2.0)
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        let side = self.middle.turned();
        columns.fill(distances, |x| {
            let way = Point::new(x, y) - self.centre;
            // Both halves are alike: look at the one that holds the point.
            let local = Point::new(way.dot(side).abs(), way.dot(self.middle));
            let outside = self.end.y * local.x > self.end.x * local.y;
            let line =
                if outside { (local - self.end * self.radius).length() } else { (local.length() - self.radius).abs() };
            line - self.width / 2.0
        });
    }
}
