//! PNG without loss: the tiny one of a placeholder, and the source that a generator hands in.

use png::{BitDepth, ColorType, Compression};

use crate::Error;
use crate::pixels::{Layout, Pixels};

/// Encodes sRGB pixels as a PNG, fast rather than small, for a caller that has pixels where a file is asked for.
///
/// `rgba` holds `width * height` pixels of four bytes, row by row from the top, with straight alpha.
///
/// # Errors
/// [`Error::Invalid`] where the number of bytes is not that of the size.
pub fn encode_png(width: u32, height: u32, rgba: &[u8]) -> Result<Vec<u8>, Error> {
    let expected = u64::from(width) * u64::from(height) * 4;
    if expected == 0 || rgba.len() as u64 != expected {
        let length = rgba.len();
        return Err(Error::Invalid(format!("{width} x {height} RGBA pixels are {expected} bytes, not {length}")));
    }
    write((width, height), ColorType::Rgba, rgba, Compression::Fast)
}

/// Encodes sRGB pixels as small as a PNG gets.
pub(crate) fn encode_small(pixels: &Pixels) -> Result<Vec<u8>, Error> {
    let colour = match pixels.layout {
        Layout::Grey => ColorType::Grayscale,
        Layout::GreyAlpha => ColorType::GrayscaleAlpha,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba => ColorType::Rgba,
        Layout::Cmyk => return Err(Error::Internal(String::from("PNG has no CMYK"))),
    };
    write((pixels.width, pixels.height), colour, &pixels.samples, Compression::High)
}

fn write(size: (u32, u32), colour: ColorType, samples: &[u8], effort: Compression) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(effort);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(samples)?;
        writer.finish()
    });
    written.map_err(|error| Error::Internal(format!("PNG: {error}")))?;
    Ok(bytes)
}
