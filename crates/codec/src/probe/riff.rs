//! The chunks of a WebP file (RFC 9649), without decoding any of them.
//!
//! The probe asks for the canvas; the decoder asks, before it starts, whether every frame that it may touch lies whole
//! within the file and within the canvas, because it would allocate what a frame's own header claims. An animation asks
//! for its frames one by one, each as a still image of its own.

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
    for chunk in chunks(bytes.get(FILE_HEADER..).unwrap_or_default()) {
        let (kind, payload) = chunk?;
        check_frame(kind, payload, canvas)?;
        if kind == b"ANMF" {
            // Only the first frame is ever decoded; at most an alpha and a colour chunk belong to it.
            for chunk in chunks(payload.get(FRAME_HEADER..).unwrap_or_default()) {
                let (kind, payload) = chunk?;
                check_frame(kind, payload, canvas)?;
            }
            return Ok(());
        }
    }
    Ok(())
}

/// A frame of an animation (RFC 9649, section 2.7.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) milliseconds: u32,
    /// Whether it is laid over what was there, and does not take its place.
    pub(crate) blends: bool,
    /// Whether its place is transparent before the next one comes.
    pub(crate) is_cleared: bool,
    chunks: &'a [u8],
}

impl<'a> Frame<'a> {
    fn new(payload: &'a [u8]) -> Option<Self> {
        let (header, chunks) = payload.split_first_chunk::<FRAME_HEADER>()?;
        let number = |at: usize| u24(header.get(at..)?);
        Some(Self {
            left: number(0)? * 2,
            top: number(3)? * 2,
            width: number(6)? + 1,
            height: number(9)? + 1,
            milliseconds: number(12)?,
            blends: header[15] & 2 == 0,
            is_cleared: header[15] & 1 != 0,
            chunks,
        })
    }

    /// The frame as a file with one image and nothing else.
    pub(crate) fn to_still(self) -> Result<Vec<u8>, Error> {
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        for chunk in chunks(self.chunks) {
            let (kind, payload) = chunk?;
            if kind == b"ALPH" && file.len() == FILE_HEADER {
                let side = |side: u32| [side.to_le_bytes()[0], side.to_le_bytes()[1], side.to_le_bytes()[2]];
                let header = [[0x10, 0, 0, 0].as_slice(), &side(self.width - 1), &side(self.height - 1)].concat();
                push_chunk(&mut file, b"VP8X", &header);
            }
            if matches!(kind, b"ALPH" | b"VP8 " | b"VP8L") {
                push_chunk(&mut file, kind, payload);
            }
        }
        let length = u32::try_from(file.len() - 8).unwrap_or(u32::MAX);
        file[4..8].copy_from_slice(&length.to_le_bytes());
        Ok(file)
    }
}

/// The frames of an animation in their order; none of a still image.
pub(crate) fn frames(bytes: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, Error>> {
    let is_animation = |bytes: &[u8]| {
        bytes.get(FILE_HEADER..FILE_HEADER + 4) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0)
    };
    let body = bytes.get(FILE_HEADER..).filter(|_| is_animation(bytes)).unwrap_or_default();
    chunks(body).filter_map(|chunk| match chunk {
        Ok((b"ANMF", payload)) => {
            Some(Frame::new(payload).ok_or_else(|| Error::damaged(Format::Webp, "a frame has no whole header")))
        }
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// The payload of the first chunk of a kind, if the file has a whole one.
pub(crate) fn find<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    let mut found = chunks(bytes.get(FILE_HEADER..)?).map_while(Result::ok);
    found.find(|(kind, _)| *kind == wanted).map(|(_, payload)| payload)
}

fn push_chunk(file: &mut Vec<u8>, kind: &[u8; 4], payload: &[u8]) {
    file.extend_from_slice(kind);
    file.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    file.extend_from_slice(payload);
    file.resize(file.len() + payload.len() % 2, 0);
}

fn check_frame(kind: &[u8; 4], payload: &[u8], canvas: (u32, u32)) -> Result<(), Error> {
    match frame_size(kind, payload) {
        Some((width, height)) if width > canvas.0 || height > canvas.1 => {
            Err(Error::damaged(Format::Webp, "a frame is larger than the canvas"))
        }
        _ => Ok(()),
    }
}

/// Chunk after chunk, up to and with the first that is cut off.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = Result<Chunk<'_>, Error>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let chunk = split_chunk(rest);
        rest = chunk.as_ref().map(|(_, after)| *after).unwrap_or_default();
        Some(chunk.map(|(chunk, _)| chunk))
    })
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
