//! PNG without loss: the tiny one of a placeholder, the source that a generator hands in, and a variant.

mod reduce;

use png::{BitDepth, ColorType, Compression};

use crate::Error;
use crate::pixels::{Layout, Pixels};
use crate::transform::Effort;

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
    write((width, height), &Stored::whole(ColorType::Rgba, rgba), Compression::Fast)
}

/// Encodes sRGB pixels, in the fewest bits that hold them: with a palette, in grey, or without alpha, where that is enough.
pub(crate) fn encode(pixels: &Pixels, effort: Effort) -> Result<Vec<u8>, Error> {
    // `High` takes twice as long as `Balanced` for another 1% of the bytes.
    let compression = match effort {
        Effort::First => Compression::Fast,
        Effort::Best => Compression::Balanced,
    };
    let size = (pixels.width, pixels.height);
    if let Some(reduced) = reduce::reduce(pixels) {
        let stored = Stored {
            colour: reduced.colour,
            depth: reduced.depth,
            samples: &reduced.samples,
            palette: (&reduced.palette, &reduced.alphas),
        };
        return write(size, &stored, compression);
    }
    write(size, &Stored::whole(colour(pixels.layout)?, &pixels.samples), compression)
}

/// Encodes a few pixels as small as a PNG gets.
pub(crate) fn encode_small(pixels: &Pixels) -> Result<Vec<u8>, Error> {
    let stored = Stored::whole(colour(pixels.layout)?, &pixels.samples);
    write((pixels.width, pixels.height), &stored, Compression::High)
}

fn colour(layout: Layout) -> Result<ColorType, Error> {
    match layout {
        Layout::Grey => Ok(ColorType::Grayscale),
        Layout::GreyAlpha => Ok(ColorType::GrayscaleAlpha),
        Layout::Rgb => Ok(ColorType::Rgb),
        Layout::Rgba => Ok(ColorType::Rgba),
        Layout::Cmyk => Err(Error::Internal(String::from("PNG has no CMYK"))),
    }
}

/// Pixels as the file has them; the palette's colours and their alphas are empty where there is none.
struct Stored<'a> {
    colour: ColorType,
    depth: BitDepth,
    samples: &'a [u8],
    palette: (&'a [u8], &'a [u8]),
}

impl<'a> Stored<'a> {
    fn whole(colour: ColorType, samples: &'a [u8]) -> Self {
        Self { colour, depth: BitDepth::Eight, samples, palette: (&[], &[]) }
    }
}

fn write(size: (u32, u32), stored: &Stored<'_>, effort: Compression) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
    encoder.set_color(stored.colour);
    encoder.set_depth(stored.depth);
    encoder.set_compression(effort);
    if stored.colour == ColorType::Indexed {
        let (colours, alphas) = stored.palette;
        encoder.set_palette(colours);
        if !alphas.is_empty() {
            encoder.set_trns(alphas);
        }
        // Neighbours in a palette have nothing to do with each other.
        encoder.set_filter(png::Filter::NoFilter);
    }
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(stored.samples)?;
        writer.finish()
    });
    written.map_err(|error| Error::Internal(format!("PNG: {error}")))?;
    Ok(bytes)
}
