//! Searches over an encoder's quality: the least that looks the same, and the best that fits into so many bytes.
//!
//! Called by [`crate::transform()`] with the encoder as a function of quality.

use orbit_model::Format;

use crate::pixels::Pixels;
use crate::{Error, Quality, Terms, encode};

/// The best quality, `most` at the most, whose file has no more than `max_bytes`.
pub(crate) fn within(
    max_bytes: u64,
    most: Quality,
    write: impl Fn(Quality) -> Result<Vec<u8>, Error>,
) -> Result<(Vec<u8>, Quality), Error> {
    let bytes = write(most)?;
    if bytes.len() as u64 <= max_bytes {
        return Ok((bytes, most));
    }
    Err(Error::TooLarge(format!("it does not fit into {max_bytes} bytes; allow more or ask for fewer pixels")))
}

/// The least quality that looks like `pixels` to the eye.
pub(crate) fn by_eye(
    pixels: &Pixels,
    format: Format,
    max_bytes: Option<u64>,
    terms: &Terms,
) -> Result<(Vec<u8>, Quality), Error> {
    let write = |quality| encode::write(pixels, format, quality, terms);
    within(max_bytes.unwrap_or(u64::MAX), Quality::default(), write)
}
