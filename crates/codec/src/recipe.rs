//! What a generator wrote into a file about how it was made, lifted out: prompt, seed, graph. The only reader of such texts,
//! which get into no rendition.
//!
//! 1. A PNG's text chunks ([`png`]), by keyword.
//! 2. The Exif block of a PNG, a JPEG or a WebP ([`exif`]): `UserComment`, and graphs under the tags that ComfyUI gives them.
//!
//! It is hostile input: the walk is linear in the file, a text longer than [`MAX_TEXT_BYTES`] is left, and all that is
//! inflated together is bounded. Whatever is not understood is not there.
//!
//! [`with_text`] is the way back, for an owner who wants them in a file.

mod exif;
mod png;

use orbit_model::{Format, Recipe};

use crate::Error;
use crate::probe::{self, jpeg, riff};

/// The longest text that is lifted, as UTF-8.
const MAX_TEXT_BYTES: usize = 256 << 10;
/// How much is inflated for all texts of a file together.
const MAX_INFLATED_BYTES: usize = 4 * MAX_TEXT_BYTES;

/// Finds what a generator wrote into a file; of a kind that stands there twice, the first.
#[must_use]
pub fn recipe(bytes: &[u8]) -> Recipe {
    let mut recipe = Recipe::default();
    let block = match probe::signature(bytes) {
        Some(Format::Png) => png::lift(bytes, &mut recipe),
        Some(Format::Jpeg) => jpeg::exif(bytes),
        Some(Format::Webp) => riff::find(bytes, b"EXIF"),
        _ => None,
    };
    if let Some(block) = block {
        exif::lift(block, &mut recipe);
    }
    recipe
}

/// A PNG with texts written into it, each under its keyword, in UTF-8. A manifest of C2PA is left out, because it vouches for
/// the bytes as they were.
///
/// # Errors
/// [`Error::Invalid`] where the bytes are no whole PNG, or a keyword is none.
pub fn with_text(png: Vec<u8>, texts: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
    png::write(png, texts)
}

/// Keeps a text, unless it is empty, too long, or there is one already.
fn keep(slot: &mut Option<String>, text: String) {
    let length = text.trim_end_matches('\0').len();
    if slot.is_none() && (1..=MAX_TEXT_BYTES).contains(&length) {
        let mut text = text;
        text.truncate(length);
        *slot = Some(text);
    }
}

#[cfg(test)]
mod tests;
