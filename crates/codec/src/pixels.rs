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

    /// Whether anything of an RGBA image lets something through.
    pub(crate) fn is_transparent(&self) -> bool {
        let opaque = |pixels: &[[u8; 4]]| pixels.iter().fold(255, |alpha, pixel| alpha & pixel[3]) == 255;
        // By batches, so that it ends early and is compiled to vectors all the same.
        self.layout == Layout::Rgba && !self.samples.as_chunks().0.chunks(4096).all(opaque)
    }

    /// RGBA as RGB, whatever its alpha; anything else as it is.
    pub(crate) fn without_alpha(self) -> Self {
        if self.layout != Layout::Rgba {
            return self;
        }
        let colours: Vec<[u8; 3]> =
            self.samples.as_chunks().0.iter().map(|&[red, green, blue, _]| [red, green, blue]).collect();
        Self { layout: Layout::Rgb, samples: colours.into_flattened(), ..self }
    }
}
