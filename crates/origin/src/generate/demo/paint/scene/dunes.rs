//! A moon with its orbits, low over dunes that darken towards the viewer.

use super::super::colour::{Ramp, Rgb};
use super::super::geometry::{Point, sine};
use super::super::layer::{Ink, Layer};
use super::super::noise::{Noise, lerp};
use super::super::random::Random;
use super::super::shape::{Disc, Everywhere, Ring, Skyline};
use super::{Stage, ball};

/// The sky, the moon, its orbits, and four to six dunes.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let horizon = random.between(0.52, 0.68) * frame.height;
    let glow = stage.glow();
    let zenith = palette.ground.mix(palette.secondary, if palette.is_dark() { 0.06 } else { 0.5 });
    let sky = Ramp::through([zenith, palette.ground.mix(zenith, 0.4), glow]);
    let mut layers = vec![Layer::new(Everywhere, Ink::Linear(sky, Point::new(0.0, 0.0), Point::new(0.0, horizon)))];
    if palette.is_dark() {
        stars(&mut layers, stage, horizon, random);
    }
    let side = random.pick([0.3, 0.5, 0.68]);
    let moon = Disc {
        centre: Point::new(frame.width * side, horizon * random.between(0.42, 0.9)),
        radius: random.between(0.11, 0.23),
    };
    orbits(&mut layers, stage, moon, random);
    land(&mut layers, stage, horizon, random);
    layers
}

/// A few dozen stars, fewer towards the horizon.
fn stars(layers: &mut Vec<Layer>, stage: Stage, horizon: f32, random: &mut Random) {
    for _ in 0..random.whole(40, 80) {
        let depth = random.unit();
        let centre = Point::new(stage.frame.width * random.unit(), horizon * depth * depth);
        let star = Disc { centre, radius: random.between(0.0011, 0.0026) };
        layers.push(Layer::new(star, stage.palette.ink).opacity(random.between(0.35, 0.9)));
    }
}

/// The moon, the rings around it, and what travels on them.
fn orbits(layers: &mut Vec<Layer>, stage: Stage, moon: Disc, random: &mut Random) {
    let palette = stage.palette;
    let face = if palette.is_dark() { palette.accent } else { palette.primary };
    let shade = face.mix(palette.dark(), 0.55);
    let halo = Disc { radius: moon.radius * 1.3, ..moon };
    layers.push(Layer::new(halo, face.mix(palette.light(), 0.4)).soft(moon.radius).opacity(0.35).sprayed(0.25));
    let light = random.between(0.55, 0.95);
    let mut satellites = Vec::new();
    let mut radius = moon.radius * random.between(1.35, 1.6);
    for _ in 0..random.whole(3, 5) {
        layers.push(Layer::new(Ring { centre: moon.centre, radius, width: 0.0028 }, palette.ink).opacity(0.4));
        let centre = moon.centre + Point::towards(random.between(0.5, 1.0)) * radius;
        let size = random.between(0.011, 0.028);
        let colour = random.pick([palette.ink, palette.secondary, palette.accent, palette.primary]);
        satellites.push((Disc { centre, radius: size }, colour));
        radius *= random.between(1.22, 1.45);
    }
    layers.extend(ball(moon, face, shade, light));
    for (disc, colour) in satellites {
        layers.extend(ball(disc, colour, colour.mix(palette.dark(), 0.5), light));
    }
}

/// The dunes: each has a lit crest and a lee side in shade, and the nearest is the darkest.
fn land(layers: &mut Vec<Layer>, stage: Stage, horizon: f32, random: &mut Random) {
    let Stage { frame, palette } = stage;
    let far = palette.primary.mix(stage.glow(), 0.5);
    let near = palette.dark().mix(palette.primary, 0.2);
    let colours = Ramp::through([far, palette.primary.mix(near, 0.12), palette.primary.mix(near, 0.6), near]);
    let count = random.whole(4, 5);
    let lean = random.pick([-1.0, 1.0]);
    for index in 0..count {
        let depth = index as f32 / (count - 1) as f32;
        let base = lerp(horizon, frame.height * 0.92, depth * (0.7 + 0.3 * depth));
        let swell = Swell::new(base, lerp(0.06, 0.13, depth), lean, random);
        let dune = Skyline::new(frame, |x| swell.at(x));
        let body = colours.at(depth);
        let (crest, shade) = (body.mix(palette.light(), 0.3), body.mix(palette.dark(), 0.12));
        let foot = colours.at(depth + 0.16);
        let (top, bottom) = (Point::new(0.0, dune.summit()), Point::new(0.0, dune.summit() + lerp(0.2, 0.36, depth)));
        let fade = |from: Rgb| Ink::Linear(Ramp::through([from, foot]), top, bottom);
        // The lee side is what the same swell covers when it is moved downwind; what it leaves of the crest catches the light.
        let lee = Skyline::new(frame, |x| swell.at(x - lean * 0.035).max(swell.at(x)) + 0.0015);
        layers.push(Layer::new(dune, fade(crest)));
        layers.push(Layer::new(lee, fade(shade)));
    }
}

/// A line of dunes: long swells with a steep lee side.
struct Swell {
    noise: Noise,
    base: f32,
    height: f32,
    lean: f32,
    pitch: f32,
    phase: f32,
}

impl Swell {
    fn new(base: f32, height: f32, lean: f32, random: &mut Random) -> Self {
        let (pitch, phase) = (random.between(0.6, 1.2), random.between(0.0, 64.0));
        Self { noise: Noise::new(random.bits()), base, height, lean, pitch, phase }
    }

    /// The y of the line at `x`.
    fn at(&self, x: f32) -> f32 {
        let place = x * self.pitch + self.phase;
        // Moving the swell by a part of itself leans it over.
        let wave = sine(place - self.lean * 0.1 * sine(place));
        let drift = self.noise.octaves(Point::new(place * 1.3, 0.5), 2, 0.3);
        self.base - self.height * (0.55 * wave + 0.8 * drift)
    }
}
