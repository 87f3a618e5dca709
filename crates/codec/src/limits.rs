//! How much an image may ask for, checked from its header before any pixel is allocated.
//!
//! The services read these from their configuration; [`crate::probe()`] and the decoders hold images against them.

use crate::Error;

/// The largest image that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width times height.
    pub max_pixels: u64,
    /// Pixels of the longer side; WebP itself ends at 16,383.
    pub max_side: u32,
    /// Bytes of the file.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 50_000_000, max_side: 16_383, max_bytes: 32 * 1024 * 1024 }
    }
}

impl Limits {
    /// What a decoder may allocate for anything but pixels: a profile, an Exif block.
    pub(crate) const MAX_METADATA_BYTES: usize = 8 * 1024 * 1024;

    pub(crate) fn check_bytes(&self, length: usize) -> Result<(), Error> {
        let (length, max) = (length as u64, self.max_bytes);
        if length > max {
            return Err(Error::TooLarge(format!("it has {length} bytes, and {max} are accepted")));
        }
        Ok(())
    }

    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), Error> {
        if width == 0 || height == 0 {
            return Err(Error::Invalid(format!("it says to be {width} x {height} pixels; send one that has pixels")));
        }
        let max_side = self.max_side;
        if width.max(height) > max_side {
            let reason = format!("it is {width} x {height} pixels, and {max_side} a side are accepted; scale it down");
            return Err(Error::TooLarge(reason));
        }
        let (pixels, max_pixels) = (u64::from(width) * u64::from(height), self.max_pixels);
        if pixels > max_pixels {
            let reason =
                format!("it has {pixels} pixels ({width} x {height}), and {max_pixels} are accepted; scale it down");
            return Err(Error::TooLarge(reason));
        }
        Ok(())
    }
}
