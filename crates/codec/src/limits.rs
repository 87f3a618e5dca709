//! How much an image may ask for, checked from its header before any pixel is allocated.
//!
//! The services read these from their configuration; [`crate::probe()`], the decoders and animations hold images against
//! them. An animation's frames are counted by walking over them, not by decoding (T-DOS-4).

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
    /// Frames of an animation that keeps them.
    pub max_frames: u32,
    /// Width times height, added up over all frames of an animation that keeps them.
    pub max_animation_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 50_000_000,
            max_side: 16_383,
            max_bytes: 32 * 1024 * 1024,
            max_frames: 1_000,
            max_animation_pixels: 200_000_000,
        }
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

    /// Holds an animation against the limits, frame by frame; ends at the first that is too much.
    ///
    /// `frames` gives the sides of each frame, where one is larger than the canvas; every frame costs at least a canvas.
    pub(crate) fn check_frames(
        &self,
        (width, height): (u32, u32),
        frames: impl Iterator<Item = (u32, u32)>,
    ) -> Result<(), Error> {
        let area = |width, height| u64::from(width) * u64::from(height);
        let (mut count, mut pixels) = (0, 0_u64);
        for frame in frames {
            count += 1;
            pixels = pixels.saturating_add(area(width, height).max(area(frame.0, frame.1)));
            if count > self.max_frames {
                let max = self.max_frames;
                return Err(Error::TooLarge(format!("it has more than {max} frames; ask for it without anim")));
            }
            if pixels > self.max_animation_pixels {
                let max = self.max_animation_pixels;
                let reason = format!("its frames have more than {max} pixels in all; ask for it without anim");
                return Err(Error::TooLarge(reason));
            }
        }
        Ok(())
    }
}
