//! Rooms: the memory in which bodies lie that stay.
//!
//! A large body has pages of its own, which go back to the system with it. In the heap, bodies of all sizes that come and go leave
//! gaps that fit nothing: under churn it held twice what was in it, and the budget of a tier said nothing of the process any more
//! (docs/decisions/memory-tier.md). Called by whoever makes an entry's body; knows nothing of what is in it.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use memmap2::MmapMut;

/// From this length on a body has pages of its own, in bytes.
const LARGE: usize = 32 << 10;
/// What the system gives memory in, in bytes.
const PAGE: usize = 4 << 10;
/// How many bodies may have pages of their own: the kernel counts mappings, and by default allows four times as many.
const MAX_MAPPINGS: usize = 16_384;

/// Those there are.
static MAPPINGS: AtomicUsize = AtomicUsize::new(0);

/// Room for one body, zeros at first.
pub(crate) enum Room {
    Heap(Vec<u8>),
    Pages(Pages),
}

/// Pages of their own.
pub(crate) struct Pages(MmapMut);

impl Room {
    /// Room for so many bytes.
    pub(crate) fn of(length: usize) -> Self {
        match (length >= LARGE).then(|| Pages::of(length)).flatten() {
            Some(pages) => Self::Pages(pages),
            None => Self::Heap(vec![0; length]),
        }
    }

    /// What is in it, from now on unchanged.
    pub(crate) fn close(self) -> Bytes {
        match self {
            Self::Heap(bytes) => bytes.into(),
            Self::Pages(pages) => Bytes::from_owner(pages),
        }
    }
}

impl Deref for Room {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Pages(pages) => &pages.0,
        }
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Pages(pages) => &mut pages.0,
        }
    }
}

impl Pages {
    /// `None` where there are too many, or the system gives none.
    fn of(length: usize) -> Option<Self> {
        if MAPPINGS.fetch_add(1, Ordering::Relaxed) < MAX_MAPPINGS
            && let Ok(pages) = MmapMut::map_anon(length)
        {
            return Some(Self(pages));
        }
        MAPPINGS.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        MAPPINGS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a body of a length takes up, in bytes: one with pages of its own has the last one to itself too.
pub(crate) fn taken_up(length: usize) -> usize {
    if length < LARGE { length } else { length.next_multiple_of(PAGE) }
}

/// A body that is to stay, in a room of its own where it is large.
pub(crate) fn house(body: Bytes) -> Bytes {
    if body.len() < LARGE {
        return body;
    }
    let mut room = Room::of(body.len());
    room.copy_from_slice(&body);
    room.close()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_same_in_any_room() {
        for length in [0, 1, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE] {
            let body: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut room = Room::of(length);
            assert!(room.iter().all(|byte| *byte == 0));
            room.copy_from_slice(&body);
            assert!(room.close() == body && house(Bytes::from(body.clone())) == body, "{length}");
        }
    }

    #[test]
    fn a_last_page_counts_whole() {
        assert_eq!([0, 5000, LARGE, LARGE + 1].map(taken_up), [0, 5000, LARGE, LARGE + PAGE]);
    }

    #[test]
    fn only_a_large_body_has_pages_of_its_own() {
        assert!(matches!(Room::of(LARGE - 1), Room::Heap(_)));
        assert!(matches!(Room::of(LARGE), Room::Pages(_)));
        let small = Bytes::from(vec![1; LARGE - 1]);
        assert_eq!(house(small.clone()).as_ptr(), small.as_ptr());
    }
}
