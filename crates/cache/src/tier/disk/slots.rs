//! Slots: what is remembered of each entry on disk, found by the hash of its key, and the order in which they are evicted.
//!
//! The order is SIEVE (Zhang, Yang et al., NSDI 2024): a queue by age of arrival and a hand that walks from the oldest
//! to the newest, passes over what was asked for since it last came by, and takes the first that was not. A use sets
//! one bit and moves nothing, and one scan of a gallery doesn't push out what is asked for. What was found at the start
//! goes to the old end: what came since is known to be wanted.
//!
//! Used by the shelf alone, under its lock.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use jiff::Timestamp;

use super::folder::{Name, hash_of_path};
use crate::policy::vary::Vary;

/// No slot.
const NONE: u32 = u32::MAX;

/// What is remembered of an entry.
#[derive(Debug)]
pub(super) struct Slot {
    /// The name of its file.
    pub(super) name: Name,
    /// Which of the entries that had this name.
    pub(super) ticket: u64,
    /// When it was fetched, to tell the younger of two.
    pub(super) fetched_at: Timestamp,
    /// What it takes on the disk.
    pub(super) bytes: u64,
    /// One that has the same names of selecting fields, with whatever values; `None` where there are none.
    pub(super) vary: Option<Arc<Vary>>,
    /// The hashes of its tags.
    pub(super) tags: Box<[u64]>,
    /// Whether its key has a query.
    pub(super) has_query: bool,
    /// Whether a soft purge made it stale.
    pub(super) is_soft_purged: bool,
    /// Whether it was asked for since the hand last came by.
    pub(super) is_visited: bool,
}

/// A slot and its neighbours in the order of arrival.
#[derive(Debug)]
struct Link {
    slot: Slot,
    newer: u32,
    older: u32,
}

/// Where a slot comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As the newest.
    Newest,
    /// As the oldest.
    Oldest,
}

/// All slots.
#[derive(Debug)]
pub(super) struct Slots {
    /// Each occupied place is in `by_key` and in the chain from `newest` to `oldest` exactly once; each empty one in `free`.
    places: Vec<Option<Link>>,
    free: Vec<u32>,
    by_key: HashTable<u32>,
    /// The places of those whose key has a query, by the hash of its path.
    variants: BTreeSet<(u64, u32)>,
    /// Keyed, so that clients cannot choose keys that meet in the table.
    hasher: RandomState,
    newest: u32,
    oldest: u32,
    /// Where the hand stands; `NONE` is before the oldest.
    hand: u32,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            variants: BTreeSet::new(),
            hasher: RandomState::new(),
            newest: NONE,
            oldest: NONE,
            hand: NONE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The slots of a key, with their places.
    pub(super) fn under(&self, key: u128) -> impl Iterator<Item = (u32, &Slot)> {
        let places = self.by_key.iter_hash(self.hasher.hash_one(key));
        places.filter_map(move |at| Some((*at, self.get(*at)?))).filter(move |(_, slot)| slot.name.key == key)
    }

    /// The places of a path: of the key that it is, and of those with a query behind it. A variant of another path of the same
    /// hash would be among them: a copy too many would go.
    pub(super) fn of_path(&self, path: u128) -> impl Iterator<Item = u32> {
        let hash = hash_of_path(path);
        let variants = self.variants.range((hash, 0)..=(hash, u32::MAX));
        self.under(path).map(|(at, _)| at).chain(variants.map(|(_, at)| *at))
    }

    /// The place of a name.
    pub(super) fn find(&self, name: Name) -> Option<u32> {
        self.under(name.key).find(|(_, slot)| slot.name == name).map(|(at, _)| at)
    }

    /// All slots, with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Slot)> {
        let places = (0_u32..).zip(&self.places);
        places.filter_map(|(at, link)| link.as_ref().map(|link| (at, &link.slot)))
    }

    pub(super) fn get(&self, at: u32) -> Option<&Slot> {
        self.link(at).map(|link| &link.slot)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.link_mut(at).map(|link| &mut link.slot)
    }

    /// Adds a slot, whose name must not be here yet, at one end of the order.
    pub(super) fn insert(&mut self, slot: Slot, end: End) {
        let hash = self.hasher.hash_one(slot.name.key);
        let (newer, older) = match end {
            End::Newest => (NONE, self.newest),
            End::Oldest => (self.oldest, NONE),
        };
        let variant = slot.has_query.then(|| hash_of_path(slot.name.key));
        let link = Some(Link { slot, newer, older });
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at as usize] = link;
                at
            }
            None => {
                self.places.push(link);
                // 4 billion files are more than a folder of this layout will see.
                u32::try_from(self.places.len() - 1).unwrap_or(NONE)
            }
        };
        self.variants.extend(variant.map(|hash| (hash, at)));
        self.join(newer, at);
        self.join(at, older);
        let Self { places, by_key, hasher, .. } = self;
        let hash_at = |at: &u32| {
            let link = places.get(*at as usize).and_then(Option::as_ref);
            link.map_or(0, |link| hasher.hash_one(link.slot.name.key))
        };
        by_key.insert_unique(hash, at, hash_at);
    }

    /// Takes a slot out.
    pub(super) fn remove(&mut self, at: u32) -> Option<Slot> {
        let link = self.places.get_mut(at as usize)?.take()?;
        if self.hand == at {
            self.hand = link.newer;
        }
        self.join(link.newer, link.older);
        if let Ok(found) = self.by_key.find_entry(self.hasher.hash_one(link.slot.name.key), |other| *other == at) {
            found.remove();
        }
        if link.slot.has_query {
            self.variants.remove(&(hash_of_path(link.slot.name.key), at));
        }
        self.free.push(at);
        Some(link.slot)
    }

    /// Takes out the slot that is to be evicted next.
    pub(super) fn evict(&mut self) -> Option<Slot> {
        let mut at = if self.hand == NONE { self.oldest } else { self.hand };
        // Ends: each step clears a bit, and twice around all are clear.
        while let Some(link) = self.link_mut(at).filter(|link| link.slot.is_visited) {
            link.slot.is_visited = false;
            let newer = link.newer;
            at = if newer == NONE { self.oldest } else { newer };
        }
        self.hand = at;
        self.remove(at)
    }

    /// Makes two places neighbours; `NONE` is the outside of that end.
    fn join(&mut self, newer: u32, older: u32) {
        match self.link_mut(newer) {
            Some(link) => link.older = older,
            None => self.newest = older,
        }
        match self.link_mut(older) {
            Some(link) => link.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Checks that variants are indexed, and nothing else is.
    #[cfg(test)]
    pub(super) fn assert_sound(&self) {
        let variants = self.iter().filter(|(_, slot)| slot.has_query);
        let variants: BTreeSet<_> = variants.map(|(at, slot)| (hash_of_path(slot.name.key), at)).collect();
        assert_eq!(self.variants, variants);
    }

    fn link(&self, at: u32) -> Option<&Link> {
        self.places.get(at as usize)?.as_ref()
    }

    fn link_mut(&mut self, at: u32) -> Option<&mut Link> {
        self.places.get_mut(at as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(key: u128) -> Slot {
        Slot {
            name: Name { key, vary: 0 },
            ticket: 0,
            fetched_at: Timestamp::UNIX_EPOCH,
            bytes: 4096,
            vary: None,
            tags: Box::default(),
            has_query: false,
            is_soft_purged: false,
            is_visited: false,
        }
    }

    fn evicted(slots: &mut Slots) -> Vec<u128> {
        std::iter::from_fn(|| slots.evict()).map(|slot| slot.name.key).collect()
    }

    #[test]
    fn the_oldest_go_first_and_what_was_found_at_the_start_before_all() {
        let mut slots = Slots::new();
        for key in 1..=3 {
            slots.insert(slot(key), End::Newest);
        }
        slots.insert(slot(9), End::Oldest);
        assert_eq!(evicted(&mut slots), [9, 1, 2, 3]);
        assert_eq!(slots.len(), 0);
    }

    #[test]
    fn what_was_asked_for_stays_one_more_round() {
        let mut slots = Slots::new();
        for key in 1..=4 {
            slots.insert(slot(key), End::Newest);
        }
        for key in [1, 3] {
            let at = slots.find(Name { key, vary: 0 }).unwrap();
            slots.get_mut(at).unwrap().is_visited = true;
        }
        assert_eq!(slots.evict().unwrap().name.key, 2);
        slots.insert(slot(5), End::Newest);
        assert_eq!(evicted(&mut slots), [4, 5, 1, 3]);
    }

    #[test]
    fn slots_of_one_key_are_told_apart_and_places_are_used_again() {
        let mut slots = Slots::new();
        for round in 0..3 {
            for vary in 0..5 {
                slots.insert(Slot { name: Name { key: 7, vary }, ..slot(7) }, End::Newest);
            }
            assert_eq!(slots.under(7).count(), 5);
            for vary in [2, 0, 4, 3, 1] {
                let at = slots.find(Name { key: 7, vary }).unwrap();
                assert_eq!(slots.remove(at).unwrap().name.vary, vary, "round {round}");
            }
        }
        assert_eq!((slots.len(), slots.places.len(), slots.newest, slots.oldest), (0, 5, NONE, NONE));
    }
}
