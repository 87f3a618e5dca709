//! Shapes as signed distances: below zero inside, above zero outside, in units. A layer turns the distance into an
//! antialiased edge or a soft one, so no shape knows about pixels. Shapes answer a whole row at a time: the call is
//! dynamic once a row, and what depends on y alone is computed once.

mod arc;
mod contour;
mod polygon;
mod skyline;
mod stroke;

pub(super) use self::arc::Arc;
pub(super) use self::contour::{Contour, Field};
pub(super) use self::polygon::Polygon;
pub(super) use self::skyline::Skyline;
pub(super) use self::stroke::Stroke;

use super::geometry::{Bounds, Point};

/// The centres of the pixels that a row asks about.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// The x of the first.
    pub(super) first: f32,
    /// The way from each to the next.
    pub(super) step: f32,
}

impl Columns {
    /// The x of the column with this index.
    pub(super) fn x(self, index: usize) -> f32 {
        self.first + index as f32 * self.step
    }

    /// Sets each distance from the x of its column.
    pub(super) fn fill(self, distances: &mut [f32], distance: impl Fn(f32) -> f32) {
        for (index, slot) in distances.iter_mut().enumerate() {
            *slot = distance(self.x(index));
        }
    }
}

/// Something with an inside.
pub(super) trait Shape {
    /// A box outside which no point is inside.
    fn bounds(&self) -> Bounds;

    /// Sets the signed distances of the points at `columns` on the row `y`.
    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]);
}

/// The whole picture.
pub(super) struct Everywhere;

impl Shape for Everywhere {
    fn bounds(&self) -> Bounds {
        Bounds::EVERYWHERE
    }

    fn measure(&self, _: f32, _: Columns, distances: &mut [f32]) {
        distances.fill(-1.0);
    }
}

/// A filled circle.
#[derive(Clone, Copy)]
pub(super) struct Disc {
    /// The middle.
    pub(super) centre: Point,
    /// From the middle to the edge.
    pub(super) radius: f32,
}

impl Shape for Disc {
    fn bounds(&self) -> Bounds {
        Bounds::around(self.centre, self.radius)
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        let down = (y - self.centre.y) * (y - self.centre.y);
        columns.fill(distances, |x| {
            let across = x - self.centre.x;
            (across * across + down).sqrt() - self.radius
        });
    }
}

/// A circle's line.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    /// The middle.
    pub(super) centre: Point,
    /// From the middle to the middle of the line.
    pub(super) radius: f32,
    /// The line's whole width.
    pub(super) width: f32,
}

impl Shape for Ring {
    fn bounds(&self) -> Bounds {
        Bounds::around(self.centre, self.radius + self.width / 2.0)
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        let down = (y - self.centre.y) * (y - self.centre.y);
        columns.fill(distances, |x| {
            let across = x - self.centre.x;
            ((across * across + down).sqrt() - self.radius).abs() - self.width / 2.0
        });
    }
}

/// The part of a disc on one side of a line through its middle.
#[derive(Clone, Copy)]
pub(super) struct HalfDisc {
    /// The whole disc.
    pub(super) disc: Disc,
    /// The direction, in turns, in which the half bulges.
    pub(super) turns: f32,
}

impl Shape for HalfDisc {
    fn bounds(&self) -> Bounds {
        self.disc.bounds()
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        let bulge = Point::towards(self.turns);
        columns.fill(distances, |x| {
            let way = Point::new(x, y) - self.disc.centre;
            (way.length() - self.disc.radius).max(-way.dot(bulge))
        });
    }
}

/// A box along the axes.
#[derive(Clone, Copy)]
pub(super) struct Rectangle {
    /// Its corners.
    pub(super) bounds: Bounds,
}

impl Shape for Rectangle {
    fn bounds(&self) -> Bounds {
        self.bounds
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        let Bounds { low, high } = self.bounds;
        let down = (low.y - y).max(y - high.y);
        columns.fill(distances, |x| (low.x - x).max(x - high.x).max(down));
    }
}
