//! Points, boxes and the frame of a picture. Lengths are in units of the frame, never in pixels: a unit is the canvas's
//! short side, so a scene looks the same at every size. Also holds the sine that is the same on every machine.

use std::ops::{Add, Mul, Sub};

use super::Canvas;

/// A place, or the way from one place to another; x goes right and y goes down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// To the right.
    pub(super) x: f32,
    /// Down.
    pub(super) y: f32,
}

impl Point {
    /// The point at `x`, `y`.
    pub(super) const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The point one unit from zero in the direction `turns`: 0.0 is right, 0.25 is down, 1.0 is right again.
    pub(super) fn towards(turns: f32) -> Self {
        Self::new(sine(turns + 0.25), sine(turns))
    }

    /// The scalar product.
    pub(super) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    /// The distance from zero.
    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The same vector, a quarter turn on.
    pub(super) fn turned(self) -> Self {
        Self::new(-self.y, self.x)
    }
}

impl Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Point {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }
}

/// A box along the axes, from `low` to `high`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The left upper corner.
    pub(super) low: Point,
    /// The right lower corner.
    pub(super) high: Point,
}

impl Bounds {
    /// The box that holds everything.
    pub(super) const EVERYWHERE: Self = Self { low: Point::new(-1e6, -1e6), high: Point::new(1e6, 1e6) };

    /// The box that holds a disc.
    pub(super) fn around(centre: Point, radius: f32) -> Self {
        Self { low: centre, high: centre }.grown(radius)
    }

    /// The smallest box that holds `points`, grown by `margin` on each side.
    pub(super) fn holding(points: &[Point], margin: f32) -> Self {
        let start = Self { low: Point::new(1e6, 1e6), high: Point::new(-1e6, -1e6) };
        let tight = points.iter().fold(start, |bounds, point| Self {
            low: Point::new(bounds.low.x.min(point.x), bounds.low.y.min(point.y)),
            high: Point::new(bounds.high.x.max(point.x), bounds.high.y.max(point.y)),
        });
        tight.grown(margin)
    }

    /// The box with its sides moved out by `margin`.
    pub(super) fn grown(self, margin: f32) -> Self {
        let reach = Point::new(margin, margin);
        Self { low: self.low - reach, high: self.high + reach }
    }

    /// What both boxes hold.
    pub(super) fn meet(self, other: Self) -> Self {
        Self {
            low: Point::new(self.low.x.max(other.low.x), self.low.y.max(other.low.y)),
            high: Point::new(self.high.x.min(other.high.x), self.high.y.min(other.high.y)),
        }
    }
}

/// What a scene may fill: from zero to `width`, `height`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Units across.
    pub(super) width: f32,
    /// Units down.
    pub(super) height: f32,
    /// Pixels in a unit.
    pub(super) unit: f32,
}

impl Frame {
    /// The longest side that a scene has to fill, in units. It bounds the work that a sliver of a canvas can ask for:
    /// such a canvas shows a slice of the scene.
    const LONGEST: f32 = 4.0;

    /// The frame of a canvas.
    pub(super) fn of(canvas: Canvas) -> Self {
        let (width, height) = (canvas.width.max(1) as f32, canvas.height.max(1) as f32);
        let unit = width.min(height).max(width.max(height) / Self::LONGEST);
        Self { width: width / unit, height: height / unit, unit }
    }

    /// The point at the given shares of the width and of the height.
    pub(super) fn at(self, across: f32, down: f32) -> Point {
        Point::new(self.width * across, self.height * down)
    }

    /// The distance from the centre to a corner.
    pub(super) fn reach(self) -> f32 {
        Point::new(self.width, self.height).length() / 2.0
    }
}

/// The sine of an angle given in turns, by a Taylor polynomial on the quarter turn around zero: off by less than 5e-6.
pub(super) fn sine(turns: f32) -> f32 {
    let turns = turns - turns.round();
    let folded = if turns > 0.25 {
        0.5 - turns
    } else if turns < -0.25 {
        -0.5 - turns
    } else {
        turns
    };
    let angle = folded * std::f32::consts::TAU;
    let square = angle * angle;
    let tail = 1.0 / 120.0 - square * (1.0 / 5040.0 - square / 362_880.0);
    angle * (1.0 - square * (1.0 / 6.0 - square * tail))
}

/// Zero below `low`, one above `high`, and a smooth rise between.
pub(super) fn smooth(low: f32, high: f32, value: f32) -> f32 {
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}
