//! The inverse transform of a block into fewer pixels than it has coefficients.
//!
//! A block's lowest coefficients are those of the same block with fewer pixels, so that leaving the others out scales it down, and
//! better than a mean of the pixels would.

use std::f32::consts::PI;

/// Pixels a side of a block, across and down: 1, 2, 4 or 8.
pub(super) type BlockSize = (usize, usize);

/// Writes a block into a plane from its dequantized coefficients.
pub(super) type Inverse = fn(&Waves, &Block, &mut [u8], usize);

/// Coefficients in natural order, and how many rows and columns of them are not zero.
pub(super) struct Block {
    pub(super) coefficients: [f32; 64],
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// By the number of pixels, its logarithm: the weight of each coefficient at each pixel.
pub(super) struct Waves([[[f32; 8]; 8]; 4]);

impl Waves {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|log| {
            let pixels = 1 << log;
            std::array::from_fn(|wave| {
                std::array::from_fn(|at| {
                    let angle = (2 * at + 1) as f32 * wave as f32 * PI / (2 * pixels) as f32;
                    let inside = wave < pixels && at < pixels;
                    // The scale of eight coefficients a side, whatever the pixels.
                    let scale = if wave == 0 { 0.125_f32.sqrt() } else { 0.5 };
                    if inside { scale * angle.cos() } else { 0.0 }
                })
            })
        }))
    }
}

/// The function for a size of block.
pub(super) fn inverse((width, height): BlockSize) -> Option<Inverse> {
    Some(match (width, height) {
        (1, 1) => write::<1, 1>,
        (1, 2) => write::<1, 2>,
        (2, 1) => write::<2, 1>,
        (2, 2) => write::<2, 2>,
        (2, 4) => write::<2, 4>,
        (4, 2) => write::<4, 2>,
        (4, 4) => write::<4, 4>,
        (4, 8) => write::<4, 8>,
        (8, 4) => write::<8, 4>,
        (8, 8) => write::<8, 8>,
        _ => return None,
    })
}

fn write<const W: usize, const H: usize>(waves: &Waves, block: &Block, plane: &mut [u8], stride: usize) {
    let across = &waves.0[W.ilog2() as usize];
    let down = &waves.0[H.ilog2() as usize];
    if block.rows <= 1 && block.columns <= 1 {
        let sample = sample(block.coefficients[0] / 8.0);
        plane.chunks_mut(stride).take(H).for_each(|row| row[..W].fill(sample));
        return;
    }
    for (y, row) in plane.chunks_mut(stride).take(H).enumerate() {
        let mut sums = [0.0_f32; W];
        for (wave, coefficients) in block.coefficients.as_chunks::<8>().0.iter().take(block.rows).enumerate() {
            let weight = down[wave][y];
            sums.iter_mut().zip(coefficients).for_each(|(sum, coefficient)| *sum += weight * coefficient);
        }
        let mut samples = [0.0_f32; W];
        for (weights, sum) in across.iter().zip(&sums).take(block.columns) {
            samples.iter_mut().zip(weights).for_each(|(sample, weight)| *sample += weight * sum);
        }
        row[..W].iter_mut().zip(samples).for_each(|(to, value)| *to = sample(value));
    }
}

/// Rounds by letting the addition do it, which compiles to vectors where a cast that saturates does not.
#[inline]
fn sample(value: f32) -> u8 {
    const ROUND: f32 = 8_388_608.0; // from 2^23 on there are no fractions
    ((value + 128.0).clamp(0.0, 255.0) + ROUND).to_bits() as u8
}
