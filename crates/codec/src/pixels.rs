//! Pixels in memory: 8 bits a sample, rows from top to bottom without padding.
//!
//! Decoders make them, steps change them, encoders read them. After the colour step only RGB and RGBA remain, in sRGB
//! and with straight (not premultiplied) alpha.

use crate::Error;

/// What the samples of a pixel mean, in the order in which they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// Ink: 0 is none, 255 is full.
    Cmyk,
}

impl Layout {
    /// Samples, and so bytes, of one pixel.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// A whole image; `samples` holds `width * height * layout.channels()` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) layout: Layout,
    pub(crate) samples: Vec<u8>,
}

impl Pixels {
    /// An image of zeros: black, or transparent where there is alpha. The size was held against the limits before.
    pub(crate) fn zeroed(width: u32, height: u32, layout: Layout) -> Result<Self, Error> {
        let bytes = (width as usize)
            .checked_mul(height as usize)
            .and_then(|pixels| pixels.checked_mul(layout.channels()))
            .ok_or_else(|| Error::TooLarge(format!("{width} x {height} pixels do not fit into memory")))?;
        Ok(Self { width, height, layout, samples: vec![0; bytes] })
    }
}
