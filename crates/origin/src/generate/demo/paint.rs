//! Paints a picture by procedure: no model, no files, no clock. The demo generator calls `paint` with 32 bytes hashed
//! from a prompt, and gets the same pixels for the same bytes on every machine, because only operations whose result
//! IEEE 754 fixes are used (sums, products, quotients, square roots and rounding; `geometry::sine` stands in for libm).
//!
//! 1. The seed picks a palette and a scene (`scene`), which lists its layers from back to front.
//! 2. Each row of the canvas is painted once, by all the layers that touch it (`layer`, `shape`).
//! 3. Grain and dither turn the row into bytes (`grain`).
//!
//! It knows nothing of prompts, jobs or encodings.

mod colour;
mod geometry;
mod grain;
mod layer;
mod noise;
mod palette;
mod random;
mod scene;
mod shape;
#[cfg(test)]
mod tests;

use self::geometry::Frame;
use self::grain::Grain;
use self::layer::Row;
use self::random::Random;

/// The size of a picture in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    /// Columns.
    pub(super) width: u32,
    /// Rows.
    pub(super) height: u32,
}

/// Paints the picture that belongs to `seed`: `width * height` opaque RGBA pixels, 8 bits a channel, row after row.
///
/// Canvases of one shape show the same composition; only the number of pixels that show it changes.
pub(super) fn paint(canvas: Canvas, seed: &[u8; 32]) -> Vec<u8> {
    let mut random = Random::from_seed(seed);
    let frame = Frame::of(canvas);
    let layers = scene::compose(frame, &mut random);
    let grain = Grain::new(&mut random);

    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let mut bytes = Vec::with_capacity(width * height * 4);
    let mut row = Row::new(width, frame.unit);
    for line in 0..canvas.height {
        row.start(line);
        for layer in &layers {
            layer.paint(&mut row);
        }
        grain.finish(line, &row.pixels, &mut bytes);
    }
    bytes
}
