//! Judge: how close a file comes to the picture that it was made from.
//!
//! SSIMULACRA2 judges, where 100 is the picture itself, 90 cannot be told from it and 70 is high quality; butteraugli, where
//! 0 is the picture, is there to contradict it. Pillow decodes for all, ours included.

use anyhow::{Context, Result, anyhow};
use butteraugli::{ButteraugliParams, Img, RGB8, butteraugli};
use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};
use serde::Serialize;

use super::Lab;
use super::worker::{Job, Library};

/// A picture to compare with.
pub(crate) struct Judge {
    side: u32,
    pixels: Vec<u8>,
    reference: Ssimulacra2Reference,
}

/// What two judges say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    /// SSIMULACRA2; more is closer.
    pub(crate) ssimulacra2: f64,
    /// Butteraugli's 3-norm; less is closer.
    pub(crate) butteraugli: f64,
}

impl Judge {
    /// Compares with the square in a file, scaled to `width` if there is one.
    pub(crate) fn of(lab: &mut Lab, source: &std::path::Path, width: Option<u32>) -> Result<Self> {
        let pixels = lab.worker(Library::Pillow)?.make(&Job::pixels(source, width))?.bytes;
        let side = (pixels.len() / 3).isqrt();
        let side = u32::try_from(side).context("the picture is too large")?;
        let reference = Ssimulacra2Reference::new(&slice(&pixels, side)?).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { side, pixels, reference })
    }

    /// The file's SSIMULACRA2.
    pub(crate) fn score(&self, lab: &mut Lab, file: &[u8]) -> Result<f64> {
        let pixels = lab.worker(Library::Pillow)?.pixels(file)?;
        self.ssimulacra2(&pixels)
    }

    /// What both judges say of the file.
    pub(crate) fn verdict(&self, lab: &mut Lab, file: &[u8]) -> Result<Verdict> {
        let pixels = lab.worker(Library::Pillow)?.pixels(file)?;
        let side = self.side as usize;
        let image = |pixels: &[u8]| {
            let pixels: Vec<RGB8> = pixels.as_chunks().0.iter().map(|&[r, g, b]| RGB8 { r, g, b }).collect();
            Img::new(pixels, side, side)
        };
        let (ours, theirs) = (image(&self.pixels), image(&pixels));
        let result = butteraugli(ours.as_ref(), theirs.as_ref(), &ButteraugliParams::default());
        let result = result.map_err(|error| anyhow!("{error}"))?;
        Ok(Verdict { ssimulacra2: self.ssimulacra2(&pixels)?, butteraugli: result.pnorm_3 })
    }

    fn ssimulacra2(&self, pixels: &[u8]) -> Result<f64> {
        self.reference.compare(&slice(pixels, self.side)?).map_err(|error| anyhow!("{error}"))
    }
}

fn slice(pixels: &[u8], side: u32) -> Result<PixelSlice<'_>> {
    let square = PixelSlice::new(pixels, side, side, 3 * side as usize, PixelDescriptor::RGB8_SRGB);
    square.map_err(|error| anyhow!("{} bytes are no square of {side} pixels: {error}", pixels.len()))
}
