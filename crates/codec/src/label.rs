//! What a file says beside its pixels: where they come from, and what their numbers mean.
//!
//! Called last, on an encoder's output, which holds nothing but pixels. Each format has its container and so its file
//! here; all take the same two parts, an XMP packet and the colours of Display P3, and touch no byte of the pixels. Bytes
//! that are no output of our encoders are an [`Error::Internal`], never a panic.

mod avif;
mod jpeg;
mod png;
mod webp;

use std::fmt;

use orbit_model::Format;
use orbit_model::variant::Gamut;

use crate::provenance::Mark;
use crate::steps::colour::display_p3;
use crate::{Error, error};

/// What is said; the default says nothing and costs nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Label {
    /// Where the image comes from.
    pub(crate) mark: Option<Mark>,
    /// Which colours its numbers mean: nothing is said of sRGB, which is what all take for granted.
    pub(crate) gamut: Gamut,
}

impl Label {
    /// Bytes of boxes, chunks and names around a part, in whichever format has most.
    const FRAME_BYTES: usize = 128;

    /// Adds the label to a file that one of our encoders has written.
    pub(crate) fn write(self, bytes: Vec<u8>, format: Format) -> Result<Vec<u8>, Error> {
        let xmp = self.mark.map(Mark::xmp);
        let icc = (self.gamut == Gamut::Wide).then(display_p3);
        if xmp.is_none() && icc.is_none() {
            return Ok(bytes);
        }
        match format {
            Format::Jpeg => jpeg::label(bytes, xmp, icc),
            Format::Png => png::label(bytes, xmp, icc),
            Format::Webp => webp::label(bytes, xmp, icc),
            Format::Avif => avif::label(&bytes, xmp, icc.is_some()),
            Format::Gif => Err(unlike(format, "GIF is never written")),
        }
    }

    /// What the label adds to a file at the most.
    pub(crate) fn max_bytes(self) -> u64 {
        let parts = [self.mark.map(|mark| mark.xmp().len()), (self.gamut == Gamut::Wide).then(|| display_p3().len())];
        parts.into_iter().flatten().map(|bytes| (bytes + Self::FRAME_BYTES) as u64).sum()
    }
}

/// The bytes are not as our encoder writes them.
fn unlike(format: Format, reason: impl fmt::Display) -> Error {
    Error::Internal(format!("the {} cannot be labelled: {reason}", error::name(format)))
}

#[cfg(test)]
mod tests;
