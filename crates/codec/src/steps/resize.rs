//! Gives an image the size and shape that a variant asks for.
//!
//! 1. `geometry`: which part of the image goes where; the caller has worked it out already.
//! 2. `linear`: whether the mean of the light differs from the mean of the samples so much that it shows.
//! 3. Lanczos3 over the samples, or over the light where it shows; weighed by alpha where there is transparency.
//! 4. The canvas of `fit=contain`: transparent, or white where the format has no alpha.
//!
//! docs/decisions/pixels.md has the measurements behind it.

pub(crate) mod geometry;
mod linear;

pub(crate) use self::linear::VISIBLE_LEVELS;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use orbit_model::{Format, Variant};

use self::geometry::Geometry;
use crate::pixels::{Layout, Pixels};
use crate::{Error, Limits};

/// Resizes sRGB pixels as a resolved variant says; never up, unless it says so.
///
/// # Errors
/// As of [`Geometry::new`], with the usual limits.
pub(crate) fn resize(pixels: Pixels, variant: &Variant) -> Result<Pixels, Error> {
    let geometry = Geometry::new((pixels.width, pixels.height), variant, &Limits::default())?;
    apply(pixels, geometry, variant.format())
}

/// Resizes sRGB pixels, RGB or RGBA, of the size that the geometry is about, or of a smaller one of the same shape.
///
/// The result has alpha only if something in it is transparent.
pub(crate) fn apply(pixels: Pixels, geometry: Geometry, format: Option<Format>) -> Result<Pixels, Error> {
    let transparent = pixels.is_transparent();
    let geometry = geometry.of((pixels.width, pixels.height));
    if geometry.changes_nothing() {
        return Ok(if transparent { pixels } else { pixels.without_alpha() });
    }
    let scaled = scale(pixels, &geometry, transparent)?;
    let scaled = if transparent { scaled } else { scaled.without_alpha() };
    if geometry.canvas == geometry.scaled {
        return Ok(scaled);
    }
    lay(&scaled, geometry.canvas, format)
}

fn scale(pixels: Pixels, geometry: &Geometry, transparent: bool) -> Result<Pixels, Error> {
    if linear::shows(&pixels, geometry.factor()) {
        return linear::scale(pixels, geometry, transparent);
    }
    let kind = if pixels.layout == Layout::Rgba { PixelType::U8x4 } else { PixelType::U8x3 };
    let from = ImageRef::new(pixels.width, pixels.height, &pixels.samples, kind).map_err(|error| refuse(&error))?;
    let (width, height) = geometry.scaled;
    let mut to = Image::new(width, height, kind);
    Resizer::new().resize(&from, &mut to, &options(geometry, transparent)).map_err(|error| refuse(&error))?;
    Ok(Pixels { width, height, layout: pixels.layout, samples: to.into_vec() })
}

/// Lanczos3 over the part of the image that is shown; weighing by alpha costs a copy, so only where there is any.
fn options(geometry: &Geometry, transparent: bool) -> ResizeOptions {
    let part = geometry.part;
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(transparent).crop(
        part.left,
        part.top,
        part.width,
        part.height,
    )
}

fn refuse(error: &dyn std::fmt::Display) -> Error {
    Error::Internal(format!("resize: {error}"))
}

/// Lays an image into the middle of an empty canvas that is no smaller.
fn lay(image: &Pixels, (width, height): geometry::Size, format: Option<Format>) -> Result<Pixels, Error> {
    let white = format == Some(Format::Jpeg) && image.layout == Layout::Rgb;
    let layout = if white { Layout::Rgb } else { Layout::Rgba };
    let mut canvas = Pixels::zeroed(width, height, layout)?;
    if white {
        canvas.samples.fill(255);
    }
    let channels = layout.channels();
    let left = (width - image.width) as usize / 2 * channels;
    let top = (height - image.height) as usize / 2;
    let rows = canvas.samples.chunks_exact_mut(width as usize * channels).skip(top);
    for (to, from) in rows.zip(image.samples.chunks_exact(image.width as usize * image.layout.channels())) {
        let to = &mut to[left..][..image.width as usize * channels];
        if image.layout == layout {
            to.copy_from_slice(from);
        } else {
            let colours = from.as_chunks::<3>().0;
            to.as_chunks_mut().0.iter_mut().zip(colours).for_each(|(to, &[red, green, blue])| {
                *to = [red, green, blue, 255];
            });
        }
    }
    Ok(canvas)
}

#[cfg(test)]
mod tests;
