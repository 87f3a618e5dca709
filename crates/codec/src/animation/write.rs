//! Frames to an animated WebP, by libwebp: it finds by itself what has changed from one to the next.

use webpx::AnimationEncoder;

use crate::pixels::{Layout, Pixels};
use crate::transform::Effort;
use crate::{Error, Quality};

/// Takes frames of one size, in their order.
pub(super) struct Writer {
    quality: Quality,
    effort: Effort,
    /// From the first frame on.
    encoder: Option<AnimationEncoder>,
    loops: u16,
    /// When the next frame comes, in milliseconds.
    now: i32,
}

impl Writer {
    pub(super) fn new(quality: Quality, effort: Effort, loops: u16) -> Self {
        Self { quality, effort, encoder: None, loops, now: 0 }
    }

    pub(super) fn add(&mut self, pixels: &Pixels, milliseconds: u32) -> Result<(), Error> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(start(pixels, self.quality, self.effort, self.loops)?),
        };
        let added = match pixels.layout {
            Layout::Rgb => encoder.add_frame_rgb(&pixels.samples, self.now),
            Layout::Rgba => encoder.add_frame_rgba(&pixels.samples, self.now),
            layout => return Err(Error::Internal(format!("WebP has no {layout:?}"))),
        };
        added.map_err(|error| refuse(error.error()))?;
        let next = i32::try_from(milliseconds).ok().and_then(|time| self.now.checked_add(time));
        self.now = next.ok_or_else(|| Error::TooLarge(String::from("it plays for weeks; ask for it without anim")))?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Error> {
        let encoder = self.encoder.ok_or_else(|| Error::Internal(String::from("an animation without frames")))?;
        encoder.finish(self.now).map_err(|error| refuse(error.error()))
    }
}

fn start(pixels: &Pixels, quality: Quality, effort: Effort, loops: u16) -> Result<AnimationEncoder, Error> {
    // Each frame without loss where that is smaller takes twice the time.
    let mixed = effort == Effort::Best;
    let encoder = AnimationEncoder::with_options(pixels.width, pixels.height, mixed, loops.into());
    let mut encoder = encoder.map_err(|error| refuse(error.error()))?;
    encoder.set_quality(quality.get().into());
    Ok(encoder)
}

fn refuse(error: &webpx::Error) -> Error {
    Error::Internal(format!("animated WebP: {error}"))
}
