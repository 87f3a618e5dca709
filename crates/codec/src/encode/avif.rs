//! AVIF, by the crate `ravif`.

use ravif::{Encoder, Img};
use rgb::FromSlice as _;

use super::Quality;
use crate::Error;
use crate::pixels::{Layout, Pixels};
use crate::transform::Effort;

/// Encodes sRGB pixels.
pub(crate) fn encode(pixels: &Pixels, quality: Quality, effort: Effort) -> Result<Vec<u8>, Error> {
    let speed = match effort {
        Effort::First => 10,
        Effort::Best => 8,
    };
    let encoder = Encoder::new().with_quality(quality.get().into()).with_speed(speed).with_num_threads(Some(1));
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let encoded = match pixels.layout {
        Layout::Rgba => encoder.encode_rgba(Img::new(pixels.samples.as_rgba(), width, height)),
        _ => encoder.encode_rgb(Img::new(pixels.samples.as_rgb(), width, height)),
    };
    encoded.map(|encoded| encoded.avif_file).map_err(|error| Error::Internal(format!("AVIF: {error}")))
}
