//! Turns an image the way the camera was held, because the tag that says so is not written on.
//!
//! A step of every verb of the crate. Each of Exif's eight orientations is a start and two strides through the
//! stored pixels, so that one loop does them all.

use crate::pixels::Pixels;

/// How stored pixels lie, by Exif's numbers 1 to 8.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Orientation {
    #[default]
    AsStored,
    FlipHorizontal,
    Rotate180,
    FlipVertical,
    Transpose,
    Rotate90,
    Transverse,
    Rotate270,
}

impl Orientation {
    /// The orientation of an Exif number; `None` outside 1 to 8.
    pub(crate) fn from_exif(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::AsStored,
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => return None,
        })
    }

    fn swaps_sides(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }

    /// The size of the upright image whose stored size this is.
    pub(crate) fn upright(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.swaps_sides() { (height, width) } else { (width, height) }
    }

    /// Where the upright image's first pixel is stored, and how far on its right and its lower neighbour are.
    fn walk(self, width: isize, height: isize) -> (isize, isize, isize) {
        let last = width * height - 1;
        match self {
            Self::AsStored => (0, 1, width),
            Self::FlipHorizontal => (width - 1, -1, width),
            Self::Rotate180 => (last, -1, -width),
            Self::FlipVertical => (last - (width - 1), 1, -width),
            Self::Transpose => (0, width, 1),
            Self::Rotate90 => (last - (width - 1), -width, 1),
            Self::Transverse => (last, -width, -1),
            Self::Rotate270 => (width - 1, width, -1),
        }
    }
}

/// Gives the image upright.
pub(crate) fn orient(pixels: Pixels, orientation: Orientation) -> Pixels {
    if orientation == Orientation::AsStored {
        return pixels;
    }
    let samples = match pixels.layout.channels() {
        1 => turn::<1>(&pixels, orientation),
        2 => turn::<2>(&pixels, orientation),
        3 => turn::<3>(&pixels, orientation),
        _ => turn::<4>(&pixels, orientation),
    };
    let (width, height) = orientation.upright((pixels.width, pixels.height));
    Pixels { width, height, samples, ..pixels }
}

fn turn<const N: usize>(pixels: &Pixels, orientation: Orientation) -> Vec<u8> {
    let (stored, _) = pixels.samples.as_chunks::<N>();
    let (width, height) = orientation.upright((pixels.width, pixels.height));
    // Both sides are far below the limit of any pointer, so that no product overflows.
    let (start, right, down) = orientation.walk(pixels.width as isize, pixels.height as isize);
    let mut upright = Vec::with_capacity(stored.len());
    for y in 0..height as isize {
        let row = start + y * down;
        upright.extend((0..width as isize).map(|x| stored[(row + x * right) as usize]));
    }
    upright.into_flattened()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Layout;

    /// Three by two pixels: `abc` over `def`.
    fn turned(number: u16) -> (u32, u32, String) {
        let stored = Pixels { width: 3, height: 2, layout: Layout::Grey, samples: b"abcdef".to_vec() };
        let upright = orient(stored, Orientation::from_exif(number).unwrap());
        (upright.width, upright.height, String::from_utf8(upright.samples).unwrap())
    }

    #[test]
    fn every_exif_number_turns_the_image_as_the_standard_draws_it() {
        let table = [
            (1, 3, 2, "abcdef"),
            (2, 3, 2, "cbafed"),
            (3, 3, 2, "fedcba"),
            (4, 3, 2, "defabc"),
            (5, 2, 3, "adbecf"),
            (6, 2, 3, "daebfc"),
            (7, 2, 3, "fcebda"),
            (8, 2, 3, "cfbead"),
        ];
        for (number, width, height, samples) in table {
            assert_eq!(turned(number), (width, height, samples.to_owned()), "orientation {number}");
        }
        assert_eq!(Orientation::from_exif(0), None);
        assert_eq!(Orientation::from_exif(9), None);
    }

    #[test]
    fn samples_of_a_pixel_stay_together() {
        let stored = Pixels { width: 2, height: 1, layout: Layout::Rgb, samples: b"RGBrgb".to_vec() };
        assert_eq!(orient(stored, Orientation::FlipHorizontal).samples, b"rgbRGB");
    }
}
