//! What a purge does to the shelf: the part under its lock, before any file is touched.

use std::hash::BuildHasher;
use std::ops::RangeInclusive;

use super::{Name, Shelf, Slots, hash_key};
use crate::Purge;
use crate::tier::Dropped;

impl Shelf {
    /// Takes out what `what` names; the files of the names that come along are to be removed. Those of evicted entries are
    /// among them, all of them where `what` is neither a key nor a path: what tags they had is forgotten.
    pub(in crate::tier::disk) fn purge(&mut self, what: Purge<'_>) -> (Dropped, Vec<Name>) {
        let mut dropped = Dropped::default();
        for at in self.named(what) {
            dropped.entries += 1;
            dropped.bytes += self.remove(at);
        }
        let names = match what {
            Purge::Key(key) => self.take_doomed_in(Name::of_key(hash_key(key))),
            Purge::Path(path) => self.take_doomed_in(Name::of_path(hash_key(path))),
            Purge::Tag(_) | Purge::All => self.take_doomed(usize::MAX),
        };
        (dropped, names)
    }

    fn take_doomed_in(&mut self, range: RangeInclusive<Name>) -> Vec<Name> {
        let names: Vec<_> = self.doomed.range(range).copied().collect();
        for name in &names {
            self.doomed.remove(name);
        }
        names
    }

    /// Marks what `what` names as stale; the files of the names that come along are to be marked too.
    pub(in crate::tier::disk) fn soft_purge(&mut self, what: Purge<'_>) -> (Dropped, Vec<Name>) {
        let (mut dropped, mut names) = (Dropped::default(), Vec::new());
        for at in self.named(what) {
            let Some(slot) = self.slots.get_mut(at).filter(|slot| !slot.is_soft_purged) else { continue };
            slot.is_soft_purged = true;
            dropped.entries += 1;
            dropped.bytes += slot.bytes;
            // What waits is marked when it is written. Its head is left alone: the memory tier may have it too, and marks and
            // counts it itself.
            if !self.waiting.contains_key(&slot.ticket) {
                names.push(slot.name);
            }
        }
        (dropped, names)
    }

    fn named(&self, what: Purge<'_>) -> Vec<u32> {
        match what {
            Purge::Key(key) => self.slots.under(hash_key(key)).map(|(at, _)| at).collect(),
            Purge::Path(path) => self.slots.of_path(hash_key(path)).collect(),
            Purge::Tag(tag) => {
                let hash = self.tag_hasher.hash_one(tag);
                let named = self.slots.iter().filter(|(_, slot)| slot.tags.contains(&hash));
                named.map(|(at, _)| at).collect()
            }
            Purge::All => self.slots.iter().map(|(at, _)| at).collect(),
        }
    }

    /// Has all doomed that a scan will come across in a shard: a purge could not see what is there.
    pub(in crate::tier::disk) fn distrust(&mut self, shard: usize) {
        self.distrusted.insert(shard);
    }

    /// Forgets everything: the files are gone.
    pub(in crate::tier::disk) fn clear(&mut self) -> Dropped {
        let dropped = Dropped { entries: self.slots.len() as u64, bytes: self.bytes };
        self.slots = Slots::new();
        self.waiting.clear();
        self.queue.clear();
        self.doomed.clear();
        self.distrusted.clear();
        (self.bytes, self.queue_bytes) = (0, 0);
        dropped
    }
}
