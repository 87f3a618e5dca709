//! Bytes of an image in; WebP bytes and a placeholder out.
//!
//! [`encode()`] is the crate's one verb, and its steps are its modules:
//!
//! 1. [`probe()`]: format and size from the bytes' signature and header, held against [`Limits`].
//! 2. `decode`: the first frame as pixels, with its colour profile and its orientation.
//! 3. `steps::orient`: turned the way the camera was held.
//! 4. `steps::colour`: converted to sRGB.
//! 5. `placeholder`: what to show before the image has come.
//! 6. `encode::webp`: lossy WebP that holds pixels and nothing else.
//!
//! Synchronous and CPU only: no I/O, no async, no clock but the stopwatch of [`Timings`]. The services call it from a
//! bounded blocking pool. It knows nothing of ids, stores or HTTP.

mod decode;
mod encode;
mod error;
mod limits;
mod pixels;
mod placeholder;
mod probe;
mod steps;

use std::time::{Duration, Instant};

use orbit_model::{Format, Placeholder};

pub use encode::{Quality, png::encode_png};
pub use error::Error;
pub use limits::Limits;
pub use probe::{Probe, probe};

/// An image as Orbit serves it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The format of the bytes that came in.
    pub source_format: Format,
    /// Pixels from left to right, after orientation.
    pub width: u32,
    /// Pixels from top to bottom, after orientation.
    pub height: u32,
    /// A WebP file with image chunks only: no profile, no Exif, no XMP.
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
pub fn encode(bytes: &[u8], limits: &Limits, quality: Quality) -> Result<Encoded, Error> {
    let mut timings = Timings::default();

    let (source_format, decoded) = timed(&mut timings.decode, || {
        let probe = probe(bytes, limits)?;
        Ok((probe.format, decode::decode(bytes, probe, limits)?))
    })?;
    let pixels = timed(&mut timings.colour, || {
        let oriented = steps::orient::orient(decoded.pixels, decoded.orientation);
        Ok(steps::colour::to_srgb(oriented, decoded.icc.as_deref()))
    })?;
    let placeholder = timed(&mut timings.placeholder, || placeholder::placeholder(&pixels))?;
    let webp = timed(&mut timings.encode, || encode::webp::encode(&pixels, quality))?;

    let (width, height) = (pixels.width, pixels.height);
    Ok(Encoded { source_format, width, height, webp, placeholder, timings })
}

fn timed<T>(elapsed: &mut Duration, step: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let start = Instant::now();
    let result = step();
    *elapsed = start.elapsed();
    result
}

#[cfg(test)]
mod tests;
