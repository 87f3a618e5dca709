//! The memory tier: entries in this process, bounded by bytes and, where asked, by count.
//!
//! **The policy.** A newcomer enters the *window*, 15% of the tier, ordered by last use. What falls out of the window is a
//! candidate for the *main* part, where an entry's worth is `age + frequency / cost^0.3` and the least worthy goes:
//! GreedyDual-Size with Frequency (Cherkasova 1998), whose `age` is the worth of the last that went, so that what was popular
//! once does not stay for ever. A candidate is let in if none of the entries that would have to go is asked for more often
//! for its size; else it goes itself. The window, the admission and a sketch of frequencies that also remembers keys which
//! are not kept are W-TinyLFU's (Einziger, Friedman and Manes 2017); weighing a candidate against all of its victims is
//! from their paper on sizes (Einziger, Eytan, Friedman and Manes 2022), here by frequency for its size.
//! docs/decisions/memory-tier.md has the measurements.
//!
//! **Many cores.** Keys are spread over shelves with a lock each, and a hit takes one of them for a look-up and two
//! writes. Bytes, order and age are one for all, in a ledger that only changes of what is kept lock.
//!
//! Called by the stack on every request; knows nothing of HTTP but an entry's cost, its tags, its path and what selects it.

mod ledger;
mod ranking;
mod shelf;
mod shelves;
mod sketch;
mod tags;
mod variants;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use orbit_model::CacheKey;
use parking_lot::Mutex;

use self::ledger::Ledger;
use self::shelf::{Part, Shelf, Slot};
use self::shelves::{Shelves, Weight};
use super::{Dropped, Tier, Usage, Wanted};
use crate::purge::before_query;
use crate::{Entry, Purge};

/// The exponent of size: at 0 large entries are worth as much as small ones, at 1 a byte is worth as much in either.
const SIZE_EXPONENT: f64 = 0.3;
/// How many entries one key may have, told apart by `Vary`.
const MAX_ENTRIES_A_KEY: usize = 32;
/// Shelves for each processor, so that two threads seldom want the same.
const SHELVES_A_CORE: usize = 8;

/// How much a memory tier may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What all entries together may cost.
    pub max_bytes: u64,
    /// How many there may be; `None` leaves it to the bytes.
    pub max_entries: Option<usize>,
}

/// How a memory tier is laid out; the default suits a server.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Into how many shelves the keys are spread; rounded up to a power of two, 1,024 at the most.
    pub shelves: usize,
    /// What an entry costs. A replay of a trace counts the trace's sizes alone, so as to compare with other caches.
    pub weigh: fn(&CacheKey, &Entry) -> u64,
}

impl Default for Layout {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { shelves: cores * SHELVES_A_CORE, weigh }
    }
}

/// Entries in memory.
#[derive(Debug)]
pub struct Memory {
    bounds: Bounds,
    weigh: fn(&CacheKey, &Entry) -> u64,
    hasher: RandomState,
    shelves: Shelves,
    /// Locked before any shelf, by everything that changes what is kept; never across an await.
    ledger: Mutex<Ledger>,
}

impl Memory {
    /// An empty tier.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self::with_layout(bounds, Layout::default())
    }

    /// An empty tier of a given layout.
    #[must_use]
    pub fn with_layout(bounds: Bounds, layout: Layout) -> Self {
        Self {
            bounds,
            weigh: layout.weigh,
            hasher: RandomState::new(),
            shelves: Shelves::new(layout.shelves),
            ledger: Mutex::new(Ledger::new(bounds)),
        }
    }

    /// Takes away what a newcomer replaces: the entry with the same selecting fields, and the one fetched longest ago where
    /// a key has too many. Says in which part the replaced one was; `Err` where it is the younger one, and stays.
    fn replace(
        &self,
        shelf: &mut Shelf,
        newcomer: &Slot,
        ledger: &mut Ledger,
        gone: &mut Vec<Slot>,
    ) -> Result<Option<Part>, ()> {
        let mut count = 0;
        let (mut same, mut oldest) = (None, None);
        for (index, slot) in shelf.under(&newcomer.key, newcomer.hash) {
            count += 1;
            let head = &slot.entry.head;
            if head.vary == newcomer.entry.head.vary {
                if head.fetched_at > newcomer.entry.head.fetched_at {
                    return Err(());
                }
                same = Some((index, slot.part));
            }
            if oldest.is_none_or(|(_, fetched_at)| head.fetched_at < fetched_at) {
                oldest = Some((index, head.fetched_at));
            }
        }
        let surplus = oldest.filter(|_| count >= MAX_ENTRIES_A_KEY).map(|(index, _)| index);
        if let Some(slot) = same.map(|(index, _)| index).or(surplus).and_then(|index| shelf.remove(index)) {
            ledger.leave(&slot);
            gone.push(slot);
        }
        Ok(same.map(|(_, part)| part))
    }

    /// Takes all from a shelf in one stroke, so that a purge of a million entries holds no hit up.
    fn clear_shelf(&self, number: usize) -> Dropped {
        // Declared before the locks, so that what was there is freed after they are released.
        let old: Shelf;
        let mut dropped = Dropped::default();
        let mut ledger = self.ledger.lock();
        old = self.shelves.lock(number).clear();
        for slot in old.all() {
            ledger.leave(slot);
            dropped.add(slot);
        }
        dropped
    }

    fn purge_shelf(&self, number: usize, what: Purge<'_>, soft: bool) -> Dropped {
        if matches!(what, Purge::All) && !soft {
            return self.clear_shelf(number);
        }
        // Freed after the locks are released, as above.
        let mut gone = Vec::new();
        let mut ledger = self.ledger.lock();
        let mut shelf = self.shelves.lock(number);
        let indices: Vec<u32> = match what {
            Purge::Key(key) => shelf.under(key, self.hasher.hash_one(key)).map(|(index, _)| index).collect(),
            Purge::Path(path) => shelf.of_path(path, self.hasher.hash_one(path)),
            Purge::Tag(tag) => shelf.tagged(tag),
            Purge::All => shelf.indices(),
        };
        let mut dropped = Dropped::default();
        for index in indices {
            if soft {
                if let Some(slot) = shelf.get(index).filter(|slot| slot.entry.head.soft_purge()) {
                    dropped.add(slot);
                }
            } else if let Some(slot) = shelf.remove(index) {
                ledger.leave(&slot);
                dropped.add(&slot);
                gone.push(slot);
            }
        }
        dropped
    }
}

impl Tier for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn find(&self, key: &CacheKey, wanted: &Wanted<'_>) -> Option<Arc<Entry>> {
        let hash = self.hasher.hash_one(key);
        let mut shelf = self.shelves.lock(self.shelves.number(hash));
        let frequency = shelf.count(hash);
        let slot = shelf.select(key, hash, wanted)?;
        slot.order = match slot.part {
            Part::Window => self.shelves.clock(),
            Part::Main => slot.order.max(self.shelves.order(slot.density(frequency))),
        };
        Some(Arc::clone(&slot.entry))
    }

    fn stored(&self, key: &CacheKey) -> Vec<Arc<Entry>> {
        let hash = self.hasher.hash_one(key);
        let shelf = self.shelves.lock(self.shelves.number(hash));
        shelf.under(key, hash).map(|(_, slot)| Arc::clone(&slot.entry)).collect()
    }

    fn put(&self, key: &CacheKey, entry: Arc<Entry>, still: &dyn Fn() -> bool) -> bool {
        let mut newcomer = Slot::new(key, self.hasher.hash_one(key), (self.weigh)(key, &entry), entry);
        let number = self.shelves.number(newcomer.hash);
        // Declared before the locks, so that what gave way is freed after they are released.
        let mut gone = Vec::new();
        let mut ledger = self.ledger.lock();
        let mut shelf = self.shelves.lock(number);
        // Every purge takes the ledger's lock, which is held from here to the end: one that comes now finds the entry.
        if !still() {
            return false;
        }
        let Ok(before) = self.replace(&mut shelf, &newcomer, &mut ledger, &mut gone) else { return false };
        let density = newcomer.density(shelf.frequency(newcomer.hash));
        drop(shelf);
        let part = if before == Some(Part::Main) && ledger.main_fits(newcomer.cost) {
            Some(Part::Main)
        } else {
            ledger.seat(&self.shelves, Weight { cost: newcomer.cost, density }, &mut gone)
        };
        let Some(part) = part else { return false };
        newcomer.part = part;
        newcomer.order = match part {
            Part::Window => self.shelves.clock(),
            Part::Main => self.shelves.order(density),
        };
        let (cost, order) = (newcomer.cost, newcomer.order);
        let tenant = self.shelves.lock(number).insert(newcomer);
        ledger.enter(part, cost, self.shelves.rank(number, tenant, order));
        ledger.sweep(&self.shelves);
        true
    }

    fn purge(&self, what: Purge<'_>, soft: bool) -> Dropped {
        let numbers = match what {
            Purge::Key(key) => {
                let number = self.shelves.number(self.hasher.hash_one(key));
                number..number + 1
            }
            Purge::Path(_) | Purge::Tag(_) | Purge::All => 0..self.shelves.count(),
        };
        let mut dropped = Dropped::default();
        for number in numbers {
            let more = self.purge_shelf(number, what, soft);
            dropped.entries += more.entries;
            dropped.bytes += more.bytes;
        }
        self.ledger.lock().sweep(&self.shelves);
        dropped
    }

    fn usage(&self) -> Usage {
        let ledger = self.ledger.lock();
        Usage {
            entries: ledger.entries(),
            bytes: ledger.bytes(),
            max_bytes: self.bounds.max_bytes,
            evictions: ledger.evictions,
        }
    }
}

impl Slot {
    #[expect(clippy::cast_precision_loss, reason = "a worth needs no more than a double's precision")]
    fn new(key: &CacheKey, hash: u64, cost: u64, entry: Arc<Entry>) -> Self {
        let scale = (cost.max(1) as f64).powf(-SIZE_EXPONENT);
        Self { key: key.clone(), hash, entry, cost, scale, part: Part::Window, order: 0, born: 0 }
    }
}

impl Dropped {
    fn add(&mut self, slot: &Slot) {
        self.entries += 1;
        self.bytes += slot.cost;
    }
}

/// What an entry costs with its key, its tags and, where its key has a query, its path.
fn weigh(key: &CacheKey, entry: &Entry) -> u64 {
    let tags: usize = entry.head.tags().map(|tag| tag.len() + tags::TAG_BYTES).sum();
    let variant = before_query(key).map_or(0, |_| variants::VARIANT_BYTES);
    entry.cost() + (key.as_str().len() + tags) as u64 + variant
}

#[cfg(test)]
mod tests;
