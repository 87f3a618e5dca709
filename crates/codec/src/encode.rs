//! Pixels to bytes, and how good they should look.
//!
//! Only pixels are written: no encoder here is ever handed metadata of a source.

pub(crate) mod avif;
pub(crate) mod jpeg;
mod planes;
pub(crate) mod png;
pub(crate) mod webp;

use orbit_model::Format;

use crate::pixels::Pixels;
use crate::{Error, Terms};

/// Encodes sRGB pixels in a format; PNG takes no notice of the quality.
pub(crate) fn write(pixels: &Pixels, format: Format, quality: Quality, terms: &Terms) -> Result<Vec<u8>, Error> {
    match format {
        Format::Webp => webp::encode(pixels, quality, terms.effort, &terms.stop),
        Format::Jpeg => jpeg::encode(pixels, quality, terms.effort),
        Format::Png => png::encode(pixels, terms.effort),
        Format::Avif => avif::encode(pixels, quality, terms.effort, &terms.stop),
        Format::Gif => Err(Error::Unsupported("GIF is read and never written; ask for webp".to_owned())),
    }
}

/// How close a lossy encoder stays to the pixels: 1 (smallest) to 100 (closest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality(u8);

impl Quality {
    /// As close as an encoder gets.
    pub const BEST: Self = Self(100);

    /// The quality of a number; `None` outside 1 to 100.
    #[must_use]
    pub fn new(value: u8) -> Option<Self> {
        (1..=100).contains(&value).then_some(Self(value))
    }

    /// The number, 1 to 100.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self(85)
    }
}
