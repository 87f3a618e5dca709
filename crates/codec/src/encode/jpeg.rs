//! JPEG, by the crate `jpeg-encoder`: progressive, with Huffman tables made for the image. Transparency becomes white.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::Quality;
use crate::Error;
use crate::pixels::{Layout, Pixels};

/// Encodes sRGB pixels.
pub(crate) fn encode(pixels: &Pixels, quality: Quality) -> Result<Vec<u8>, Error> {
    let refuse = |error: &dyn std::fmt::Display| Error::Internal(format!("JPEG: {error}"));
    let side = |side: u32| u16::try_from(side).map_err(|error| refuse(&error));
    let (width, height) = (side(pixels.width)?, side(pixels.height)?);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality.get());
    encoder.set_progressive(true);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let colour = if pixels.layout == Layout::Rgba { ColorType::Rgba } else { ColorType::Rgb };
    encoder.encode(&pixels.samples, width, height, colour).map_err(|error| refuse(&error))?;
    Ok(bytes)
}
