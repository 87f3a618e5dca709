//! The scenes: each turns the frame, a palette and chance into layers, back to front. A scene is one file with one
//! `compose`; its parameters are drawn in a fixed order, and it asks the palette for roles, never for a colour.

mod discs;
mod dunes;
mod flow;
mod papercut;
mod ridges;
mod rings;
mod terrazzo;
mod tiles;

use super::colour::{Ramp, Rgb};
use super::geometry::{Frame, Point};
use super::layer::{Ink, Layer};
use super::palette::Palette;
use super::random::Random;
use super::shape::{Disc, Everywhere, Ring};

/// What a scene is made from, beside chance.
#[derive(Clone, Copy)]
struct Stage {
    frame: Frame,
    palette: Palette,
}

impl Stage {
    /// The light at the horizon.
    fn glow(self) -> Rgb {
        let palette = self.palette;
        if palette.is_dark() {
            palette.ground.mix(palette.primary, 0.55)
        } else {
            palette.ground.mix(palette.accent, 0.22)
        }
    }
}

type Compose = fn(Stage, &mut Random) -> Vec<Layer>;

const SCENES: [Compose; 8] = [
    dunes::compose,
    ridges::compose,
    rings::compose,
    discs::compose,
    flow::compose,
    tiles::compose,
    terrazzo::compose,
    papercut::compose,
];

/// The layers of the picture that `random` stands for.
pub(super) fn compose(frame: Frame, random: &mut Random) -> Vec<Layer> {
    let stage = Stage { frame, palette: Palette::choose(random) };
    let scene = random.pick(SCENES);
    scene(stage, random)
}

/// The ground, a little lighter where the light comes from and a little deeper across from it.
fn paper(stage: Stage, random: &mut Random) -> Layer {
    let Stage { frame, palette } = stage;
    let lit = palette.ground.mix(Rgb([1.0; 3]), if palette.is_dark() { 0.05 } else { 0.25 });
    let deep = palette.ground.mix(palette.secondary, if palette.is_dark() { 0.10 } else { 0.12 });
    let source = frame.at(random.between(0.1, 0.9), random.between(-0.1, 0.2));
    Layer::new(Everywhere, Ink::Radial(Ramp::through([lit, palette.ground, deep]), source, frame.reach() * 1.8))
}

/// A ball: a disc, lit from the direction `light` (in turns), with sprayed shade on the side away from it.
fn ball(disc: Disc, colour: Rgb, shade: Rgb, light: f32) -> [Layer; 2] {
    let Disc { centre, radius } = disc;
    let way = Point::towards(light) * radius;
    let lit = Ramp::through([colour.mix(Rgb([1.0; 3]), 0.16), colour]);
    // A ring around the lit side, of which only the part inside the disc is seen.
    let shadow = Ring { centre: centre + way * 0.5, radius: radius * 2.0, width: radius * 1.5 };
    [
        Layer::new(disc, Ink::Linear(lit, centre + way, centre - way * 0.2)),
        Layer::new(shadow, shade).soft(radius * 0.6).sprayed(0.35).opacity(0.8).within(disc),
    ]
}
