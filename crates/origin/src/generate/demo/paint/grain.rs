//! The last step: a row of colours becomes bytes. Adds the paper's grain (the same in all three channels, so that it
//! costs an encoder little) and half a level of dither, which keeps soft gradients free of bands.

use super::colour::Rgb;
use super::random::{Random, mix};

/// The grain of one picture's paper.
pub(super) struct Grain {
    salt: u64,
}

impl Grain {
    /// The strongest departure of a pixel from its colour, in levels of 255.
    const LEVELS: f32 = 4.6;

    /// A grain of its own for each picture.
    pub(super) fn new(random: &mut Random) -> Self {
        Self { salt: random.bits() }
    }

    /// Appends the row numbered `line` to `bytes` as opaque RGBA.
    pub(super) fn finish(&self, line: u32, pixels: &[Rgb], bytes: &mut Vec<u8>) {
        let salt = mix(self.salt ^ u64::from(line));
        for (column, colour) in (0u64..).zip(pixels) {
            // The sum of two even dice is triangular: neutral on average, and rarely far out.
            let dice = hash(salt, column);
            let speck = (dice & 0xffff) as f32 + (dice >> 16 & 0xffff) as f32;
            let shift = (speck / 65_535.0 - 1.0) * Self::LEVELS + 0.5;
            let [red, green, blue] = colour.0.map(|channel| (channel * 255.0 + shift) as u8);
            bytes.extend_from_slice(&[red, green, blue, u8::MAX]);
        }
    }
}

/// Cheap even bits for a pixel: one multiplication and a fold, for a million pixels a picture.
pub(super) fn hash(salt: u64, column: u64) -> u64 {
    let bits = (salt ^ column.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^ (bits >> 32)
}
