//! The marker segments of a JPEG (ITU-T T.81, annex B), without decoding any of them.
//!
//! The probe asks for the size; the decoder asks, before it starts, whether the stream ends where it should and how
//! many scans it has. Both keep memory flat: they only walk.

use orbit_model::Format;

use crate::Error;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;

/// Progressive files have about ten scans. Each costs a pass over all coefficients, however few bytes it has, so
/// that without a bound a small file could hold a core for minutes.
const MAX_SCANS: usize = 100;

/// One marker, and the payload of its segment where it has one.
struct Segment<'a> {
    marker: u8,
    payload: &'a [u8],
}

/// Walks segments; entropy-coded data between them is skipped.
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            // 00 is a stuffed byte, FF fill, 01 and D0 to D7 (restarts) stand alone: none of them opens a segment.
            let at = self
                .rest
                .windows(2)
                .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 1 | 0xd0..=0xd7 | 0xff))?;
            let marker = self.rest[at + 1];
            self.rest = &self.rest[at + 2..];
            match marker {
                SOI => {}
                EOI => return Some(Segment { marker, payload: &[] }),
                _ => {
                    let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk()?));
                    let payload = self.rest.get(2..length)?;
                    self.rest = &self.rest[length..];
                    return Some(Segment { marker, payload });
                }
            }
        }
    }
}

fn segments(bytes: &[u8]) -> Segments<'_> {
    Segments { rest: bytes }
}

/// Width and height from the frame header; `None` where the bytes end before it.
pub(crate) fn size(bytes: &[u8]) -> Result<Option<(u32, u32)>, Error> {
    // C4, C8 and CC lie among the frame markers but are tables.
    let frame = segments(bytes)
        .take_while(|segment| !matches!(segment.marker, SOS | EOI))
        .find(|segment| matches!(segment.marker, 0xc0..=0xcf) && !matches!(segment.marker, 0xc4 | 0xc8 | 0xcc));
    let Some(Segment { marker, payload: &[precision, h1, h0, w1, w0, ..] }) = frame else {
        return Ok(None);
    };
    if marker > 0xc2 || precision != 8 {
        let reason = "it is a JPEG with 12 bits, arithmetic coding or without loss; save it as a usual JPEG or a PNG";
        return Err(Error::Unsupported(reason.to_owned()));
    }
    Ok(Some((u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into())))
}

/// The payload of the segment that holds Exif, if there is one before the first scan.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut head = segments(bytes).take_while(|segment| !matches!(segment.marker, SOS | EOI));
    head.find(|segment| segment.marker == APP1 && segment.payload.starts_with(b"Exif\0\0"))
        .map(|segment| segment.payload)
}

/// Refuses a stream that is cut off, since the decoder would fill the rest with grey, and one with too many scans.
pub(crate) fn check_scans(bytes: &[u8]) -> Result<(), Error> {
    let mut scans = 0;
    for segment in segments(bytes) {
        match segment.marker {
            EOI => return Ok(()),
            SOS => scans += 1,
            _ => {}
        }
        if scans > MAX_SCANS {
            return Err(Error::TooLarge(format!("it is a JPEG of more than {MAX_SCANS} scans; save it again")));
        }
    }
    Err(Error::damaged(Format::Jpeg, "no end of image"))
}
