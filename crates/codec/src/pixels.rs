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

/// Samples of RGBA as RGB, laid on a grey that shows where they let it through.
pub(crate) fn laid_on(grey: u8, rgba: &[u8]) -> Vec<u8> {
    let lay = |&[red, green, blue, alpha]: &[u8; 4]| {
        let (alpha, grey) = (u32::from(alpha), u32::from(grey));
        [red, green, blue].map(|sample| ((u32::from(sample) * alpha + grey * (255 - alpha) + 127) / 255) as u8)
    };
    rgba.as_chunks().0.iter().map(lay).collect::<Vec<[u8; 3]>>().into_flattened()
}

#[cfg(test)]
impl Pixels {
    /// Noise, the same each time: what compresses worst.
    pub(crate) fn noise(width: u32, height: u32, layout: Layout) -> Self {
        let mut pixels = Self::zeroed(width, height, layout).unwrap();
        let mut state = 1_u32;
        pixels.samples.fill_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_something_through_takes_on_the_grey_behind_it() {
        let rgba = [9, 9, 9, 0, 255, 0, 0, 255, 0, 0, 0, 51];
        assert_eq!(laid_on(255, &rgba), [255, 255, 255, 255, 0, 0, 204, 204, 204]);
        assert_eq!(laid_on(0, &rgba), [0, 0, 0, 255, 0, 0, 0, 0, 0]);
    }
}
