//! GIF, by the crate `gif`: the first frame, laid onto the canvas; what it leaves bare stays transparent.
//!
//! Browsers ignore the background colour, and so does this. Later frames are never read, however many there are; an
//! animation that keeps them takes the decoder and reads on.

use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, Frame, MemoryLimit};
use orbit_model::Format;

use super::{Decoded, check_same_size};
use crate::pixels::{Layout, Pixels};
use crate::steps::orient::Orientation;
use crate::{Error, Limits, Probe};

const RGBA: usize = 4;

pub(crate) fn decode(bytes: &[u8], probe: Probe, limits: &Limits) -> Result<Decoded, Error> {
    let mut decoder = open(bytes, probe, limits)?;
    let icc = decoder.icc_profile().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(refuse)?;
    let frame = frame.ok_or_else(|| Error::damaged(Format::Gif, "it has no frame"))?;
    let mut pixels = Pixels::zeroed(probe.width, probe.height, Layout::Rgba)?;
    lay(frame, &mut pixels);
    Ok(Decoded { pixels, icc, orientation: Orientation::default() })
}

/// A decoder before its first frame, which allocates no more than the limits allow for each.
pub(crate) fn open<'a>(bytes: &'a [u8], probe: Probe, limits: &Limits) -> Result<Decoder<Cursor<&'a [u8]>>, Error> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    // A frame may be larger than the canvas, which is what the probe has seen.
    let max_bytes = limits.max_pixels.saturating_mul(RGBA as u64);
    options.set_memory_limit(NonZeroU64::new(max_bytes).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let decoder = options.read_info(Cursor::new(bytes)).map_err(refuse)?;
    check_same_size(probe, decoder.width().into(), decoder.height().into())?;
    Ok(decoder)
}

/// Copies the part of a frame that lies on the canvas.
fn lay(frame: &Frame<'_>, canvas: &mut Pixels) {
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let row_bytes = usize::from(frame.width) * RGBA;
    let stride = canvas.width as usize * RGBA;
    let width = row_bytes.min(stride.saturating_sub(left * RGBA));
    if width == 0 {
        return;
    }
    let rows = canvas.samples.chunks_exact_mut(stride).skip(top);
    for (to, from) in rows.zip(frame.buffer.chunks_exact(row_bytes)) {
        to[left * RGBA..][..width].copy_from_slice(&from[..width]);
    }
}

pub(crate) fn refuse(error: DecodingError) -> Error {
    match error {
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => {
            Error::TooLarge(String::from("a frame has more pixels than are accepted; scale it down"))
        }
        error => Error::damaged(Format::Gif, error),
    }
}
