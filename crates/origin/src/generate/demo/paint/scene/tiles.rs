//! A wall of square tiles with quarter discs, petals and dots, after the workshops of the Bauhaus.

use super::super::colour::Rgb;
use super::super::geometry::{Bounds, Point};
use super::super::layer::Layer;
use super::super::random::Random;
use super::super::shape::{Disc, HalfDisc, Rectangle};
use super::Stage;

/// One square of the wall.
#[derive(Clone, Copy)]
struct Tile {
    centre: Point,
    half: f32,
    pixel: f32,
    front: Rgb,
    spark: Rgb,
}

impl Tile {
    /// The tile's square, a pixel larger than it is, so that no seam shows between neighbours.
    fn square(self) -> Rectangle {
        Rectangle { bounds: Bounds::around(self.centre, self.half + self.pixel) }
    }

    /// The disc around a corner (a quarter turn each), whose radius is `share` of the tile's side.
    fn corner(self, quarter: usize, share: f32) -> Disc {
        let way = Point::towards(quarter as f32 / 4.0 + 0.125) * (self.half * std::f32::consts::SQRT_2);
        Disc { centre: self.centre + way, radius: self.half * 2.0 * share }
    }
}

/// Tiles over the whole frame, each with one of seven motifs.
pub(super) fn compose(stage: Stage, random: &mut Random) -> Vec<Layer> {
    let Stage { frame, palette } = stage;
    let size = 1.0 / random.whole(3, 6) as f32;
    let (columns, lines) = ((frame.width / size).ceil() as usize, (frame.height / size).ceil() as usize);
    let corner = frame.at(0.5, 0.5) - Point::new(columns as f32, lines as f32) * (size / 2.0);
    let mut colours = [palette.ground, palette.ground, palette.ink, palette.primary, palette.secondary, palette.accent];
    let mut layers = vec![];
    for line in 0..lines {
        for column in 0..columns {
            random.shuffle(&mut colours);
            let [back, rest @ ..] = colours;
            let mut others = rest.into_iter().filter(|colour| colour.contrast(back) > 1.35);
            let front = others.next().unwrap_or(palette.ink);
            let spark = others.find(|colour| *colour != front).unwrap_or(palette.accent);
            let centre = corner + Point::new(column as f32 + 0.5, line as f32 + 0.5) * size;
            let tile = Tile { centre, half: size / 2.0, pixel: 1.0 / frame.unit, front, spark };
            layers.push(Layer::new(tile.square(), back));
            motif(&mut layers, tile, back, random);
        }
    }
    layers
}

/// What is on a tile.
fn motif(layers: &mut Vec<Layer>, tile: Tile, back: Rgb, random: &mut Random) {
    let quarter = random.whole(0, 3);
    let Tile { centre, half, front, spark, .. } = tile;
    let mut add = |disc: Disc, colour: Rgb| layers.push(Layer::new(disc, colour).within(tile.square()));
    match random.whole(0, 6) {
        0 => add(tile.corner(quarter, 1.0), front),
        1 => {
            add(tile.corner(quarter, 1.0), front);
            add(tile.corner(quarter, 0.66), back);
            add(tile.corner(quarter, 0.33), spark);
        }
        2 => {
            // A petal: what two facing quarter discs have in common.
            let petal = tile.corner(quarter, 1.0);
            layers.push(Layer::new(petal, front).within(tile.corner(quarter + 2, 1.0)));
        }
        3 => {
            add(Disc { centre, radius: half * 0.999 }, front);
            add(Disc { centre, radius: half * 0.42 }, spark);
        }
        4 => {
            let turns = quarter as f32 / 4.0;
            let way = Point::towards(turns) * half;
            for (start, colour) in [(centre - way, front), (centre, spark)] {
                let half_disc = HalfDisc { disc: Disc { centre: start, radius: half }, turns };
                layers.push(Layer::new(half_disc, colour).within(tile.square()));
            }
        }
        5 => {
            add(tile.corner(quarter, 0.5), front);
            add(tile.corner(quarter + 2, 0.5), front);
        }
        _ => {
            add(tile.corner(quarter, 1.0), front);
            add(Disc { centre: tile.corner(quarter + 2, 1.0).centre * 0.5 + centre * 0.5, radius: half * 0.2 }, spark);
        }
    }
}
