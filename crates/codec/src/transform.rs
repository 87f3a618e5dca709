//! Variants: from the bytes of an image to those of one rendition of it.
//!
//! 1. `decode`: of a JPEG that will be much smaller, no more pixels than are needed.
//! 2. `steps::orient`, `steps::colour`: upright, and in sRGB unless the variant keeps a wide gamut.
//! 3. `steps::resize`: never larger than the image, unless asked.
//! 4. `quality` and `encode`: the format's encoder, once or as often as the search needs.
//! 5. `label`: what says that a machine made it, and which colours its numbers mean.
//! 6. `provenance`: what it was made of and how, signed, where somebody signs.
//!
//! An animation that keeps its frames goes through [`crate::animation`] instead.

use orbit_model::variant::{Gamut, Quality as Asked, Target};
use orbit_model::{Format, Variant};

use crate::label::Label;
use crate::pixels::Pixels;
use crate::provenance::{Descent, Mark, Signer};
use crate::steps::resize::{self, geometry::Geometry};
use crate::{Error, Limits, Quality, Stop, animation, decode, encode, placeholder, probe, quality, steps};

/// What holds for a rendition beside what it is to be.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What a source may be.
    pub limits: Limits,
    /// How hard the encoders try.
    pub effort: Effort,
    /// What its bytes say of where it comes from.
    pub mark: Option<Mark>,
    /// Who vouches for that in a C2PA manifest of its own.
    pub signer: Option<Signer>,
    /// When to give up.
    pub stop: Stop,
}

/// How hard an encoder tries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// Somebody waits.
    #[default]
    First,
    /// Nobody waits: the smallest file counts.
    Best,
}

/// The bytes of a rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// What they are; `None` for the bytes of a ThumbHash.
    pub format: Option<Format>,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// The quality that they were encoded at; 100 where nothing was lost.
    pub quality: u8,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Derives one rendition; what the variant leaves open is WebP at quality 85.
///
/// # Errors
/// [`Error::Unsupported`], [`Error::Invalid`] and [`Error::TooLarge`] blame the bytes or the variant; [`Error::Stopped`]
/// where the terms ended it; [`Error::Internal`] blames nobody.
pub fn transform(bytes: &[u8], variant: &Variant, terms: &Terms) -> Result<Rendered, Error> {
    let variant = variant.resolve(Quality::default().get(), Format::Webp);
    let probe = probe(bytes, &terms.limits)?;
    if variant.animated && animation::is_animated(bytes, probe) {
        return animation::transform(bytes, &variant, probe, terms);
    }
    terms.stop.check()?;
    let geometry = |size| Geometry::new(size, &variant, &terms.limits);
    let decoded = match variant.target {
        // The same bytes as at ingest.
        Some(Target::ThumbHash) => decode::decode(bytes, probe, &terms.limits)?,
        _ => {
            let factor = |upright| geometry(upright).map_or(1.0, |geometry| geometry.factor());
            decode::decode_for(bytes, probe, &terms.limits, factor)?
        }
    };
    let geometry = geometry(decoded.orientation.upright((probe.width, probe.height)));
    terms.stop.check()?;
    let oriented = steps::orient::orient(decoded.pixels, decoded.orientation);
    let wanted = match variant.target {
        Some(Target::ThumbHash) => Gamut::Srgb,
        _ => variant.gamut.unwrap_or_default(),
    };
    let (pixels, gamut) = steps::colour::convert(oriented, decoded.icc.as_deref(), wanted);
    terms.stop.check()?;
    if variant.target == Some(Target::ThumbHash) {
        return thumbhash(&pixels);
    }
    let geometry = geometry?;
    let pixels = resize::apply(pixels, geometry, variant.format())?;
    terms.stop.check()?;
    let format = variant.format().unwrap_or(Format::Webp);
    let label = Label { mark: terms.mark, gamut };
    let descent = Descent { source: bytes, format: probe.format, geometry: Some(geometry) };
    // What is said beside the pixels has to fit too.
    let beside = || Ok(label.max_bytes() + descent.max_bytes(format, terms)?);
    let max_bytes = variant.max_bytes.map(|max_bytes| Ok(max_bytes.saturating_sub(beside()?))).transpose()?;
    let (bytes, quality) = write(&pixels, format, &Variant { max_bytes, ..variant }, terms)?;
    let (width, height) = (pixels.width, pixels.height);
    drop(pixels);
    let bytes = descent.sign(label.write(bytes, format)?, format, terms)?;
    Ok(Rendered { format: Some(format), width, height, quality, bytes })
}

fn write(pixels: &Pixels, format: Format, variant: &Variant, terms: &Terms) -> Result<(Vec<u8>, u8), Error> {
    let write = |quality| encode::write(pixels, format, quality, terms);
    if format == Format::Png {
        return Ok((write(Quality::BEST)?, Quality::BEST.get()));
    }
    let (bytes, quality) = match (variant.quality, variant.max_bytes) {
        (Some(Asked::Fixed(value)), None) => {
            let quality = Quality::new(value).unwrap_or_default();
            (write(quality)?, quality)
        }
        (Some(Asked::Fixed(value)), Some(max_bytes)) => {
            quality::within(max_bytes, Quality::new(value).unwrap_or_default(), write)?
        }
        (Some(Asked::Auto) | None, max_bytes) => quality::by_eye(pixels, format, max_bytes, terms)?,
    };
    Ok((bytes, quality.get()))
}

fn thumbhash(pixels: &Pixels) -> Result<Rendered, Error> {
    let bytes = placeholder::thumbhash(pixels)?;
    Ok(Rendered { format: None, width: pixels.width, height: pixels.height, quality: Quality::BEST.get(), bytes })
}
