//! How close one image looks to another: SSIMULACRA2, where 100 is the same, 90 cannot be told apart, and 70 is high quality.
//!
//! Asked by `quality` while it searches. What is transparent is judged on black and on white, and the worse of the two counts:
//! nobody knows what a page puts behind it.

use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};

use crate::Error;
use crate::pixels::{Layout, Pixels};

/// The least side that the measure knows, in pixels.
const MIN_SIDE: u32 = 8;

/// An image to compare others with.
pub(crate) struct Reference {
    width: u32,
    height: u32,
    /// The image on each ground, and the ground; one where it is opaque.
    grounds: Vec<(u8, Ssimulacra2Reference)>,
}

impl Reference {
    /// Takes sRGB pixels for what others are to look like; `None` where they are too few to be judged.
    pub(crate) fn new(pixels: &Pixels) -> Result<Option<Self>, Error> {
        let (width, height) = (pixels.width, pixels.height);
        if width.min(height) < MIN_SIDE {
            return Ok(None);
        }
        let grounds: &[u8] = if pixels.layout == Layout::Rgba { &[0, 255] } else { &[0] };
        let reference = |&ground: &u8| {
            let on_ground = lay(pixels, ground);
            let reference = Ssimulacra2Reference::new(&slice(&on_ground, (width, height))?).map_err(fault)?;
            Ok((ground, reference))
        };
        Ok(Some(Self { width, height, grounds: grounds.iter().map(reference).collect::<Result<_, Error>>()? }))
    }

    /// The score of other pixels of the same size.
    pub(crate) fn score(&self, pixels: &Pixels) -> Result<f64, Error> {
        let mut worst = f64::INFINITY;
        for (ground, reference) in &self.grounds {
            let on_ground = lay(pixels, *ground);
            let score = reference.compare(&slice(&on_ground, (self.width, self.height))?).map_err(fault)?;
            worst = worst.min(score);
        }
        Ok(worst)
    }
}

/// The pixels as RGB, on a ground of grey where they let it through.
fn lay(pixels: &Pixels, ground: u8) -> Vec<u8> {
    if pixels.layout != Layout::Rgba {
        return pixels.samples.clone();
    }
    let over = |colour: u8, alpha: u8| {
        let (colour, alpha, ground) = (u32::from(colour), u32::from(alpha), u32::from(ground));
        ((colour * alpha + ground * (255 - alpha) + 127) / 255) as u8
    };
    let pixels = pixels.samples.as_chunks::<4>().0;
    pixels.iter().flat_map(|&[red, green, blue, alpha]| [red, green, blue].map(|colour| over(colour, alpha))).collect()
}

fn slice(rgb: &[u8], (width, height): (u32, u32)) -> Result<PixelSlice<'_>, Error> {
    PixelSlice::new(rgb, width, height, 3 * width as usize, PixelDescriptor::RGB8_SRGB).map_err(fault)
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("the score: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripes(layout: Layout, level: u8) -> Pixels {
        let mut pixels = Pixels::zeroed(32, 32, layout).unwrap();
        for (index, sample) in pixels.samples.iter_mut().enumerate() {
            *sample = if index / layout.channels() % 8 < 4 { level } else { 20 };
        }
        pixels
    }

    #[test]
    fn the_same_scores_a_hundred_and_another_less() {
        for layout in [Layout::Rgb, Layout::Rgba] {
            let reference = Reference::new(&stripes(layout, 200)).unwrap().unwrap();
            assert!(reference.score(&stripes(layout, 200)).unwrap() > 99.9, "{layout:?}");
            let (close, far) = (stripes(layout, 196), stripes(layout, 120));
            let (close, far) = (reference.score(&close).unwrap(), reference.score(&far).unwrap());
            assert!(close > far && close < 99.9, "{layout:?}: {close} and {far}");
        }
    }

    #[test]
    fn what_is_transparent_is_judged_on_black_and_on_white() {
        let clear = |colour: u8| {
            let mut pixels = Pixels::zeroed(32, 32, Layout::Rgba).unwrap();
            pixels.samples.as_chunks_mut::<4>().0.fill([colour, colour, colour, 0]);
            pixels
        };
        let reference = Reference::new(&clear(0)).unwrap().unwrap();
        assert!(reference.score(&clear(255)).unwrap() > 99.9, "colours that nobody sees");
        let mut white = clear(255);
        white.samples.as_chunks_mut::<4>().0.fill([255; 4]);
        assert!(reference.score(&white).unwrap() < 50.0, "on white it looks the same, on black it does not");
    }

    #[test]
    fn a_few_pixels_are_not_judged() {
        assert!(Reference::new(&Pixels::zeroed(7, 90, Layout::Rgb).unwrap()).unwrap().is_none());
    }
}
