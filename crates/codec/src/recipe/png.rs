//! Text chunks of a PNG (third edition, section 11.3.3): `tEXt`, `zTXt` and `iTXt`, read and written.
//!
//! Writers put them before the pixels or behind them, so that every chunk is looked at; its checksum is not.

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use img_parts::png::{Png, PngChunk};
use orbit_model::{Format, Recipe};

use super::{MAX_INFLATED_BYTES, MAX_TEXT_BYTES, keep};
use crate::Error;

const SIGNATURE_BYTES: usize = 8;
/// Length, kind, checksum.
const FRAME_BYTES: usize = 12;
const MAX_KEYWORD_BYTES: usize = 79;

/// Lifts the texts, and hands out the Exif block, where there is one.
pub(super) fn lift<'a>(bytes: &'a [u8], recipe: &mut Recipe) -> Option<&'a [u8]> {
    let (mut exif, mut budget) = (None, MAX_INFLATED_BYTES);
    for (kind, contents) in chunks(bytes) {
        if kind == b"eXIf" {
            exif = exif.or(Some(contents));
        }
        if !matches!(kind, b"tEXt" | b"zTXt" | b"iTXt") {
            continue;
        }
        let Some((keyword, rest)) = split(contents) else { continue };
        let slot = match keyword {
            b"parameters" => &mut recipe.parameters,
            b"prompt" => &mut recipe.prompt,
            b"workflow" => &mut recipe.workflow,
            _ => continue,
        };
        if slot.is_none()
            && let Some(text) = text(kind, rest, &mut budget)
        {
            keep(slot, text);
        }
    }
    exif
}

/// Chunk after chunk, as far as they are whole.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(SIGNATURE_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, contents) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let contents = contents.get(..length)?;
        rest = rest.get(FRAME_BYTES + length..).unwrap_or_default();
        Some((kind, contents))
    })
}

/// What stands before the first zero byte, and behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The text behind a keyword; `None` where it is too long or not as it must be.
fn text(kind: &[u8; 4], rest: &[u8], budget: &mut usize) -> Option<String> {
    match kind {
        b"tEXt" => latin(rest.get(..).filter(|text| text.len() <= MAX_TEXT_BYTES)?.to_vec()),
        b"zTXt" => latin(inflate(rest.strip_prefix(&[0])?, budget)?),
        _ => {
            let (flags, rest) = rest.split_first_chunk::<2>()?;
            let (_language, rest) = split(rest)?;
            let (_translated, text) = split(rest)?;
            let text = match flags {
                [0, _] => text.get(..).filter(|text| text.len() <= MAX_TEXT_BYTES)?.to_vec(),
                [1, 0] => inflate(text, budget)?,
                _ => return None,
            };
            String::from_utf8(text).ok()
        }
    }
}

/// Latin-1 by the standard; but many write UTF-8, which as Latin-1 would be no text that anybody means.
fn latin(bytes: Vec<u8>) -> Option<String> {
    Some(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    )
}

/// Inflates, as long as the text and all texts together stay within their bounds; what came to nothing counts too.
fn inflate(deflated: &[u8], budget: &mut usize) -> Option<Vec<u8>> {
    let most = MAX_TEXT_BYTES.min(*budget);
    let mut text = Vec::new();
    let read = ZlibDecoder::new(deflated).take(most as u64 + 1).read_to_end(&mut text);
    *budget = budget.saturating_sub(text.len());
    (read.is_ok() && text.len() <= most).then_some(text)
}

pub(super) fn write(bytes: Vec<u8>, texts: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
    let mut png = Png::from_bytes(bytes.into()).map_err(|error| Error::damaged(Format::Png, error))?;
    let kind = |chunk: Option<&PngChunk>| chunk.map(PngChunk::kind);
    if (kind(png.chunks().first()), kind(png.chunks().last())) != (Some(*b"IHDR"), Some(*b"IEND")) {
        return Err(Error::damaged(Format::Png, "it has no beginning or no end"));
    }
    png.chunks_mut().retain(|chunk| chunk.kind() != *b"caBX");
    for (place, (keyword, text)) in texts.iter().enumerate() {
        if keyword.is_empty() || keyword.len() > MAX_KEYWORD_BYTES || !keyword.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Invalid(format!("`{keyword}` is no keyword of a PNG's text")));
        }
        // Not compressed, no language, no translated keyword; a text has no zero byte.
        let contents = [keyword.as_bytes(), b"\0\0\0\0\0", text.replace('\0', "").as_bytes()].concat();
        png.chunks_mut().insert(1 + place, PngChunk::new(*b"iTXt", contents.into()));
    }
    Ok(png.encoder().bytes().into())
}
