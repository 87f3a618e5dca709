//! PNG, by the crate `png`: every depth and colour type, interlaced or not; of an APNG its first image.
//!
//! Samples of 16 bits are cut to 8, which is what is written later anyway. Text chunks are skipped unread (`recipe` is who reads them), and what
//! a compressed profile may unfold to is bounded. What else than a profile says what the numbers mean becomes one.

mod meaning;

use std::io::Cursor;

use orbit_model::Format;
use png::{BitDepth, ColorType, DecodingError, Transformations};

use super::{Decoded, check_same_size, exif};
use crate::pixels::{Layout, Pixels};
use crate::{Error, Limits, Probe};

pub(crate) fn decode(bytes: &[u8], probe: Probe) -> Result<Decoded, Error> {
    let limits = png::Limits { bytes: Limits::MAX_METADATA_BYTES };
    let bytes = meaning::without_bad_chunks(bytes);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes.as_ref()), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(refuse)?;
    check_same_size(probe, reader.info().width, reader.info().height)?;

    let layout = match reader.output_color_type() {
        (ColorType::Grayscale, BitDepth::Eight) => Layout::Grey,
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => Layout::GreyAlpha,
        (ColorType::Rgb, BitDepth::Eight) => Layout::Rgb,
        (ColorType::Rgba, BitDepth::Eight) => Layout::Rgba,
        (colour, depth) => return Err(Error::damaged(Format::Png, format_args!("{colour:?} of {depth:?} bits"))),
    };
    let mut pixels = Pixels::zeroed(probe.width, probe.height, layout)?;
    if reader.output_buffer_size() != Some(pixels.samples.len()) {
        return Err(Error::Internal(String::from("the PNG decoder asks for another buffer than its header does")));
    }
    reader.next_frame(&mut pixels.samples).map_err(refuse)?;

    let info = reader.info();
    if meaning::is_narrow(info) {
        widen(&mut pixels);
    }
    let icc = meaning::profile(info, matches!(layout, Layout::Grey | Layout::GreyAlpha));
    Ok(Decoded { pixels, icc, orientation: exif::orientation(info.exif_metadata.as_deref()) })
}

/// Stretches the colours to the full range; alpha has no other.
fn widen(pixels: &mut Pixels) {
    let channels = pixels.layout.channels();
    let colours = if matches!(pixels.layout, Layout::GreyAlpha | Layout::Rgba) { channels - 1 } else { channels };
    for pixel in pixels.samples.chunks_exact_mut(channels) {
        pixel[..colours].iter_mut().for_each(|sample| *sample = meaning::widen(*sample));
    }
}

fn refuse(error: DecodingError) -> Error {
    match error {
        DecodingError::LimitsExceeded => {
            Error::TooLarge(String::from("its metadata unfolds to more than is accepted; save it without metadata"))
        }
        error => Error::damaged(Format::Png, error),
    }
}
