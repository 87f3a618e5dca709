//! How much memory a piece of work takes at its peak, known from a header before any pixel is decoded.
//!
//! Asked by whoever runs several pieces side by side and keeps them to a budget. An upper bound: what is counted is the
//! image that compresses worst, noise with as much transparency as its format allows, so that a usual picture takes a
//! third. The figures are measured: `docs/decisions/pixels.md` has the table, and the tests measure again, each case in a
//! process of its own, because the peak of a process never falls and C's allocations are seen in no other way.

use orbit_model::variant::{Fit, Quality, Target};
use orbit_model::{Format, Variant};

use crate::{Probe, score};

/// Tables, buffers of a row or a tile, and what the allocator keeps for itself.
const FIXED_BYTES: u64 = 8 << 20;
/// Histograms of an image without loss, and alpha is one: so many whatever its size.
const LOSSLESS_BYTES: u64 = 32 << 20;

/// Bytes that a pixel takes at the peak of a stage; what the stage was handed is counted in.
mod per_pixel {
    /// Decoded, turned and in sRGB: two copies of four samples, and a decoder's own planes.
    pub(super) const DECODE: u64 = 10;
    /// The coefficients of all scans, two bytes a sample, beside the samples.
    pub(super) const DECODE_PROGRESSIVE: u64 = 20;
    /// libwebp's planes and its output, which grows by doubling.
    pub(super) const WEBP: u64 = 16;
    /// Alpha is a second image, which is written without loss.
    pub(super) const WEBP_ALPHA: u64 = 46;
    /// Method 6 keeps the tokens of the whole image.
    pub(super) const WEBP_BEST: u64 = 32;
    pub(super) const WEBP_BEST_ALPHA: u64 = 64;
    /// Lossless: hash chains and backward references.
    pub(super) const WEBP_LOSSLESS: u64 = 48;
    pub(super) const AVIF: u64 = 90;
    pub(super) const JPEG: u64 = 20;
    pub(super) const PNG: u64 = 14;
    /// A pixel before it is resized: in samples, as 16 bits of light and weighed by alpha, and half of it across.
    pub(super) const RESIZED: u64 = 36;
    /// A pixel after it is resized: as light, in samples, and on a canvas.
    pub(super) const RESIZE: u64 = 24;
    /// What an animation has shown, will show, and can go back to.
    pub(super) const ANIMATION: u64 = 24;
    /// The pixels, those of a candidate as decoded, and the files of both.
    pub(super) const COMPARED: u64 = 20;
    /// The planes of SSIMULACRA2, of the pixels that are judged; on two grounds where there is alpha.
    pub(super) const SCORE: u64 = 120;
    pub(super) const SCORE_ALPHA: u64 = 200;
}

/// The most bytes that ingest (`None`) or a variant needs at its peak, beside the bytes of the image's file.
#[must_use]
pub fn estimate(probe: &Probe, variant: Option<&Variant>) -> u64 {
    let source = pixels_of(probe);
    let alpha = probe.format != Format::Jpeg;
    let work = match variant {
        None => source.saturating_mul(if alpha { per_pixel::WEBP_ALPHA } else { per_pixel::WEBP }),
        Some(variant) => {
            let made = pixels_made(probe, variant);
            let resized =
                source.saturating_mul(per_pixel::RESIZED).saturating_add(made.saturating_mul(per_pixel::RESIZE));
            let written = written(made, variant, alpha);
            if variant.animated {
                // A frame is read, resized and written while the canvas and the encoder's are held.
                let canvases = source.saturating_add(made).saturating_mul(per_pixel::ANIMATION);
                resized.saturating_add(written).saturating_add(canvases)
            } else {
                resized.max(written)
            }
        }
    };
    peak(probe, work)
}

/// The most bytes that [`crate::refine()`] needs at its peak, beside the bytes of the image's file.
#[must_use]
pub fn estimate_refined(probe: &Probe) -> u64 {
    peak(probe, searched(pixels_of(probe), probe.format != Format::Jpeg))
}

/// Decoding is over before the rest begins.
fn peak(probe: &Probe, work: u64) -> u64 {
    pixels_of(probe).saturating_mul(decoded(probe.format)).max(work).saturating_add(FIXED_BYTES)
}

fn pixels_of(probe: &Probe) -> u64 {
    u64::from(probe.width) * u64::from(probe.height)
}

fn decoded(format: Format) -> u64 {
    match format {
        Format::Jpeg => per_pixel::DECODE_PROGRESSIVE,
        _ => per_pixel::DECODE,
    }
}

fn written(pixels: u64, variant: &Variant, alpha: bool) -> u64 {
    let auto = variant.quality == Some(Quality::Auto);
    let each = match variant.target {
        Some(Target::ThumbHash) => per_pixel::RESIZE,
        Some(Target::Format(Format::Png)) => per_pixel::PNG,
        Some(Target::Format(Format::Jpeg)) if !auto => per_pixel::JPEG,
        Some(Target::Auto | Target::Format(Format::Avif)) => per_pixel::AVIF,
        _ if alpha => per_pixel::WEBP_BEST_ALPHA,
        _ => per_pixel::WEBP_BEST,
    };
    let fixed = pixels.saturating_mul(each).saturating_add(if alpha { LOSSLESS_BYTES } else { 0 });
    if auto { fixed.max(searched(pixels, alpha)) } else { fixed }
}

/// A search tries encoders one after the other, and scores what they make.
fn searched(pixels: u64, alpha: bool) -> u64 {
    let tried = if alpha { per_pixel::WEBP_BEST_ALPHA } else { per_pixel::WEBP_LOSSLESS };
    let scored = pixels.min(score::MAX_JUDGED_PIXELS).saturating_mul(if alpha {
        per_pixel::SCORE_ALPHA
    } else {
        per_pixel::SCORE
    });
    let tried = pixels.saturating_mul(tried).saturating_add(LOSSLESS_BYTES);
    tried.max(pixels.saturating_mul(per_pixel::COMPARED).saturating_add(scored))
}

/// Pixels of the rendition, or of what is scaled before it is cropped: no fewer than there will be.
fn pixels_made(probe: &Probe, variant: &Variant) -> u64 {
    let (width, height) = (f64::from(probe.width), f64::from(probe.height));
    let variant = variant.resolve(85, Format::Webp);
    let (across, down) = (variant.width.map(f64::from), variant.height.map(f64::from));
    let scale = match (across, down) {
        (None, None) => 1.0,
        (Some(across), None) => across / width,
        (None, Some(down)) => down / height,
        (Some(across), Some(down)) => (across / width).max(down / height),
    };
    let scale = if variant.enlarge { scale } else { scale.min(1.0) };
    // A cast from float to integer saturates; a pixel more a side for rounding.
    let scaled = ((width * scale + 1.0) * (height * scale + 1.0)) as u64;
    let boxed = match (across, down, variant.fit) {
        (Some(across), Some(down), Some(Fit::Contain)) => (across * down) as u64,
        _ => 0,
    };
    scaled.max(boxed)
}

#[cfg(test)]
mod tests;
