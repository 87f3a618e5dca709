//! Sheets of paper, cut along the contours of a soft landscape and stacked, each with its shadow on the one below.

use std::rc::Rc;

use super::super::colour::Ramp;
use super::super::geometry::Point;
use super::super::layer::Layer;
use super::super::noise::Noise;
use super::super::random::Random;
use super::super::shape::{Contour, Everywhere, Field};
use super::Stage;

/// The lowest sheet, and five or six above it.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let noise = Noise::new(random.bits());
    let (scale, warp) = (random.between(1.0, 1.7), random.between(0.15, 0.35));
    let offset = Point::new(random.between(0.0, 64.0), random.between(0.0, 64.0));
    let field = Field::new(frame, |place| {
        let place = place * scale + offset;
        let bend = Point::new(noise.at(place + Point::new(9.2, 3.7)), noise.at(place + Point::new(1.3, 7.9)));
        noise.octaves(place + bend * warp, 2, 0.22)
    });
    let field = Rc::new(field);

    let deep = palette.dark().mix(palette.primary, 0.25);
    let mut stops =
        [deep, palette.primary, palette.secondary, palette.accent.mix(palette.light(), 0.25), palette.light()];
    if random.chance(0.35) {
        stops.reverse();
    }
    let ramp = Ramp::through(stops);
    let count = random.whole(5, 6);
    let shift = Point::towards(random.between(0.15, 0.35)) * 0.008;
    let mut layers = vec![Layer::new(Everywhere, ramp.at(0.0))];
    for (index, level) in (1..).zip(field.levels(count + 1)) {
        let contour = |shift, line| Contour { field: Rc::clone(&field), level, shift, line };
        let (shadow, sheet) = (contour(shift, Some(0.006)), contour(Point::new(0.0, 0.0), None));
        layers.push(Layer::new(shadow, palette.dark().mix(deep, 0.5)).soft(0.018).opacity(0.6).multiply());
        layers.push(Layer::new(sheet, ramp.at(index as f32 / count as f32)));
    }
    layers
}
