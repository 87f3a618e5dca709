//! Boxes of the ISO base media file format (ISO/IEC 14496-12, section 4.2): a length of four bytes, a kind, a content.
//!
//! `None` stands for whatever is cut off, too long or not as expected.

const HEAD_BYTES: usize = 8;

/// A box's kind.
pub(super) type Kind = [u8; 4];

/// The content of a `meta` box, taken apart into the boxes that it holds.
pub(super) struct Meta {
    boxes: Vec<(Kind, Vec<u8>)>,
}

impl Meta {
    /// Takes apart a `meta` of version 0.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        let mut rest = content.strip_prefix(&[0; 4])?;
        let mut boxes = Vec::new();
        while !rest.is_empty() {
            let (kind, content) = take(&mut rest)?;
            boxes.push((kind, content.to_vec()));
        }
        Some(Self { boxes })
    }

    /// The content of the first box of a kind.
    pub(super) fn get(&self, kind: &Kind) -> Option<&[u8]> {
        self.boxes.iter().find(|it| it.0 == *kind).map(|it| it.1.as_slice())
    }

    /// The same, to be edited.
    pub(super) fn content(&mut self, kind: &Kind) -> Option<&mut Vec<u8>> {
        self.boxes.iter_mut().find(|it| it.0 == *kind).map(|it| &mut it.1)
    }

    /// Adds a box at the end.
    pub(super) fn insert(&mut self, kind: &Kind, content: Vec<u8>) {
        self.boxes.push((*kind, content));
    }

    /// The content put together again.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 4];
        for (kind, content) in &self.boxes {
            bytes.extend(plain_box(kind, content)?);
        }
        Some(bytes)
    }
}

/// Takes the first box off the front: its kind and its content.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<(Kind, &'a [u8])> {
    let mut head = *rest;
    let length = usize::try_from(take_u32(&mut head)?).ok()?;
    let kind = *head.first_chunk()?;
    let (whole, next) = rest.split_at_checked(length)?;
    *rest = next;
    Some((kind, whole.get(HEAD_BYTES..)?))
}

/// The content of the first box, which is of that kind, and what follows it.
pub(super) fn split_box<'a>(bytes: &'a [u8], kind: &Kind) -> Option<(&'a [u8], &'a [u8])> {
    let mut rest = bytes;
    let (found, content) = take(&mut rest)?;
    (found == *kind).then_some((content, rest))
}

/// A box.
pub(super) fn plain_box(kind: &Kind, content: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(HEAD_BYTES + content.len()).ok()?;
    Some([&length.to_be_bytes()[..], kind, content].concat())
}

/// A box with a version and no flags.
pub(super) fn full_box(kind: &Kind, version: u8, content: &[u8]) -> Option<Vec<u8>> {
    plain_box(kind, &[&[version, 0, 0, 0], content].concat())
}

pub(super) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (number, next) = rest.split_first_chunk()?;
    *rest = next;
    Some(u32::from_be_bytes(*number))
}

pub(super) fn take_u16(rest: &mut &[u8]) -> Option<u16> {
    let (number, next) = rest.split_first_chunk()?;
    *rest = next;
    Some(u16::from_be_bytes(*number))
}

/// Adds one to the count of two bytes that lies at `at` of a box of version 0.
pub(super) fn count_up(content: &mut [u8], at: usize) -> Option<()> {
    if !content.starts_with(&[0; 4]) {
        return None;
    }
    let count = content.get_mut(at..)?.first_chunk_mut()?;
    *count = u16::from_be_bytes(*count).checked_add(1)?.to_be_bytes();
    Some(())
}
