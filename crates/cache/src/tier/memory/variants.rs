//! The index of variants: which slots of a shelf have a key with a query, so that a purge of a path looks at those alone.
//!
//! In order by the hash of what stands before the query, so that a path with a million queries is no harder to keep than a
//! million paths. Each shelf has an index and tells it of every slot that is taken and vacated.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use orbit_model::CacheKey;

use crate::purge::before_query;

/// What a key with a query costs besides its text: its place here.
pub(super) const VARIANT_BYTES: u64 = 32;

#[derive(Debug, Default)]
pub(super) struct Variants {
    /// Keyed, so that clients cannot choose paths that meet.
    hasher: RandomState,
    slots: BTreeSet<(u64, u32)>,
}

impl Variants {
    pub(super) fn add(&mut self, key: &CacheKey, index: u32) {
        if let Some(path) = before_query(key) {
            self.slots.insert((self.hasher.hash_one(path), index));
        }
    }

    pub(super) fn remove(&mut self, key: &CacheKey, index: u32) {
        if let Some(path) = before_query(key) {
            self.slots.remove(&(self.hasher.hash_one(path), index));
        }
    }

    /// The slots under a path, and those of any other path of the same hash.
    pub(super) fn under(&self, path: &str) -> impl Iterator<Item = u32> {
        let hash = self.hasher.hash_one(path);
        self.slots.range((hash, 0)..=(hash, u32::MAX)).map(|(_, index)| *index)
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}
