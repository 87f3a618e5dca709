//! What some bytes are, from their signature and header alone.
//!
//! A step of every verb of the crate, and called on its own by whoever must refuse early. Names and declared
//! media types are never asked; nothing is allocated that grows with the image.

mod foreign;
pub(crate) mod gif;
pub(crate) mod jpeg;
pub(crate) mod riff;

use orbit_model::Format;

use crate::{Error, Limits};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What a header says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The format, by the bytes' signature.
    pub format: Format,
    /// Pixels from left to right as stored, before orientation.
    pub width: u32,
    /// Pixels from top to bottom as stored, before orientation.
    pub height: u32,
}

/// Reads format and size from the head of an image and holds them against the limits.
///
/// # Errors
/// [`Error::Unsupported`] for another type, [`Error::Invalid`] for a header that is cut off or says zero pixels,
/// [`Error::TooLarge`] over a limit.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<Probe, Error> {
    limits.check_bytes(bytes.len())?;
    if bytes.is_empty() {
        return Err(Error::Invalid(format!("there are no bytes; {}", foreign::ACCEPTED)));
    }
    let format = signature(bytes).ok_or_else(|| foreign::refuse(bytes))?;
    let size = match format {
        Format::Png => png_size(bytes),
        Format::Jpeg => jpeg::size(bytes)?,
        Format::Webp => riff::size(bytes),
        Format::Gif => gif::size(bytes),
        Format::Avif => None, // no signature of it is taken
    };
    let (width, height) = size.ok_or_else(|| Error::damaged(format, "no whole header"))?;
    limits.check_size(width, height)?;
    Ok(Probe { format, width, height })
}

/// The format that the first bytes say.
pub(crate) fn signature(bytes: &[u8]) -> Option<Format> {
    match bytes {
        _ if bytes.starts_with(PNG_SIGNATURE) => Some(Format::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::Webp),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        _ => None,
    }
}

/// IHDR is 13 bytes long and comes first (PNG, third edition, section 5.6).
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let header = bytes.get(PNG_SIGNATURE.len()..)?.strip_prefix(b"\0\0\0\x0dIHDR")?;
    let (width, rest) = header.split_first_chunk()?;
    let (height, rest) = rest.split_first_chunk()?;
    rest.first_chunk::<9>()?; // depth, colour, compression, filter, interlace; CRC
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

#[cfg(test)]
mod tests;
