//! WebP: the extended format (RFC 9649, section 2.7), into which a simple file is turned: `VP8X`, `ICCP`, the image,
//! `XMP ` last.

use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::{CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X, CHUNK_XMP, WebP};
use orbit_model::Format;

use super::unlike;
use crate::Error;

// Bits of the first byte of VP8X; those of animation and of what else it has stay as they are.
const ICC: u8 = 0b0010_0000;
const ALPHA: u8 = 0b0001_0000;
const XMP: u8 = 0b0000_0100;

pub(super) fn label(bytes: Vec<u8>, xmp: Option<&str>, icc: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let mut webp = WebP::from_bytes(bytes.into()).map_err(|error| unlike(Format::Webp, error))?;
    let mut header = match webp.chunk_by_id(CHUNK_VP8X) {
        Some(_) => extended(&webp),
        None => simple(&webp),
    }
    .ok_or_else(|| unlike(Format::Webp, "it has no whole header"))?;
    header[0] |= xmp.map_or(0, |_| XMP) | icc.map_or(0, |_| ICC);

    let data = |contents: &[u8]| RiffContent::Data(contents.to_vec().into());
    webp.remove_chunks_by_id(CHUNK_VP8X);
    let chunks = webp.chunks_mut();
    if let Some(icc) = icc {
        chunks.insert(0, RiffChunk::new(CHUNK_ICCP, data(icc)));
    }
    chunks.insert(0, RiffChunk::new(CHUNK_VP8X, data(&header)));
    if let Some(xmp) = xmp {
        chunks.push(RiffChunk::new(CHUNK_XMP, data(xmp.as_bytes())));
    }
    Ok(webp.encoder().bytes().into())
}

/// The header that the file has.
fn extended(webp: &WebP) -> Option<[u8; 10]> {
    webp.chunks().first().filter(|chunk| chunk.id() == CHUNK_VP8X)?.content().data()?.as_ref().try_into().ok()
}

/// The header that a file of one lossy or lossless image would have: its alpha and its size.
fn simple(webp: &WebP) -> Option<[u8; 10]> {
    let (width, height) = webp.dimensions()?;
    let [image] = webp.chunks().as_slice() else { return None };
    let flags = match image.id() {
        CHUNK_VP8 => 0,
        // The last bit of the lossless header's 28 for the size is followed by that of alpha (RFC 9649, section 3.4).
        CHUNK_VP8L if image.content().data()?.get(4)? & 0x10 != 0 => ALPHA,
        CHUNK_VP8L => 0,
        _ => return None,
    };
    let mut header = [flags, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[4..7].copy_from_slice(&width.checked_sub(1)?.to_le_bytes()[..3]);
    header[7..].copy_from_slice(&height.checked_sub(1)?.to_le_bytes()[..3]);
    Some(header)
}
