//! How close one image looks to another: SSIMULACRA2, where 100 is the same, 90 cannot be told apart, and 70 is high quality.
//!
//! Asked by `quality` and `refine` while they search. What is transparent is judged on black and on white, and the worse of
//! the two counts: nobody knows what a page puts behind it. The measure takes 110 bytes a pixel, so that a large image is
//! judged by bands that are spread over it.

use std::borrow::Cow;
use std::ops::Range;

use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};

use crate::Error;
use crate::pixels::{Layout, Pixels, laid_on};

/// The least side that the measure knows, in pixels.
const MIN_SIDE: u32 = 8;
/// Pixels that are judged at the most.
pub(crate) const MAX_JUDGED_PIXELS: u64 = 1 << 21;
/// Bands of an image that has more.
const BANDS: usize = 4;

/// An image to compare others with.
pub(crate) struct Reference {
    width: u32,
    views: Vec<View>,
}

/// Rows of the image on a ground.
struct View {
    rows: Range<usize>,
    ground: u8,
    reference: Ssimulacra2Reference,
}

impl Reference {
    /// Takes sRGB pixels for what others are to look like; `None` where they are too few to be judged.
    pub(crate) fn new(pixels: &Pixels) -> Result<Option<Self>, Error> {
        if pixels.width.min(pixels.height) < MIN_SIDE {
            return Ok(None);
        }
        let grounds: &[u8] = if pixels.is_transparent() { &[0, 255] } else { &[0] };
        let mut views = Vec::new();
        for rows in bands(pixels.width as usize, pixels.height as usize) {
            for &ground in grounds {
                let laid = lay(pixels, &rows, ground);
                let reference = Ssimulacra2Reference::new(&slice(&laid, pixels.width)?).map_err(fault)?;
                views.push(View { rows: rows.clone(), ground, reference });
            }
        }
        Ok(Some(Self { width: pixels.width, views }))
    }

    /// The score of other pixels of the same size.
    pub(crate) fn score(&self, pixels: &Pixels) -> Result<f64, Error> {
        let (mut black, mut white) = (Vec::new(), Vec::new());
        for View { rows, ground, reference } in &self.views {
            let laid = lay(pixels, rows, *ground);
            let score = reference.compare(&slice(&laid, self.width)?).map_err(fault)?;
            if *ground == 0 { &mut black } else { &mut white }.push(score);
        }
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
        Ok(if white.is_empty() { mean(&black) } else { mean(&black).min(mean(&white)) })
    }
}

/// All rows, or those of bands from the top to the bottom.
fn bands(width: usize, height: usize) -> Vec<Range<usize>> {
    if (width * height) as u64 <= MAX_JUDGED_PIXELS {
        return std::iter::once(0..height).collect();
    }
    let rows = (MAX_JUDGED_PIXELS as usize / BANDS / width).clamp(MIN_SIDE as usize, height);
    (0..BANDS).map(|band| (height - rows) * band / (BANDS - 1)).map(|first| first..first + rows).collect()
}

/// Rows of pixels as RGB, on a ground of grey where they let it through.
fn lay<'a>(pixels: &'a Pixels, rows: &Range<usize>, ground: u8) -> Cow<'a, [u8]> {
    let stride = pixels.width as usize * pixels.layout.channels();
    let samples = &pixels.samples[rows.start * stride..rows.end * stride];
    if pixels.layout != Layout::Rgba {
        return Cow::Borrowed(samples);
    }
    Cow::Owned(laid_on(ground, samples))
}

fn slice(rgb: &[u8], width: u32) -> Result<PixelSlice<'_>, Error> {
    let stride = 3 * width as usize;
    let height = (rgb.len() / stride) as u32;
    PixelSlice::new(rgb, width, height, stride, PixelDescriptor::RGB8_SRGB).map_err(fault)
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
    fn a_large_image_is_judged_by_bands_from_its_top_to_its_bottom() {
        for (width, height) in [(1, 3_000_000), (16_383, 200), (1500, 1500), (16_383, 16_383)] {
            let bands = bands(width, height);
            let judged: usize = bands.iter().map(|rows| rows.len() * width).sum();
            assert!(bands.len() == BANDS && judged as u64 <= MAX_JUDGED_PIXELS.max(width as u64 * 32));
            assert_eq!((bands[0].start, bands[BANDS - 1].end), (0, height));
            assert!(bands.iter().all(|rows| rows.len() >= MIN_SIDE as usize));
        }
        assert!(bands(1448, 1448).len() == 1 && bands(1448, 1448)[0] == (0..1448));
    }

    #[test]
    fn a_few_pixels_are_not_judged() {
        assert!(Reference::new(&Pixels::zeroed(7, 90, Layout::Rgb).unwrap()).unwrap().is_none());
    }
}
