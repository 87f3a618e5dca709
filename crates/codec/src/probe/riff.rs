//! The chunks of a WebP file (RFC 9649), without decoding any of them.
//!
//! The probe asks for the canvas; the decoder asks, before it starts, whether every frame that it may touch lies whole
//! within the file and within the canvas, because it would allocate what a frame's own header claims.

use orbit_model::Format;

use crate::Error;

const FILE_HEADER: usize = 12;
/// Position, size, duration and flags of an animation's frame come before its chunks.
const FRAME_HEADER: usize = 16;

type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// Width and height of the canvas; `None` where the bytes end before they say it.
pub(crate) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let chunk = bytes.get(FILE_HEADER..)?;
    // The payload may be cut off here: a probe is given the head of a file.
    let (kind, rest) = chunk.split_first_chunk::<4>()?;
    let payload = rest.get(4..)?;
    match kind {
        b"VP8X" => Some((u24(payload.get(4..)?)? + 1, u24(payload.get(7..)?)? + 1)),
        _ => frame_size(kind, payload),
    }
}

/// Refuses a file whose chunks are cut off, or hold a frame that is larger than the canvas.
pub(crate) fn check_frames(bytes: &[u8], canvas: (u32, u32)) -> Result<(), Error> {
    let mut rest = bytes.get(FILE_HEADER..).unwrap_or_default();
    while !rest.is_empty() {
        let ((kind, payload), after) = split_chunk(rest)?;
        check_frame(kind, payload, canvas)?;
        if kind == b"ANMF" {
            // Only the first frame is ever decoded; at most an alpha and a colour chunk belong to it.
            let mut inner = payload.get(FRAME_HEADER..).unwrap_or_default();
            while !inner.is_empty() {
                let ((kind, payload), after) = split_chunk(inner)?;
                check_frame(kind, payload, canvas)?;
                inner = after;
            }
            return Ok(());
        }
        rest = after;
    }
    Ok(())
}

fn check_frame(kind: &[u8; 4], payload: &[u8], canvas: (u32, u32)) -> Result<(), Error> {
    match frame_size(kind, payload) {
        Some((width, height)) if width > canvas.0 || height > canvas.1 => {
            Err(Error::damaged(Format::Webp, "a frame is larger than the canvas"))
        }
        _ => Ok(()),
    }
}

/// Takes the first chunk off `bytes`. Up to 7 bytes after the last one are no chunk and are let be.
fn split_chunk(bytes: &[u8]) -> Result<(Chunk<'_>, &[u8]), Error> {
    let Some((kind, rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(((b"    ", &[]), &[]));
    };
    let Some((length, rest)) = rest.split_first_chunk::<4>() else {
        return Ok(((b"    ", &[]), &[]));
    };
    let length = u32::from_le_bytes(*length) as usize;
    let payload = rest.get(..length).ok_or_else(|| Error::damaged(Format::Webp, "a chunk is cut off"))?;
    // Chunks are padded to an even length; the last one's padding is often forgotten.
    let after = rest.get(length + length % 2..).unwrap_or_default();
    Ok(((kind, payload), after))
}

/// The size that a frame's own header claims.
fn frame_size(kind: &[u8; 4], payload: &[u8]) -> Option<(u32, u32)> {
    match (kind, payload) {
        (b"VP8 ", [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => {
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some((side(*w0, *w1), side(*h0, *h1)))
        }
        (b"VP8L", [0x2f, bits @ ..]) => {
            let bits = u32::from_le_bytes(*bits.first_chunk()?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => None,
    }
}

fn u24(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|&[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
}
