//! A shelf: the entries whose keys fall into one shard, with their frequencies, their tags and their paths.
//!
//! Behind one lock each; a hit takes no other. A shelf finds and holds; what comes and goes the ledger decides. Slots are
//! numbered and used again; a slot's `born` tells one tenant from the next, so that a number kept elsewhere can be checked.

use std::sync::Arc;

use hashbrown::HashTable;
use orbit_model::CacheKey;

use super::sketch::Sketch;
use super::tags::Tags;
use super::variants::Variants;
use crate::Entry;
use crate::purge::before_query;
use crate::tier::Wanted;

/// The part of the tier in which an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What came last; ordered by the time of the last use.
    Window,
    /// What has proved its worth; ordered by it.
    Main,
}

/// One kept entry.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: CacheKey,
    pub(super) hash: u64,
    pub(super) entry: Arc<Entry>,
    pub(super) cost: u64,
    /// What one request is worth: a power of the cost, taken once.
    pub(super) scale: f64,
    pub(super) part: Part,
    /// Its present order in its part's ranking.
    pub(super) order: u64,
    pub(super) born: u32,
}

/// A slot's number and the `born` of who is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tenant {
    pub(super) index: u32,
    pub(super) born: u32,
}

#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Indices of slots by their key's hash; the entries under one key lie under one hash.
    table: HashTable<u32>,
    slots: Vec<Option<Slot>>,
    vacant: Vec<u32>,
    sketch: Sketch,
    tags: Tags,
    variants: Variants,
    next_born: u32,
}

impl Slot {
    /// What the entry is worth by its frequency and its cost alone.
    pub(super) fn density(&self, frequency: u32) -> f64 {
        f64::from(frequency.max(1)) * self.scale
    }
}

impl Shelf {
    /// Counts a request for a key.
    pub(super) fn count(&mut self, hash: u64) -> u32 {
        self.sketch.count(hash, self.table.len())
    }

    /// How often a key was asked for of late.
    pub(super) fn frequency(&self, hash: u64) -> u32 {
        self.sketch.frequency(hash)
    }

    /// The youngest entry that the request selects.
    pub(super) fn select(&mut self, key: &CacheKey, hash: u64, wanted: &Wanted<'_>) -> Option<&mut Slot> {
        let mut found: Option<(u32, &Slot)> = None;
        for (index, slot) in self.under(key, hash) {
            let younger = found.is_none_or(|(_, best)| best.entry.head.fetched_at < slot.entry.head.fetched_at);
            if younger && wanted.selects(&slot.entry) {
                found = Some((index, slot));
            }
        }
        let index = found?.0;
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// The entries under a key, and where they are.
    pub(super) fn under(&self, key: &CacheKey, hash: u64) -> impl Iterator<Item = (u32, &Slot)> {
        let named = self.table.iter_hash(hash).filter_map(|index| Some((*index, self.get(*index)?)));
        named.filter(move |(_, slot)| slot.hash == hash && slot.key == *key)
    }

    pub(super) fn get(&self, index: u32) -> Option<&Slot> {
        self.slots.get(index as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// Puts an entry into a slot, and gives the slot its `born`.
    pub(super) fn insert(&mut self, mut slot: Slot) -> Tenant {
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.next_born = self.next_born.wrapping_add(1);
        slot.born = self.next_born;
        let tenant = Tenant { index, born: slot.born };
        self.tags.add(slot.entry.head.tags(), tenant);
        self.variants.add(&slot.key, index);
        let slots = &self.slots;
        let hash_of = |index: &u32| slots.get(*index as usize).and_then(Option::as_ref).map_or(0, |slot| slot.hash);
        self.table.insert_unique(slot.hash, index, hash_of);
        if let Some(vacant) = self.slots.get_mut(index as usize) {
            *vacant = Some(slot);
        }
        tenant
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Slot> {
        let slot = self.slots.get_mut(index as usize)?.take()?;
        self.vacant.push(index);
        if let Ok(found) = self.table.find_entry(slot.hash, |other| *other == index) {
            found.remove();
        }
        let slots = &self.slots;
        self.tags.remove(slot.entry.head.tags(), |tenant| lives(slots, tenant));
        self.variants.remove(&slot.key, index);
        if self.table.len() * 4 < self.table.capacity() {
            self.shrink();
        }
        Some(slot)
    }

    /// The slots whose entries bear a tag, each once.
    pub(super) fn tagged(&self, tag: &str) -> Vec<u32> {
        let mut indices: Vec<u32> = Vec::new();
        for tenant in self.tags.bearers(tag) {
            if lives(&self.slots, tenant) && indices.last() != Some(&tenant.index) {
                indices.push(tenant.index);
            }
        }
        indices
    }

    /// The slots of a path: of the key that it is, whose hash is given, and of those with a query behind it.
    pub(super) fn of_path(&self, path: &CacheKey, hash: u64) -> Vec<u32> {
        let own = self.under(path, hash).map(|(index, _)| index);
        let is_variant = |slot: &Slot| before_query(&slot.key) == Some(path.as_str());
        let variants = self.variants.under(path.as_str());
        own.chain(variants.filter(|index| self.get(*index).is_some_and(is_variant))).collect()
    }

    /// Takes everything away at once; frequencies stay. The caller frees what was there, best without a lock.
    pub(super) fn clear(&mut self) -> Self {
        let sketch = std::mem::take(&mut self.sketch);
        std::mem::replace(self, Self { sketch, next_born: self.next_born, ..Self::default() })
    }

    /// All that is kept.
    pub(super) fn all(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    /// All slots in use.
    pub(super) fn indices(&self) -> Vec<u32> {
        self.table.iter().copied().collect()
    }

    /// Gives memory back after many entries went; slots in use stay where they are.
    fn shrink(&mut self) {
        let slots = &self.slots;
        let hash_of = |index: &u32| slots.get(*index as usize).and_then(Option::as_ref).map_or(0, |slot| slot.hash);
        self.table.shrink_to(self.table.len() * 2, hash_of);
        if self.table.is_empty() {
            self.slots = Vec::new();
            self.vacant = Vec::new();
        }
    }

    #[cfg(test)]
    pub(super) fn tag_sizes(&self) -> (usize, usize) {
        self.tags.size()
    }

    #[cfg(test)]
    pub(super) fn variants(&self) -> usize {
        self.variants.len()
    }
}

fn lives(slots: &[Option<Slot>], tenant: Tenant) -> bool {
    slots.get(tenant.index as usize).and_then(Option::as_ref).is_some_and(|slot| slot.born == tenant.born)
}
