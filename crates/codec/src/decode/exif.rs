//! The one Exif tag that changes how an image looks: orientation (Exif 3.0, section 4.6.5.1.6).
//!
//! The decoders hand in the raw block. It is hostile input, so that only the first directory is walked, nothing is
//! allocated, and whatever is not understood means "as stored". No other tag is ever read.

use crate::steps::orient::Orientation;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;
const ENTRY_BYTES: usize = 12;

/// The orientation that an Exif block asks for, with or without its `Exif\0\0` prefix.
pub(crate) fn orientation(block: Option<&[u8]>) -> Orientation {
    block.and_then(find).unwrap_or_default()
}

fn find(block: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::open(block.strip_prefix(b"Exif\0\0").unwrap_or(block))?;
    let directory = usize::try_from(tiff.u32(4)?).ok()?;
    let entries = usize::from(tiff.u16(directory)?);
    (0..entries)
        .map_while(|index| directory.checked_add(2 + index * ENTRY_BYTES))
        .find(|&entry| tiff.u16(entry) == Some(ORIENTATION) && tiff.u16(entry + 2) == Some(SHORT))
        .and_then(|entry| Orientation::from_exif(tiff.u16(entry + 8)?))
}

/// Numbers of a TIFF structure, in the byte order that its first two bytes name.
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Tiff<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [b'I', b'I', 42, 0, ..] => Some(Self { bytes, big_endian: false }),
            [b'M', b'M', 0, 42, ..] => Some(Self { bytes, big_endian: true }),
            _ => None,
        }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITTLE: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    const BIG: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

    #[test]
    fn both_byte_orders_are_read_with_and_without_the_prefix() {
        let expected = Orientation::from_exif(6).unwrap();
        for block in [LITTLE, BIG] {
            assert_eq!(orientation(Some(block)), expected);
            assert_eq!(orientation(Some(&[b"Exif\0\0", block].concat())), expected);
        }
    }

    #[test]
    fn a_block_that_is_cut_anywhere_means_as_stored() {
        for end in 0..19 {
            assert_eq!(orientation(Some(&LITTLE[..end])), Orientation::default(), "cut at {end}");
        }
        let mut far = LITTLE.to_vec();
        far[4..8].fill(0xff);
        assert_eq!(orientation(Some(&far)), Orientation::default());
    }
}
