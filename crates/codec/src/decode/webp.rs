//! WebP, by the crate `image-webp`: lossy, lossless, with alpha; of an animation its first frame.
//!
//! It is the reader for what strangers send. The writer is libwebp, in C, which sees nothing but our own pixels.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};
use orbit_model::Format;

use super::{Decoded, check_same_size, exif};
use crate::pixels::{Layout, Pixels};
use crate::probe::riff::check_frames;
use crate::{Error, Limits, Probe};

pub(crate) fn decode(bytes: &[u8], probe: Probe) -> Result<Decoded, Error> {
    check_frames(bytes, (probe.width, probe.height))?;
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(refuse)?;
    decoder.set_memory_limit(Limits::MAX_METADATA_BYTES);
    let (width, height) = decoder.dimensions();
    check_same_size(probe, width, height)?;

    let layout = if decoder.has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let mut pixels = Pixels::zeroed(width, height, layout)?;
    decoder.read_image(&mut pixels.samples).map_err(refuse)?;

    // Metadata that cannot be read is metadata that is not there.
    let icc = decoder.icc_profile().unwrap_or_default();
    let orientation = exif::orientation(decoder.exif_metadata().unwrap_or_default().as_deref());
    Ok(Decoded { pixels, icc, orientation })
}

fn refuse(error: DecodingError) -> Error {
    Error::damaged(Format::Webp, error)
}
