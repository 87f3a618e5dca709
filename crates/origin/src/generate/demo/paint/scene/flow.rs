//! Strokes that follow a current and keep their distance from each other.

use super::super::colour::Rgb;
use super::super::geometry::{Frame, Point, smooth};
use super::super::layer::Layer;
use super::super::noise::Noise;
use super::super::random::Random;
use super::super::shape::{Disc, Stroke};
use super::{Stage, ball, paper};

/// A smooth field of directions.
struct Current {
    noise: Noise,
    scale: f32,
    heading: f32,
    bend: f32,
    stone: Option<Disc>,
}

impl Current {
    /// The direction of the current at a place.
    fn at(&self, place: Point) -> Point {
        let way = Point::towards(self.heading + self.bend * self.noise.at(place * self.scale));
        let Some(stone) = self.stone else { return way };
        let out = place - stone.centre;
        let near = smooth(stone.radius * 2.2, stone.radius, out.length());
        let out = out * (1.0 / out.length().max(1e-6));
        // Near the stone the current loses what leads into it or away from it, and whirls instead.
        let around = way - out * (way.dot(out) * near) + out.turned() * (1.2 * near);
        around * (1.0 / around.length().max(1e-3))
    }

    /// True where a stroke may go.
    fn is_open(&self, place: Point, gap: f32) -> bool {
        self.stone.is_none_or(|stone| (place - stone.centre).length() > stone.radius + gap)
    }
}

/// Which stroke has been where, on a grid over the frame.
struct Taken {
    cells: Vec<u16>,
    columns: usize,
    lines: usize,
    size: f32,
}

impl Taken {
    fn new(frame: Frame, size: f32) -> Self {
        let (columns, lines) = ((frame.width / size) as usize + 3, (frame.height / size) as usize + 3);
        Self { cells: vec![0; columns * lines], columns, lines, size }
    }

    /// The cells within `reach` cells of a place; none if the place is off the frame.
    fn near(&self, place: Point, reach: usize) -> impl Iterator<Item = usize> + use<> {
        let (column, line) = ((place.x / self.size + 1.0) as usize, (place.y / self.size + 1.0) as usize);
        let (columns, lines) = (self.columns, self.lines);
        let on = place.x > -self.size && place.y > -self.size && column < columns && line < lines;
        let rows = if on { line.saturating_sub(reach)..(line + reach + 1).min(lines) } else { 0..0 };
        rows.flat_map(move |row| {
            let span = column.saturating_sub(reach)..(column + reach + 1).min(columns);
            span.map(move |column| row * columns + column)
        })
    }

    /// True on the frame and away from every stroke but `own`.
    fn is_free(&self, place: Point, own: u16) -> bool {
        let mut cells = self.near(place, 2).peekable();
        cells.peek().is_some() && cells.all(|cell| [0, own].contains(&self.cells[cell]))
    }

    fn mark(&mut self, place: Point, own: u16) {
        for cell in self.near(place, 0) {
            self.cells[cell] = own;
        }
    }
}

/// The paper, most often a stone, and the strokes, coloured by where they begin.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let mut layers = vec![paper(stage, random)];
    let centre = frame.at(random.pick([0.33, 0.5, 0.62]), random.pick([0.36, 0.5, 0.6]));
    let stone = random.chance(0.65).then_some(Disc { centre, radius: random.between(0.1, 0.2) });
    let current = Current {
        noise: Noise::new(random.bits()),
        scale: random.between(0.7, 1.5),
        heading: random.unit(),
        bend: random.between(0.35, 0.7),
        stone,
    };
    if let Some(stone) = stone {
        layers.extend(ball(stone, palette.accent, palette.accent.mix(palette.dark(), 0.5), random.between(0.55, 0.95)));
    }
    let gap = random.pick([0.016, 0.02, 0.026]);
    let radius = gap * random.between(0.28, 0.38);
    let tint = Noise::new(random.bits());
    let mut taken = Taken::new(frame, gap / 2.4);
    let mut own = 1u16;
    for _ in 0..(frame.width * frame.height * 1600.0) as usize {
        let start = frame.at(random.unit(), random.unit());
        let length = random.between(0.1, 0.5);
        let spark = random.unit();
        if !current.is_open(start, gap) {
            continue;
        }
        if let Some(points) = trace(&current, &mut taken, start, own, length) {
            let place = 0.5 + 0.9 * tint.at(start * 1.6);
            layers.push(Layer::new(Stroke::new(points, radius), shade(stage, place, spark)));
            own = own.saturating_add(1);
        }
    }
    layers
}

/// Follows the current from `start` both ways, as far as there is room; `None` if that is not far.
fn trace(current: &Current, taken: &mut Taken, start: Point, own: u16, length: f32) -> Option<Vec<Point>> {
    const STEP: f32 = 0.008;
    if !taken.is_free(start, own) {
        return None;
    }
    let follow = |way: f32| {
        let mut points = vec![];
        let mut place = start;
        while points.len() < (length / STEP) as usize {
            place = place + current.at(place) * (STEP * way);
            if !taken.is_free(place, own) || !current.is_open(place, 0.014) {
                break;
            }
            points.push(place);
        }
        points
    };
    let mut points = follow(-1.0);
    points.reverse();
    points.push(start);
    points.extend(follow(1.0));
    if points.len() < 6 {
        return None;
    }
    points.iter().for_each(|point| taken.mark(*point, own));
    Some(points)
}

/// The colour of a stroke: bands of the palette by place, and now and then the accent.
fn shade(stage: Stage, place: f32, spark: f32) -> Rgb {
    let palette = stage.palette;
    match (place, spark) {
        (_, 0.93..) => palette.accent,
        (..0.35, _) => palette.ink,
        (..0.62, _) => palette.primary,
        _ => palette.secondary,
    }
}
