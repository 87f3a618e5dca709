//! Gives an image the size and shape that a variant asks for.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use orbit_model::Variant;

use crate::Error;
use crate::pixels::{Layout, Pixels};

/// Resizes sRGB pixels as a resolved variant says; never up, unless it says so.
pub(crate) fn resize(pixels: Pixels, variant: &Variant) -> Result<Pixels, Error> {
    let (width, height) = match (variant.width, variant.height) {
        (None, None) => return Ok(pixels),
        (Some(width), _) => (width, scaled(pixels.height, width, pixels.width)),
        (None, Some(height)) => (scaled(pixels.width, height, pixels.height), height),
    };
    if !variant.enlarge && width >= pixels.width {
        return Ok(pixels);
    }
    let kind = if pixels.layout == Layout::Rgba { PixelType::U8x4 } else { PixelType::U8x3 };
    let refuse = |error: &dyn std::fmt::Display| Error::Internal(format!("resize: {error}"));
    let from = ImageRef::new(pixels.width, pixels.height, &pixels.samples, kind).map_err(|error| refuse(&error))?;
    let mut to = Image::new(width, height, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&from, &mut to, &options).map_err(|error| refuse(&error))?;
    Ok(Pixels { width, height, layout: pixels.layout, samples: to.into_vec() })
}

fn scaled(length: u32, to: u32, from: u32) -> u32 {
    (f64::from(length) * f64::from(to) / f64::from(from)).round().max(1.0) as u32
}
