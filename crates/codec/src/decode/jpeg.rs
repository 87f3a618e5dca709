//! JPEG, by the crate `zune-jpeg`: baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK.
//!
//! Four inks are handed on as inks, so that the colour step can use their profile. Files of Adobe's kind, which are
//! all that exist in practice, store them inverted.
//!
//! Where a rendition needs far fewer pixels, `scaled` decodes no more of them than it needs.

mod scaled;
mod separate;

use orbit_model::Format;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::{Decoded, check_same_size, exif};
use crate::pixels::{Layout, Pixels};
use crate::probe::jpeg::check_scans;
use crate::{Error, Limits, Probe};

/// Pixels of a decoded image, along one side, that are left to the resizing for each that is wanted: Lanczos sharpens, and
/// needs something to do it with.
const LEAST_LEFT: f64 = 1.5;

type Headers<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

pub(crate) fn decode(bytes: &[u8], probe: Probe, limits: &Limits) -> Result<Decoded, Error> {
    check_scans(bytes)?;
    decode_whole(bytes, open(bytes, probe, limits)?, probe)
}

/// Decodes to a size of which `wanted` needs no more: it says how many pixels of the upright image become one.
pub(crate) fn decode_for(
    bytes: &[u8],
    probe: Probe,
    limits: &Limits,
    wanted: impl Fn((u32, u32)) -> f64,
) -> Result<Decoded, Error> {
    check_scans(bytes)?;
    let decoder = open(bytes, probe, limits)?;
    let orientation = exif::orientation(decoder.exif().map(Vec::as_slice));
    let size = (probe.width, probe.height);
    let factor = wanted(orientation.upright(size));
    let eighths = [1_u8, 2, 4].into_iter().find(|eighths| factor * f64::from(*eighths) / 8.0 >= LEAST_LEFT);
    let usual = matches!(decoder.input_colorspace(), Some(ColorSpace::Luma | ColorSpace::YCbCr));
    let scaled = eighths.filter(|_| usual).and_then(|eighths| scaled::decode(bytes, size, eighths.into()));
    match scaled {
        Some(pixels) => Ok(Decoded { pixels, icc: decoder.icc_profile(), orientation }),
        None => decode_whole(bytes, decoder, probe),
    }
}

fn open<'a>(bytes: &'a [u8], probe: Probe, limits: &Limits) -> Result<Headers<'a>, Error> {
    let side = limits.max_side as usize;
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(refuse)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Error::damaged(Format::Jpeg, "no frame header"))?;
    check_same_size(probe, u32::try_from(width).unwrap_or(u32::MAX), u32::try_from(height).unwrap_or(u32::MAX))?;
    Ok(decoder)
}

fn decode_whole(bytes: &[u8], mut decoder: Headers<'_>, probe: Probe) -> Result<Decoded, Error> {
    let orientation = exif::orientation(decoder.exif().map(Vec::as_slice));
    if separate::is_separate(bytes) {
        return Ok(Decoded { pixels: separate::decode(bytes, probe)?, icc: decoder.icc_profile(), orientation });
    }
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    let (wanted, layout) = match stored {
        ColorSpace::Luma => (ColorSpace::Luma, Layout::Grey),
        ColorSpace::CMYK | ColorSpace::YCCK => (stored, Layout::Cmyk),
        _ => (ColorSpace::RGB, Layout::Rgb),
    };
    let options = *decoder.options();
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let mut pixels = Pixels::zeroed(probe.width, probe.height, layout)?;
    if decoder.output_buffer_size() != Some(pixels.samples.len()) {
        return Err(Error::damaged(Format::Jpeg, "its headers disagree on its colours"));
    }
    decoder.decode_into(&mut pixels.samples).map_err(refuse)?;
    match stored {
        ColorSpace::CMYK => pixels.samples.iter_mut().for_each(|sample| *sample = 255 - *sample),
        ColorSpace::YCCK => pixels.samples.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = ink(*pixel)),
        _ => {}
    }
    Ok(Decoded { pixels, icc: decoder.icc_profile(), orientation })
}

/// Inks of a YCCK pixel: the inverse of Adobe's transform (ITU-T T.871 for the matrix, T.872 for the fourth ink).
fn ink([y, cb, cr, k]: [u8; 4]) -> [u8; 4] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    // A cast from float to integer saturates.
    let [c, m, y] = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|ink| ink.round() as u8);
    [c, m, y, 255 - k]
}

fn refuse(error: DecodeErrors) -> Error {
    match error {
        DecodeErrors::Unsupported(scheme) => {
            Error::Unsupported(format!("this kind of JPEG is not read ({scheme:?}); save it as a usual JPEG or a PNG"))
        }
        error => Error::damaged(Format::Jpeg, error),
    }
}

#[cfg(test)]
mod tests;
