//! The frames of an animated WebP, each decoded as the still image that it is.
//!
//! The crate `image-webp` can lay frames onto a canvas too, but clears none that asks for it.

use orbit_model::Format;

use super::{After, Frame, Moving};
use crate::pixels::{Layout, Pixels};
use crate::probe::{Probe, riff};
use crate::{Error, Limits, decode};

pub(super) fn open<'a>(bytes: &'a [u8], probe: Probe, limits: &Limits) -> Moving<'a> {
    let limits = *limits;
    let metadata = |kind| riff::find(bytes, kind).filter(|block| block.len() <= Limits::MAX_METADATA_BYTES);
    let loops = riff::find(bytes, b"ANIM").and_then(|payload| payload.get(4..6)?.first_chunk().copied());
    let frames = riff::frames(bytes).map(move |stored| frame(stored?, probe, &limits));
    Moving {
        frames: Box::new(frames),
        loops: loops.map_or(0, u16::from_le_bytes),
        icc: metadata(b"ICCP").map(<[u8]>::to_vec),
        orientation: decode::exif::orientation(metadata(b"EXIF")),
    }
}

fn frame(stored: riff::Frame<'_>, canvas: Probe, limits: &Limits) -> Result<Frame, Error> {
    let riff::Frame { left, top, width, height, .. } = stored;
    if left.saturating_add(width) > canvas.width || top.saturating_add(height) > canvas.height {
        return Err(Error::damaged(Format::Webp, "a frame lies outside the canvas"));
    }
    let still = Probe { format: Format::Webp, width, height };
    let pixels = decode::decode(&stored.to_still()?, still, limits)?.pixels;
    Ok(Frame {
        left,
        top,
        pixels: with_alpha(pixels),
        blends: stored.blends,
        after: if stored.is_cleared { After::Clear } else { After::Keep },
        milliseconds: stored.milliseconds,
    })
}

fn with_alpha(pixels: Pixels) -> Pixels {
    if pixels.layout == Layout::Rgba {
        return pixels;
    }
    let samples = pixels.samples.as_chunks::<3>().0.iter().flat_map(|&[red, green, blue]| [red, green, blue, 255]);
    Pixels { samples: samples.collect(), layout: Layout::Rgba, ..pixels }
}
