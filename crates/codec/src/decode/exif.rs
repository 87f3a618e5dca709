//! The one Exif tag that changes how an image looks: orientation (Exif 3.0, section 4.6.5.1.6); and the walk over a block's
//! directories, which `recipe` goes too.
//!
//! The decoders hand in the raw block. It is hostile input, so that no directory is followed to the next, nothing is
//! allocated, and whatever is not understood means "as stored". The decoders read no other tag.

use crate::steps::orient::Orientation;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;
const ENTRY_BYTES: usize = 12;

/// The orientation that an Exif block asks for, with or without its `Exif\0\0` prefix.
pub(crate) fn orientation(block: Option<&[u8]>) -> Orientation {
    block.and_then(find).unwrap_or_default()
}

fn find(block: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::open(block)?;
    tiff.entries(tiff.first_directory()?)
        .find(|entry| entry.tag == ORIENTATION && entry.kind == SHORT)
        .and_then(|entry| Orientation::from_exif(tiff.u16(entry.at + 8)?))
}

/// Numbers of a TIFF structure, in the byte order that its first two bytes name.
pub(crate) struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

/// One entry of a directory; what it says of itself is not checked.
pub(crate) struct Entry {
    pub(crate) tag: u16,
    /// The type of its values, by its number.
    pub(crate) kind: u16,
    /// How many values there are.
    count: u32,
    /// Where it lies.
    at: usize,
}

impl<'a> Tiff<'a> {
    /// Opens an Exif block, with or without its `Exif\0\0` prefix.
    pub(crate) fn open(block: &'a [u8]) -> Option<Self> {
        let bytes = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        match bytes {
            [b'I', b'I', 42, 0, ..] => Some(Self { bytes, big_endian: false }),
            [b'M', b'M', 0, 42, ..] => Some(Self { bytes, big_endian: true }),
            _ => None,
        }
    }

    pub(crate) fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    /// Where the first directory lies.
    pub(crate) fn first_directory(&self) -> Option<usize> {
        usize::try_from(self.u32(4)?).ok()
    }

    /// The entries of the directory at a place, as far as they lie in the block.
    pub(crate) fn entries(&self, directory: usize) -> impl Iterator<Item = Entry> {
        let entries = self.u16(directory).map_or(0, usize::from);
        (0..entries).map_while(move |index| {
            let at = directory.checked_add(2 + index * ENTRY_BYTES)?;
            Some(Entry { tag: self.u16(at)?, kind: self.u16(at + 2)?, count: self.u32(at + 4)?, at })
        })
    }

    /// The bytes of an entry's values, each of which has this many; up to four lie in the entry itself.
    pub(crate) fn value(&self, entry: &Entry, width: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(entry.count).ok()?.checked_mul(width)?;
        let start = if length <= 4 { entry.at + 8 } else { self.offset(entry)? };
        self.bytes.get(start..start.checked_add(length)?)
    }

    /// The place that an entry names.
    pub(crate) fn offset(&self, entry: &Entry) -> Option<usize> {
        usize::try_from(self.u32(entry.at + 8)?).ok()
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
