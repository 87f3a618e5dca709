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
    let encoder = Encoder::new().with_quality(on_its_scale(quality)).with_speed(speed).with_num_threads(Some(1));
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let encoded = match pixels.layout {
        Layout::Rgba => encoder.encode_rgba(Img::new(pixels.samples.as_rgba(), width, height)),
        _ => encoder.encode_rgb(Img::new(pixels.samples.as_rgb(), width, height)),
    };
    encoded.map(|encoded| encoded.avif_file).map_err(|error| Error::Internal(format!("AVIF: {error}")))
}

/// The quality of this encoder that looks like WebP's: by SSIMULACRA2, WebP at 85 is this one at 82, and at 90 at 87.
fn on_its_scale(quality: Quality) -> f32 {
    let quality = f32::from(quality.get());
    let on_its = if quality <= 90.0 { quality * 0.965 } else { 86.85 + (quality - 90.0) * 1.315 };
    on_its.clamp(1.0, 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_quality_is_a_better_one_here_too_and_the_best_is_the_best() {
        let all: Vec<f32> = (1..=100).filter_map(Quality::new).map(on_its_scale).collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert!((99.9..=100.0).contains(&all[99]), "{}", all[99]);
    }
}
