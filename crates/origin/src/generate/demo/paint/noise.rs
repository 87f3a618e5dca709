//! Smooth noise for skylines, currents and contours: gradient noise on a lattice (Perlin, 2002), summed over octaves.
//! It is made of the lattice's integer hash, so it has no tables and no period that a picture could show.

use super::geometry::Point;
use super::random::mix;

/// A noise of its own for each salt.
#[derive(Clone, Copy)]
pub(super) struct Noise {
    salt: u64,
}

impl Noise {
    /// The noise that belongs to `salt`.
    pub(super) fn new(salt: u64) -> Self {
        Self { salt }
    }

    /// Smooth noise with features about one unit wide, nearly always in `-1.0..1.0`.
    pub(super) fn at(self, place: Point) -> f32 {
        let (left, top) = (place.x.floor(), place.y.floor());
        let (x, y) = (place.x - left, place.y - top);
        let (column, line) = (left as i64, top as i64);
        let corner = |right: i64, down: i64| {
            self.slope(column + right, line + down).dot(Point::new(x - right as f32, y - down as f32))
        };
        let (across, down) = (fade(x), fade(y));
        let upper = lerp(corner(0, 0), corner(1, 0), across);
        let lower = lerp(corner(0, 1), corner(1, 1), across);
        1.5 * lerp(upper, lower, down)
    }

    /// Noise with detail: `octaves` noises, each twice as fine as the one before and `rough` times as strong.
    pub(super) fn octaves(self, place: Point, octaves: u32, rough: f32) -> f32 {
        let (mut sum, mut strength, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
        for octave in 0..octaves {
            let layer = Self::new(self.salt.wrapping_add(u64::from(octave)));
            sum += strength * layer.at(place * scale);
            total += strength;
            strength *= rough;
            scale *= 2.0;
        }
        sum / total
    }

    /// The gradient at a lattice point: one of eight directions.
    fn slope(self, column: i64, line: i64) -> Point {
        let place = (column as u64) << 32 ^ (line as u64 & 0xffff_ffff);
        let diagonal = std::f32::consts::FRAC_1_SQRT_2;
        match mix(place ^ mix(self.salt)) >> 61 {
            0 => Point::new(1.0, 0.0),
            1 => Point::new(-1.0, 0.0),
            2 => Point::new(0.0, 1.0),
            3 => Point::new(0.0, -1.0),
            4 => Point::new(diagonal, diagonal),
            5 => Point::new(-diagonal, diagonal),
            6 => Point::new(diagonal, -diagonal),
            _ => Point::new(-diagonal, -diagonal),
        }
    }
}

/// The value `share` of the way between two.
pub(super) fn lerp(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

fn fade(share: f32) -> f32 {
    share * share * share * (share * (share * 6.0 - 15.0) + 10.0)
}
