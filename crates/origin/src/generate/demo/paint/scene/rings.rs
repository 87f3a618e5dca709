//! Concentric rings, each with a notch of its own: orbits, tree rings, the grooves of a record.

use super::super::geometry::Point;
use super::super::layer::Layer;
use super::super::random::Random;
use super::super::shape::{Arc, Disc, Ring};
use super::{Stage, ball, paper};

/// The paper, the core, and the rings around it with a bead in some of the notches.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let mut layers = vec![paper(stage, random)];
    let (across, down, size) = random.pick([(0.5, 0.5, 0.44), (0.5, 0.5, 0.4), (0.28, 0.72, 0.86), (0.74, 0.3, 0.9)]);
    let centre = frame.at(across, down);
    let light = random.between(0.55, 0.7);

    let mut colours =
        vec![palette.ink, palette.primary, palette.secondary, palette.primary, palette.accent, palette.ink];
    random.shuffle(&mut colours);
    let count = random.whole(5, 8);
    let pitch = size / (count as f32 + 1.2);
    let width = pitch * random.between(0.42, 0.74);
    // Notches that follow a spiral look composed; notches at random look broken.
    let (start, twist) = (random.unit(), random.pick([0.0, 0.035, 0.07, 0.125, 0.382]));
    let open = random.between(0.05, 0.3);
    for (index, colour) in (0..count).zip(colours.into_iter().cycle()) {
        let radius = size - pitch * (index as f32 + 0.5);
        let notch = start + twist * index as f32;
        let gap = open + width * 1.3 / radius / std::f32::consts::TAU;
        layers.push(Layer::new(Arc::new(centre, radius, width, notch + 0.5, 1.0 - gap.min(0.6)), colour));
        if random.chance(0.45) {
            let bead = Disc { centre: centre + Point::towards(notch) * radius, radius: width / 2.0 };
            let colour = random.pick(palette.hues());
            layers.extend(ball(bead, colour, colour.mix(palette.dark(), 0.5), light));
        }
    }
    let core = Disc { centre, radius: pitch * 0.85 };
    layers.extend(ball(core, palette.accent, palette.accent.mix(palette.primary, 0.7), light));
    layers.push(Layer::new(Ring { centre, radius: size + pitch * 0.35, width: 0.003 }, palette.ink).opacity(0.5));
    layers
}
