//! JPEG: progressive, with Huffman tables made for the image. Transparency becomes white.
//!
//! `jpeg-encoder` while somebody waits; `mozjpeg-rs`, which takes five times as long for three quarters of the bytes, where nobody
//! does. docs/decisions/pixels.md has the figures.

use std::borrow::Cow;

use jpeg_encoder::{ColorType, SamplingFactor};
use mozjpeg_rs::{Preset, Subsampling};

use super::Quality;
use crate::Error;
use crate::pixels::{Layout, Pixels, laid_on};
use crate::transform::Effort;

/// What stands behind what is transparent.
const WHITE: u8 = 255;
/// From here on, colour is as sharp as light.
const FULL_COLOUR: u8 = 90;

/// Encodes sRGB pixels.
pub(crate) fn encode(pixels: &Pixels, quality: Quality, effort: Effort) -> Result<Vec<u8>, Error> {
    let colours = match pixels.layout {
        Layout::Rgb => Cow::Borrowed(pixels.samples.as_slice()),
        Layout::Rgba => Cow::Owned(laid_on(WHITE, &pixels.samples)),
        layout => return Err(Error::Internal(format!("JPEG is not written from {layout:?}"))),
    };
    let size = (pixels.width, pixels.height);
    match effort {
        Effort::First => fast(size, &colours, quality),
        Effort::Best => small(size, &colours, quality),
    }
}

fn fast((width, height): (u32, u32), colours: &[u8], quality: Quality) -> Result<Vec<u8>, Error> {
    let side = |side: u32| u16::try_from(side).map_err(|error| refuse(&error));
    let (width, height) = (side(width)?, side(height)?);
    let full = quality.get() >= FULL_COLOUR;
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality.get());
    encoder.set_progressive(true);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_sampling_factor(if full { SamplingFactor::F_1_1 } else { SamplingFactor::F_2_2 });
    encoder.encode(colours, width, height, ColorType::Rgb).map_err(|error| refuse(&error))?;
    Ok(bytes)
}

fn small((width, height): (u32, u32), colours: &[u8], quality: Quality) -> Result<Vec<u8>, Error> {
    let full = quality.get() >= FULL_COLOUR;
    mozjpeg_rs::Encoder::new(Preset::ProgressiveBalanced)
        .quality(quality.get())
        .subsampling(if full { Subsampling::S444 } else { Subsampling::S420 })
        .encode_rgb(colours, width, height)
        .map_err(|error| refuse(&error))
}

fn refuse(error: &dyn std::fmt::Display) -> Error {
    Error::Internal(format!("JPEG: {error}"))
}

#[cfg(test)]
mod tests {
    use orbit_model::Format;

    use super::*;
    use crate::{Limits, decode, probe};

    fn read(bytes: &[u8]) -> Pixels {
        let limits = Limits::default();
        let probe = probe(bytes, &limits).unwrap();
        assert_eq!(probe.format, Format::Jpeg);
        decode::decode(bytes, probe, &limits).unwrap().pixels
    }

    #[test]
    fn transparency_becomes_white() {
        let clear = Pixels::zeroed(16, 16, Layout::Rgba).unwrap();
        for effort in [Effort::First, Effort::Best] {
            let read = read(&encode(&clear, Quality::default(), effort).unwrap());
            assert!(read.samples.iter().all(|sample| *sample >= 254), "{effort:?}");
        }
    }

    #[test]
    fn every_effort_and_size_is_progressive_and_shows_the_picture() {
        for (width, height) in [(1, 1), (3, 70), (64, 17)] {
            let samples = (0..width * height).flat_map(|at| [(at % width * 2) as u8, (at / width * 2) as u8, 90]);
            let pixels = Pixels { width, height, layout: Layout::Rgb, samples: samples.collect() };
            for (effort, quality) in [(Effort::First, 95), (Effort::Best, 95), (Effort::First, 80), (Effort::Best, 80)]
            {
                let bytes = encode(&pixels, Quality::new(quality).unwrap(), effort).unwrap();
                assert!(bytes.windows(2).any(|pair| pair == [0xff, 0xc2]), "{effort:?} is not progressive");
                let read = read(&bytes);
                assert_eq!((read.width, read.height), (width, height));
                let far =
                    read.samples.iter().zip(&pixels.samples).filter(|(found, wanted)| found.abs_diff(**wanted) > 24);
                assert_eq!(far.count(), 0, "{width} x {height} {effort:?} at {quality}");
            }
        }
    }
}
