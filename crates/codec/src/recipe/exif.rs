//! Texts of an Exif block: `UserComment` (Exif 3.0, section 4.6.6.5.2), and ComfyUI's graphs, which it writes in a WebP as
//! plain text under the tags from `Make` down, each with its name before it.

use orbit_model::Recipe;

use super::{MAX_TEXT_BYTES, keep};
use crate::decode::exif::{Entry, Tiff};

const EXIF_DIRECTORY: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;
const BYTE: u16 = 1;
const ASCII: u16 = 2;
const UNDEFINED: u16 = 7;
const UTF8: u16 = 129;
/// The entries of a directory that are looked at: real ones have a few dozen.
const MAX_ENTRIES: usize = 512;

pub(super) fn lift(block: &[u8], recipe: &mut Recipe) {
    let Some(tiff) = Tiff::open(block) else { return };
    let Some(first) = tiff.first_directory() else { return };
    for entry in tiff.entries(first).take(MAX_ENTRIES) {
        if entry.kind == ASCII {
            lift_graph(&tiff, &entry, recipe);
        }
        if entry.tag == EXIF_DIRECTORY
            && let Some(directory) = tiff.offset(&entry)
        {
            let mut entries = tiff.entries(directory).take(MAX_ENTRIES);
            let comment = entries.find(|entry| entry.tag == USER_COMMENT);
            if let Some(text) = comment.and_then(|entry| comment_of(&tiff, &entry)) {
                keep(&mut recipe.user_comment, text);
            }
        }
    }
}

fn lift_graph(tiff: &Tiff<'_>, entry: &Entry, recipe: &mut Recipe) {
    const LONGEST_NAME: usize = "workflow:".len();
    let Some(value) = tiff.value(entry, 1).filter(|value| value.len() <= MAX_TEXT_BYTES + LONGEST_NAME + 1) else {
        return;
    };
    for (name, slot) in [("prompt:", &mut recipe.prompt), ("workflow:", &mut recipe.workflow)] {
        if let Some(text) = value.strip_prefix(name.as_bytes()).and_then(|text| std::str::from_utf8(text).ok()) {
            keep(slot, text.to_owned());
        }
    }
}

/// A comment opens with eight bytes that name its characters.
fn comment_of(tiff: &Tiff<'_>, entry: &Entry) -> Option<String> {
    if !matches!(entry.kind, BYTE | ASCII | UNDEFINED | UTF8) {
        return None;
    }
    let value = tiff.value(entry, 1)?;
    let (characters, text) = value.split_first_chunk::<8>().unwrap_or((&[0; 8], value));
    // No text that is kept has more bytes than this.
    let text = text.get(..).filter(|text| text.len() <= 2 * MAX_TEXT_BYTES)?;
    match characters {
        b"UNICODE\0" => utf16(text, tiff.is_big_endian()),
        b"ASCII\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => std::str::from_utf8(text).ok().map(str::to_owned),
        b"JIS\0\0\0\0\0" => None,
        // Some name no characters at all.
        _ => std::str::from_utf8(value).ok().map(str::to_owned),
    }
}

/// UTF-16 in the order of its mark. Without one many write it in an order that is not the block's: that of the two in which
/// more of it is ASCII, which has a zero byte on the high side.
fn utf16(text: &[u8], is_big_endian: bool) -> Option<String> {
    let (text, is_big) = match text {
        [0xfe, 0xff, text @ ..] => (text, true),
        [0xff, 0xfe, text @ ..] => (text, false),
        text => {
            let (pairs, _) = text.as_chunks::<2>();
            let zeros = |place: usize| pairs.iter().filter(|pair| pair[place] == 0).count();
            let (first, second) = (zeros(0), zeros(1));
            (text, if first == second { is_big_endian } else { first > second })
        }
    };
    let (pairs, _) = text.as_chunks::<2>();
    let units = pairs.iter().map(|pair| if is_big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}
