//! Terrazzo: chips of stone in a ground floor, large ones first, then what fits between them.

use super::super::colour::Rgb;
use super::super::geometry::{Frame, Point};
use super::super::layer::Layer;
use super::super::random::Random;
use super::super::shape::{Disc, Polygon};
use super::{Stage, paper};

/// The ground, the chips, and grit.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let mut layers = vec![paper(stage, random)];
    let largest = random.between(0.1, 0.17);
    for place in places(frame, largest, random) {
        let colour = random.pick([
            palette.primary,
            palette.primary,
            palette.secondary,
            palette.secondary,
            palette.accent,
            palette.ink,
            palette.primary.mix(palette.ground, 0.5),
        ]);
        layers.push(chip(place, random, colour));
    }
    layers
}

/// Discs that don't touch, from large to small, in which the chips lie.
fn places(frame: Frame, largest: f32, random: &mut Random) -> Vec<Disc> {
    let mut places: Vec<Disc> = vec![];
    let mut radius = largest;
    while radius > 0.008 {
        for _ in 0..(frame.width * frame.height * 90.0 * (largest / radius)) as usize {
            let centre = frame.at(random.between(-0.05, 1.05), random.between(-0.05, 1.05));
            let gap = radius * 0.9 + 0.004;
            if places.iter().all(|other| (other.centre - centre).length() > other.radius + gap) {
                places.push(Disc { centre, radius });
            }
        }
        radius *= 0.72;
    }
    places
}

/// A chip: a few corners around a disc at uneven angles.
fn chip(place: Disc, random: &mut Random, colour: Rgb) -> Layer {
    let count = random.whole(4, 7);
    let (start, squeeze) = (random.unit(), random.between(0.72, 1.0));
    let lean = Point::towards(random.unit());
    let rounding = place.radius * random.between(0.05, 0.14);
    let corner = |index: usize| {
        let turns = start + (index as f32 + random.between(-0.32, 0.32)) / count as f32;
        let way = Point::towards(turns) * ((place.radius - rounding) * random.between(0.9, 1.05));
        // Squeezed along one direction: broken stone is seldom as long as it is wide.
        place.centre + way - lean * (way.dot(lean) * (1.0 - squeeze))
    };
    Layer::new(Polygon::new((0..count).map(corner).collect(), rounding), colour)
}
