//! Mountains behind mountains, with mist between them and a low sun.

use super::super::colour::Ramp;
use super::super::geometry::{Frame, Point};
use super::super::layer::{Ink, Layer};
use super::super::noise::{Noise, lerp};
use super::super::random::Random;
use super::super::shape::{Disc, Everywhere, Skyline};
use super::Stage;

/// The sky, the sun, and five to seven ridges, each rising from mist.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let dark = palette.is_dark();
    let zenith = palette.ground.mix(palette.secondary, if dark { 0.06 } else { 0.45 });
    let glow = stage.glow();
    let mist = if dark { palette.primary.mix(palette.light(), 0.3) } else { glow };
    let top = random.between(0.34, 0.46) * frame.height;
    let sky = Ramp::through([zenith, palette.ground.mix(glow, 0.35), glow]);
    let mut layers = vec![Layer::new(
        Everywhere,
        Ink::Linear(sky, Point::new(0.0, 0.0), Point::new(0.0, top + 0.12 * frame.height)),
    )];

    let sun = Disc {
        centre: Point::new(frame.width * random.pick([0.32, 0.5, 0.64, 0.7]), top * random.between(0.55, 0.95)),
        radius: random.between(0.1, 0.17),
    };
    let face = if dark { palette.light().mix(palette.accent, 0.5) } else { palette.accent };
    let halo = Disc { radius: sun.radius * 1.6, ..sun };
    layers.push(
        Layer::new(halo, face.mix(palette.light(), 0.5))
            .soft(sun.radius * 1.5)
            .opacity(if dark { 0.35 } else { 0.55 })
            .sprayed(0.25),
    );
    layers.push(Layer::new(sun, face));

    let far = palette.primary.mix(mist, 0.62);
    let near = palette.dark().mix(palette.primary, 0.12);
    let colours = Ramp::through([far, palette.primary.mix(near, 0.25), near]);
    let count = random.whole(5, 7);
    for index in 0..count {
        let depth = index as f32 / (count - 1) as f32;
        let base = lerp(top + 0.1 * frame.height, frame.height * 0.97, depth);
        let ridge = ridge(frame, base, lerp(0.2, 0.15, depth), random);
        let peak = colours.at(depth);
        let foot = peak.mix(mist, lerp(0.75, 0.2, depth));
        let (high, low) = (Point::new(0.0, ridge.summit()), Point::new(0.0, base + lerp(0.1, 0.2, depth)));
        layers.push(Layer::new(ridge, Ink::Linear(Ramp::through([peak, peak, foot]), high, low)));
    }
    layers
}

/// A rough line with sharp peaks: noise folded at zero, which makes creases, over a long swell.
fn ridge(frame: Frame, base: f32, height: f32, random: &mut Random) -> Skyline {
    let noise = Noise::new(random.bits());
    let (pitch, rough) = (random.between(1.6, 2.6), random.between(0.42, 0.5));
    Skyline::new(frame, |x| {
        let swell = noise.at(Point::new(x * pitch * 0.5, 7.3));
        let crease = 1.0 - 2.0 * noise.at(Point::new(x * pitch, 0.4)).abs();
        let detail = noise.octaves(Point::new(x * pitch * 3.0, 2.6), 5, rough);
        base - height * (0.45 * swell + 0.5 * crease + 0.28 * detail)
    })
}
