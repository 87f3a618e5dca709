//! WebP, by libwebp: lossy, and without loss where that is smaller.
//!
//! Opaque pixels are handed over as planes of our own making, which is worth more than a point of SSIMULACRA2, and so a step
//! of quality: 85 here looks like libwebp's 85, and is its 84, or its 82.5 by a method that is three times as fast as the
//! usual 4. Alpha is kept without loss, and left out where the image is opaque.

use webpx::{Encoder, EncoderConfig, EncodingError, YuvPlanesRef};

use super::Quality;
use super::planes::Planes;
use crate::pixels::{Layout, Pixels};
use crate::{Effort, Error, Stop};

/// One partition holds 16 MiB of coefficients, which noise of this many pixels could fill at the best quality.
const PIXELS_OF_ONE_PARTITION: usize = 8_000_000;
/// As a power of two: eight, the most there are.
const PARTITIONS_OF_LARGE_IMAGES: u8 = 3;

/// By how much libwebp's quality may be lower, because brightness makes up for what colour has lost.
const CORRECTED: f32 = 1.0;
/// The same of method 1, which chooses worse and so spends more bytes on the same look; within a point.
const CORRECTED_AT_ONCE: f32 = 2.5;
/// From here on method 1 is as small as method 2 for its look; below it needs up to a fifth more bytes.
const METHOD_1_FROM: u8 = 85;
/// A deblocking filter that leaves edges alone costs no bytes and is worth a third of a point.
const SHARPEST: u8 = 7;

/// How hard a lossless encoding tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// To see whether it is worth while.
    Quick,
    /// To be served.
    Thorough,
}

/// Encodes sRGB pixels.
pub(crate) fn encode(pixels: &Pixels, quality: Quality, effort: Effort, stop: &Stop) -> Result<Vec<u8>, Error> {
    let config = match effort {
        Effort::Best => return encode_best(pixels, best_level(quality), stop),
        Effort::First if is_opaque(pixels) => first(quality),
        Effort::First => EncoderConfig::new().quality(quality.get().into()).method(2),
    };
    encode_as(pixels, config, stop)
}

fn first(quality: Quality) -> EncoderConfig {
    let level = f32::from(quality.get());
    let (level, method) = match quality {
        Quality::BEST => (level, 1),
        quality if quality.get() >= METHOD_1_FROM => (level - CORRECTED_AT_ONCE, 1),
        _ => (level - CORRECTED, 2),
    };
    EncoderConfig::new().quality(level).method(method)
}

/// libwebp's quality, 0 to 100, at which its best effort looks like one of ours.
pub(crate) fn best_level(quality: Quality) -> f32 {
    match quality {
        Quality::BEST => 100.0,
        quality => f32::from(quality.get()) - CORRECTED,
    }
}

/// Encodes sRGB pixels with the best effort at one of libwebp's qualities.
pub(crate) fn encode_best(pixels: &Pixels, level: f32, stop: &Stop) -> Result<Vec<u8>, Error> {
    let config = EncoderConfig::new().quality(level).filter_sharpness(SHARPEST);
    let config = if is_opaque(pixels) {
        config.method(6)
    } else {
        // Method 6 takes half a minute for noise in the alpha of 300 pixels a side, to save a hundredth of it.
        config.method(5).sharp_yuv(true)
    };
    encode_as(pixels, config, stop)
}

/// Encodes sRGB pixels as everybody does: by libwebp's own planes and its default method.
pub(crate) fn encode_usual(pixels: &Pixels, quality: Quality, stop: &Stop) -> Result<Vec<u8>, Error> {
    finish(all(pixels)?, pixels, EncoderConfig::new().quality(quality.get().into()).method(4), stop)
}

fn is_opaque(pixels: &Pixels) -> bool {
    !pixels.is_transparent()
}

fn encode_as(pixels: &Pixels, config: EncoderConfig, stop: &Stop) -> Result<Vec<u8>, Error> {
    stop.check()?;
    let planes = match pixels.layout {
        Layout::Rgb => Planes::new::<3>(&pixels.samples, pixels.width),
        Layout::Rgba if is_opaque(pixels) => Planes::new::<4>(&pixels.samples, pixels.width),
        _ => return finish(all(pixels)?, pixels, config, stop),
    };
    finish(Encoder::new_yuv(view(&planes, pixels)), pixels, config, stop)
}

/// Encodes sRGB pixels without loss, or with the little that libwebp's near-lossless of this strength (0 to 100, where 100 is
/// none) brings.
pub(crate) fn encode_lossless(pixels: &Pixels, near: Option<u8>, trial: Trial, stop: &Stop) -> Result<Vec<u8>, Error> {
    let level = match trial {
        Trial::Quick => 1,
        Trial::Thorough => 6,
    };
    let config = EncoderConfig::new_lossless_level(level);
    let config = near.map_or(config.clone(), |near| config.near_lossless(near));
    finish(all(pixels)?, pixels, config, stop)
}

fn all(pixels: &Pixels) -> Result<Encoder<'_>, Error> {
    let Pixels { width, height, layout, samples } = pixels;
    match layout {
        Layout::Rgb => Ok(Encoder::new_rgb(samples, *width, *height)),
        Layout::Rgba => Ok(Encoder::new_rgba(samples, *width, *height)),
        layout => Err(Error::Internal(format!("WebP has no {layout:?}"))),
    }
}

fn view<'a>(planes: &'a Planes<u8>, pixels: &Pixels) -> YuvPlanesRef<'a> {
    let (y_stride, stride) = (planes.width, planes.width.div_ceil(2));
    YuvPlanesRef {
        y: &planes.y,
        y_stride,
        u: &planes.u,
        u_stride: stride,
        v: &planes.v,
        v_stride: stride,
        // libwebp writes into planes that have alpha, and these are only lent.
        a: None,
        a_stride: 0,
        width: pixels.width,
        height: pixels.height,
    }
}

fn finish(encoder: Encoder<'_>, pixels: &Pixels, mut config: EncoderConfig, stop: &Stop) -> Result<Vec<u8>, Error> {
    stop.check()?;
    if pixels.samples.len() / pixels.layout.channels() > PIXELS_OF_ONE_PARTITION {
        config = config.partitions(PARTITIONS_OF_LARGE_IMAGES);
    }
    encoder
        .config(config)
        .encode(stop.clone())
        .map_err(|error| stop.check().err().unwrap_or_else(|| refuse(error.error())))
}

fn refuse(error: &webpx::Error) -> Error {
    use EncodingError::{FileTooBig, Partition0Overflow, PartitionOverflow};
    match error {
        webpx::Error::EncodeFailed(Partition0Overflow | PartitionOverflow | FileTooBig) => {
            Error::TooLarge(String::from("it has more detail than a WebP holds; scale it down or lower the quality"))
        }
        error => Error::Internal(format!("WebP: {error}")),
    }
}

#[cfg(test)]
mod tests;
