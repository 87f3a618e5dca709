//! Overlapping translucent discs and half discs, as on a concert poster of the fifties.

use super::super::colour::{Ramp, Rgb};
use super::super::geometry::{Frame, Point};
use super::super::layer::{Ink, Layer};
use super::super::random::Random;
use super::super::shape::{Disc, HalfDisc, Ring};
use super::{Stage, paper};

/// The paper, five to seven glazes that overlap, and one small solid disc.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let mut layers = vec![paper(stage, random)];
    let mut colours = vec![palette.primary, palette.secondary, palette.accent];
    random.shuffle(&mut colours);
    let (places, halves) = places(frame, random);
    let turns = random.pick([0.0, 0.25, 0.125, 0.375]);
    for (place, colour) in places.iter().zip(colours.into_iter().cycle()) {
        // All the halves of a picture share one line of cut.
        let side = random.pick([0.0, 0.5]);
        let half = random.chance(halves).then_some(turns + side);
        layers.push(glaze(stage, *place, half, colour));
    }
    for place in places.iter().take(2) {
        let ring = Ring { centre: place.centre, radius: place.radius * random.pick([0.62, 1.12]), width: 0.003 };
        layers.push(Layer::new(ring, palette.ink).opacity(0.7));
    }
    let spot = places.last().map_or(frame.at(0.5, 0.5), |place| place.centre);
    layers.push(Layer::new(Disc { centre: spot, radius: random.between(0.025, 0.05) }, palette.ink));
    layers
}

/// Where the discs go (along a diagonal, in a rosette, or on a loose grid), and the share of them to be cut in half.
fn places(frame: Frame, random: &mut Random) -> (Vec<Disc>, f32) {
    let centre = frame.at(0.5, 0.5);
    let start = random.unit();
    match random.whole(0, 2) {
        0 => {
            let way = Point::towards(random.pick([0.125, 0.375]));
            let sizes = random.pick([
                [0.14, 0.22, 0.3, 0.22, 0.14],
                [0.27, 0.2, 0.27, 0.2, 0.27],
                [0.1, 0.17, 0.23, 0.29, 0.35],
            ]);
            let place = |(radius, along): (f32, f32)| Disc { centre: centre + way * (along * 0.38), radius };
            (sizes.into_iter().zip([-1.0, -0.55, 0.0, 0.5, 0.95]).map(place).collect(), 0.4)
        }
        1 => {
            let (count, radius, reach) = (random.whole(5, 8), random.between(0.19, 0.25), random.between(0.18, 0.24));
            let place = |index: usize| {
                let turns = start + index as f32 / count as f32;
                Disc { centre: centre + Point::towards(turns) * reach, radius }
            };
            ((0..count).map(place).collect(), 0.0)
        }
        _ => {
            let mut cells: Vec<(usize, usize)> = (0..9).map(|cell| (cell % 3, cell / 3)).collect();
            random.shuffle(&mut cells);
            let place = |(column, line): (usize, usize)| {
                let shift = Point::new(column as f32 - 1.0, line as f32 - 1.0) * 0.23;
                Disc { centre: centre + shift, radius: random.pick([0.16, 0.23, 0.23, 0.23, 0.115]) }
            };
            (cells.into_iter().take(7).map(place).collect(), 0.4)
        }
    }
}

/// A disc, or a half of it, in ink that lets the others through.
fn glaze(stage: Stage, disc: Disc, half: Option<f32>, colour: Rgb) -> Layer {
    let way = Point::towards(half.unwrap_or(0.18)) * disc.radius;
    let tail = if stage.palette.is_dark() { stage.palette.ground } else { Rgb([1.0; 3]) };
    let ramp = Ramp::through([colour, colour.mix(tail, 0.35)]);
    let ink = Ink::Linear(ramp, disc.centre - way, disc.centre + way);
    let layer = match half {
        Some(turns) => Layer::new(HalfDisc { disc, turns }, ink),
        None => Layer::new(disc, ink),
    };
    let layer = layer.opacity(0.92);
    if stage.palette.is_dark() { layer.screen() } else { layer.multiply() }
}
