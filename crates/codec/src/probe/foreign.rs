//! Names what was sent instead of an image that is read, so that the refusal can say so.
//!
//! Only for messages: whatever this says, the bytes are refused.

use crate::Error;

pub(crate) const ACCEPTED: &str = "send a PNG, JPEG, WebP or GIF";

/// How much is looked at to find a tag that text may open with white space, a comment or a declaration.
const TEXT_WINDOW: usize = 1024;

/// The refusal of bytes with no accepted signature.
pub(crate) fn refuse(bytes: &[u8]) -> Error {
    let found = name(bytes).map_or_else(
        || String::from("the bytes have the signature of no known image"),
        |name| format!("this is {name}, whatever it is called"),
    );
    Error::Unsupported(format!("{found}; {ACCEPTED}"))
}

fn name(bytes: &[u8]) -> Option<&'static str> {
    let by_signature = match bytes {
        [b'%', b'P', b'D', b'F', ..] => Some("a PDF"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => Some("an AVIF"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => Some("a HEIF"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("a video"),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => Some("a TIFF"),
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => Some("a JPEG XL"),
        [b'P', b'K', 3, 4, ..] => Some("a ZIP archive"),
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0, 0, 1, 0, ..] => Some("an icon"),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some("a BMP"),
        _ => None,
    };
    by_signature.or_else(|| text_name(bytes))
}

fn text_name(bytes: &[u8]) -> Option<&'static str> {
    let head = &bytes[..bytes.len().min(TEXT_WINDOW)];
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if !text.starts_with(['<', '{', '[']) && !text.starts_with("data:") {
        return None;
    }
    Some(match text {
        _ if text.contains("<svg") => "an SVG",
        _ if text.contains("<!doctype html") || text.contains("<html") => "an HTML page",
        _ if text.starts_with('<') => "XML",
        _ if text.starts_with("data:") => "a data: URI, still encoded",
        _ => "JSON",
    })
}
