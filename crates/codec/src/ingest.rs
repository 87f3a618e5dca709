//! Ingest: an image that has just come, as a WebP that can be served at once, and its placeholder.
//!
//! 1. [`probe()`](crate::probe()): format and size from the bytes' signature and header, held against the limits.
//! 2. `decode`: the first frame as pixels, with its colour profile and its orientation.
//! 3. `steps::orient`, `steps::colour`: upright, in sRGB.
//! 4. `placeholder`: what to show before the image has come.
//! 5. `encode::webp`: the first pass, which is fast; [`refine()`](crate::refine()) is the second, which is small.
//! 6. `label`, `provenance`: where it comes from, and who vouches for that.

use std::time::{Duration, Instant};

use orbit_model::variant::Gamut;
use orbit_model::{Format, Placeholder};

use crate::encode::write;
use crate::label::Label;
use crate::pixels::Pixels;
use crate::provenance::Descent;
use crate::{Error, Quality, Terms, decode, placeholder, probe, steps};

/// An image as Orbit serves it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The format of the bytes that came in.
    pub source_format: Format,
    /// Pixels from left to right, after orientation.
    pub width: u32,
    /// Pixels from top to bottom, after orientation.
    pub height: u32,
    /// A WebP file: no profile, no Exif, no XMP but the mark of [`Terms::mark`], and the manifest of [`Terms::signer`].
    pub webp: Vec<u8>,
    /// What to show before the image has come.
    pub placeholder: Placeholder,
    /// Where the time went.
    pub timings: Timings,
}

/// How long each part of [`encode()`] took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Probing and decoding.
    pub decode: Duration,
    /// Orienting and converting to sRGB.
    pub colour: Duration,
    /// Making the placeholder.
    pub placeholder: Duration,
    /// Writing WebP.
    pub encode: Duration,
}

/// Turns the bytes of a PNG, JPEG, WebP or GIF into a WebP and its placeholder; of an animation, the first frame.
///
/// # Errors
/// [`Error::Unsupported`], [`Error::Invalid`] and [`Error::TooLarge`] blame the bytes; [`Error::Internal`] does not.
pub fn encode(bytes: &[u8], quality: Quality, terms: &Terms) -> Result<Encoded, Error> {
    let mut timings = Timings::default();
    let (source_format, decoded) = timed(&mut timings.decode, || {
        let probe = probe(bytes, &terms.limits)?;
        Ok((probe.format, decode::decode(bytes, probe, &terms.limits)?))
    })?;
    terms.stop.check()?;
    let pixels = timed(&mut timings.colour, || Ok(upright(decoded)))?;
    terms.stop.check()?;
    let placeholder = timed(&mut timings.placeholder, || placeholder::placeholder(&pixels))?;
    let (width, height) = (pixels.width, pixels.height);
    let webp = timed(&mut timings.encode, || {
        let webp = write(&pixels, Format::Webp, quality, terms)?;
        drop(pixels);
        told(webp, &Descent { source: bytes, format: source_format, geometry: None }, terms)
    })?;
    Ok(Encoded { source_format, width, height, webp, placeholder, timings })
}

/// A WebP that says where it comes from, as the terms want it.
pub(crate) fn told(webp: Vec<u8>, descent: &Descent<'_>, terms: &Terms) -> Result<Vec<u8>, Error> {
    let label = Label { mark: terms.mark, gamut: Gamut::Srgb };
    descent.sign(label.write(webp, Format::Webp)?, Format::Webp, terms)
}

/// Upright and in sRGB.
pub(crate) fn upright(decoded: decode::Decoded) -> Pixels {
    let oriented = steps::orient::orient(decoded.pixels, decoded.orientation);
    steps::colour::to_srgb(oriented, decoded.icc.as_deref())
}

fn timed<T>(elapsed: &mut Duration, step: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let start = Instant::now();
    let result = step();
    *elapsed = start.elapsed();
    result
}
