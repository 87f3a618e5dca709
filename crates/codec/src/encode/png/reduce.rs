//! Fewer bits a pixel without loss: a palette of at most 256 colours, grey, no alpha.

use std::collections::{HashMap, HashSet};

use png::{BitDepth, ColorType};

use crate::pixels::{Layout, Pixels};

/// The same pixels, stored otherwise.
pub(super) struct Reduced {
    pub(super) colour: ColorType,
    pub(super) depth: BitDepth,
    pub(super) samples: Vec<u8>,
    /// Red, green and blue of each colour; empty without a palette.
    pub(super) palette: Vec<u8>,
    /// The alpha of the first colours of the palette; the rest are opaque.
    pub(super) alphas: Vec<u8>,
}

/// The most colours that a palette has, and up to which it is better than grey.
const MAX_COLOURS: usize = 256;
const FEW_COLOURS: usize = 16;

/// The smallest way to store RGB or RGBA pixels; `None` where it is the way in which they are.
pub(super) fn reduce(pixels: &Pixels) -> Option<Reduced> {
    let (grey, opaque) = (is_grey(pixels)?, !pixels.is_transparent());
    let palette = palette(pixels);
    let few = palette.as_ref().is_some_and(|palette| palette.len() <= FEW_COLOURS);
    match palette {
        Some(palette) if few || !(grey && opaque) => Some(indexed(pixels, palette)),
        _ if grey => Some(greys(pixels, opaque)),
        _ if opaque && pixels.layout == Layout::Rgba => {
            let samples = colours(pixels).flat_map(|[red, green, blue, _]| [red, green, blue]).collect();
            Some(whole(ColorType::Rgb, samples))
        }
        _ => None,
    }
}

fn whole(colour: ColorType, samples: Vec<u8>) -> Reduced {
    Reduced { colour, depth: BitDepth::Eight, samples, palette: Vec::new(), alphas: Vec::new() }
}

fn colours(pixels: &Pixels) -> impl Iterator<Item = [u8; 4]> + '_ {
    let alpha = pixels.layout == Layout::Rgba;
    pixels.samples.chunks_exact(pixels.layout.channels()).map(move |pixel| match *pixel {
        [red, green, blue, opacity] if alpha => [red, green, blue, opacity],
        [red, green, blue, ..] => [red, green, blue, 255],
        _ => [0; 4], // neither RGB nor RGBA, of which there is none here
    })
}

/// Whether all is grey; `None` where the pixels are neither RGB nor RGBA.
fn is_grey(pixels: &Pixels) -> Option<bool> {
    let known = matches!(pixels.layout, Layout::Rgb | Layout::Rgba);
    known.then(|| colours(pixels).all(|[red, green, blue, _]| red == green && green == blue))
}

fn greys(pixels: &Pixels, opaque: bool) -> Reduced {
    if opaque {
        return whole(ColorType::Grayscale, colours(pixels).map(|pixel| pixel[0]).collect());
    }
    whole(ColorType::GrayscaleAlpha, colours(pixels).flat_map(|[grey, _, _, alpha]| [grey, alpha]).collect())
}

/// All colours, the transparent ones first; `None` where they are too many.
fn palette(pixels: &Pixels) -> Option<Vec<[u8; 4]>> {
    let mut seen: HashSet<[u8; 4]> = HashSet::with_capacity(MAX_COLOURS);
    let mut last = None;
    for colour in colours(pixels) {
        if last != Some(colour) {
            seen.insert(colour);
            if seen.len() > MAX_COLOURS {
                return None;
            }
            last = Some(colour);
        }
    }
    let mut palette: Vec<_> = seen.into_iter().collect();
    palette.sort_by_key(|&[red, green, blue, alpha]| (alpha, red, green, blue));
    Some(palette)
}

fn indexed(pixels: &Pixels, palette: Vec<[u8; 4]>) -> Reduced {
    let (depth, bits) = match palette.len() {
        ..=2 => (BitDepth::One, 1),
        3..=4 => (BitDepth::Two, 2),
        5..=16 => (BitDepth::Four, 4),
        _ => (BitDepth::Eight, 8),
    };
    let places: HashMap<[u8; 4], u8> = palette.iter().zip(0..=255).map(|(colour, place)| (*colour, place)).collect();
    let mut last = ([0; 4], places.get(&[0; 4]).copied().unwrap_or(0));
    let indices: Vec<u8> = colours(pixels)
        .map(|colour| {
            if colour != last.0 {
                last = (colour, places.get(&colour).copied().unwrap_or(0));
            }
            last.1
        })
        .collect();
    let rows = indices.chunks_exact(pixels.width as usize);
    let samples = if bits == 8 { indices } else { rows.flat_map(|row| pack(row, bits)).collect() };
    let alphas = palette.iter().map(|colour| colour[3]).take_while(|alpha| *alpha < 255).collect();
    let palette = palette.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect();
    Reduced { colour: ColorType::Indexed, depth, samples, palette, alphas }
}

/// Indices of a row in bytes, the leftmost in the highest bits (PNG, third edition, section 7.2).
fn pack(row: &[u8], bits: usize) -> impl Iterator<Item = u8> + '_ {
    let each = 8 / bits;
    row.chunks(each).map(move |indices| {
        let packed = indices.iter().fold(0_u8, |byte, index| byte << bits | index);
        packed << (bits * (each - indices.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::png::encode;
    use crate::transform::Effort;
    use crate::{Limits, decode, ingest, probe};

    fn rgba(width: u32, pixels: &[[u8; 4]]) -> Pixels {
        let height = pixels.len() as u32 / width;
        Pixels { width, height, layout: Layout::Rgba, samples: pixels.as_flattened().to_vec() }
    }

    fn kind(bytes: &[u8]) -> [u8; 2] {
        [bytes[24], bytes[25]]
    }

    /// What the file shows, pixel by pixel.
    fn read(bytes: &[u8]) -> Vec<[u8; 4]> {
        let limits = Limits::default();
        let decoded = decode::decode(bytes, probe(bytes, &limits).unwrap(), &limits).unwrap();
        colours(&ingest::upright(decoded)).collect()
    }

    #[test]
    fn pixels_are_stored_in_the_fewest_bits_and_come_back_the_same() {
        let many = |pixel: fn(u32) -> [u8; 4]| rgba(40, &(0..40 * 40).map(pixel).collect::<Vec<_>>());
        let table = [
            // depth, colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA
            (many(|at| [if at % 3 == 0 { 0 } else { 9 }, 0, 0, 255]), [1, 3]),
            (many(|at| [(at % 3) as u8, 0, 0, (at % 2) as u8]), [4, 3]),
            (many(|at| [(at % 4) as u8, 7, 0, 255]), [2, 3]),
            (many(|at| [(at % 200) as u8, 7, 0, 255]), [8, 3]),
            (many(|at| [(at % 200) as u8, 7, 0, (at % 200) as u8]), [8, 3]),
            (many(|at| [(at % 200) as u8, (at % 200) as u8, (at % 200) as u8, 255]), [8, 0]),
            (many(|at| [(at % 40) as u8, (at % 40) as u8, (at % 40) as u8, (at / 40) as u8]), [8, 4]),
            (many(|at| [(at % 40) as u8, (at / 40) as u8, 0, 255]), [8, 2]),
            (many(|at| [(at % 40) as u8, (at / 40) as u8, 0, (at % 7) as u8]), [8, 6]),
        ];
        for (pixels, expected) in table {
            for effort in [Effort::First, Effort::Best] {
                let bytes = encode(&pixels, effort).unwrap();
                assert_eq!(kind(&bytes), expected);
                assert!(read(&bytes).iter().eq(pixels.samples.as_chunks::<4>().0), "{expected:?}");
            }
        }
    }

    #[test]
    fn a_row_that_fills_no_whole_byte_is_padded() {
        for width in 1..=9 {
            let pixels = rgba(width, &(0..width * 3).map(|at| [(at % 3) as u8 * 90, 1, 2, 255]).collect::<Vec<_>>());
            let bytes = encode(&pixels, Effort::First).unwrap();
            assert!(read(&bytes).iter().eq(pixels.samples.as_chunks::<4>().0), "{width}");
        }
    }
}
