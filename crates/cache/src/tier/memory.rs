//! The memory tier: entries in this process, bounded by bytes and, where asked, by count.
//!
//! Eviction is GreedyDual-Size with Frequency (Cherkasova 1998): an entry's worth is `age + frequency / size^0.75`, and
//! the least worthy goes. `age` is the worth of the last one evicted, so that what was popular once does not stay for
//! ever. Frequencies come from a [`Sketch`] that also remembers keys which are not kept. Admission: a newcomer that is
//! worth less than an entry it would push out is turned away.
//!
//! Called by the stack on every request; knows nothing of HTTP but an entry's cost.

mod sketch;

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use orbit_model::CacheKey;
use parking_lot::Mutex;

use self::sketch::Sketch;
use super::{Dropped, Tier, Usage, Wanted};
use crate::{Entry, Purge};

/// The exponent of size: 0 counts requests only, 1 counts bytes only.
const SIZE_EXPONENT: f64 = 0.75;

/// How much a memory tier may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What all entries together may cost.
    pub max_bytes: u64,
    /// How many there may be; `None` leaves it to the bytes.
    pub max_entries: Option<usize>,
}

/// Entries in memory.
#[derive(Debug)]
pub struct Memory {
    bounds: Bounds,
    hasher: RandomState,
    /// One lock for all: held for one lookup or one eviction, never across an await.
    shelf: Mutex<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    slots: HashMap<CacheKey, Slot>,
    /// Every kept entry has exactly one rank here that bears its slot's ticket; ranks of other tickets are leftovers.
    /// A rank may be lower than the slot's present worth, never higher.
    ranks: BinaryHeap<Reverse<Rank>>,
    sketch: Sketch,
    age: f64,
    bytes: u64,
    evictions: u64,
    next_ticket: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    cost: u64,
    hash: u64,
    worth: f64,
    ticket: u64,
}

#[derive(Debug, Clone)]
struct Rank {
    worth: f64,
    ticket: u64,
    key: CacheKey,
}

impl Memory {
    /// An empty tier.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let shelf = Shelf {
            slots: HashMap::new(),
            ranks: BinaryHeap::new(),
            sketch: Sketch::default(),
            age: 0.0,
            bytes: 0,
            evictions: 0,
            next_ticket: 0,
        };
        Self { bounds, hasher: RandomState::new(), shelf: Mutex::new(shelf) }
    }
}

impl Tier for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn find(&self, key: &CacheKey, wanted: &Wanted<'_>) -> Option<Arc<Entry>> {
        let hash = self.hasher.hash_one(key);
        let mut shelf = self.shelf.lock();
        let shelf = &mut *shelf;
        let frequency = shelf.sketch.count(hash, shelf.slots.len());
        let slot = shelf.slots.get_mut(key).filter(|slot| wanted.selects(&slot.entry))?;
        slot.worth = worth(shelf.age, frequency, slot.cost);
        Some(Arc::clone(&slot.entry))
    }

    fn stored(&self, key: &CacheKey) -> Vec<Arc<Entry>> {
        self.shelf.lock().slots.get(key).map(|slot| Arc::clone(&slot.entry)).into_iter().collect()
    }

    fn put(&self, key: &CacheKey, entry: Arc<Entry>, still: &dyn Fn() -> bool) -> bool {
        let hash = self.hasher.hash_one(key);
        let cost = entry.cost() + key.as_str().len() as u64;
        let mut shelf = self.shelf.lock();
        if !still() {
            return false;
        }
        shelf.remove(key);
        if !shelf.make_room(&self.bounds, hash, cost) {
            return false;
        }
        shelf.insert(key, Slot { entry, cost, hash, worth: 0.0, ticket: 0 });
        true
    }

    fn purge(&self, what: Purge<'_>, soft: bool) -> Dropped {
        let mut shelf = self.shelf.lock();
        let mut dropped = Dropped::default();
        shelf.slots.retain(|key, slot| {
            let named = what.names(key, &slot.entry.head);
            if named && (!soft || slot.entry.head.soft_purge()) {
                dropped.entries += 1;
                dropped.bytes += slot.cost;
            }
            soft || !named
        });
        if !soft {
            shelf.bytes -= dropped.bytes;
        }
        dropped
    }

    fn usage(&self) -> Usage {
        let shelf = self.shelf.lock();
        Usage {
            entries: shelf.slots.len() as u64,
            bytes: shelf.bytes,
            max_bytes: self.bounds.max_bytes,
            evictions: shelf.evictions,
        }
    }
}

impl Shelf {
    /// Evicts until an entry of `cost` fits; evicts nothing and returns `false` if it is not worth its victims.
    fn make_room(&mut self, bounds: &Bounds, hash: u64, cost: u64) -> bool {
        if cost > bounds.max_bytes || bounds.max_entries == Some(0) {
            return false;
        }
        let newcomer = worth(self.age, self.sketch.frequency(hash), cost);
        let mut victims: Vec<Rank> = Vec::new();
        let mut freed = 0;
        loop {
            let kept = self.slots.len() - victims.len();
            let fits = self.bytes - freed + cost <= bounds.max_bytes;
            if fits && bounds.max_entries.is_none_or(|max| kept < max) {
                break;
            }
            let Some(victim) = self.least_worthy() else { break };
            if victim.worth > newcomer {
                victims.push(victim);
                self.ranks.extend(victims.into_iter().map(Reverse));
                return false;
            }
            freed += self.slots.get(&victim.key).map_or(0, |slot| slot.cost);
            victims.push(victim);
        }
        for victim in victims {
            self.age = self.age.max(victim.worth);
            self.remove(&victim.key);
            self.evictions += 1;
        }
        true
    }

    /// Takes the rank of the least worthy entry from the heap, bringing ranks that lag behind up to date on the way.
    fn least_worthy(&mut self) -> Option<Rank> {
        while let Some(Reverse(mut rank)) = self.ranks.pop() {
            match self.slots.get(&rank.key) {
                Some(slot) if slot.ticket == rank.ticket && slot.worth > rank.worth => {
                    rank.worth = slot.worth;
                    self.ranks.push(Reverse(rank));
                }
                Some(slot) if slot.ticket == rank.ticket => return Some(rank),
                _ => {}
            }
        }
        None
    }

    fn insert(&mut self, key: &CacheKey, mut slot: Slot) {
        slot.worth = worth(self.age, self.sketch.frequency(slot.hash), slot.cost);
        slot.ticket = self.next_ticket;
        self.next_ticket += 1;
        self.bytes += slot.cost;
        self.ranks.push(Reverse(Rank { worth: slot.worth, ticket: slot.ticket, key: key.clone() }));
        self.slots.insert(key.clone(), slot);
        self.sweep_leftovers();
    }

    fn remove(&mut self, key: &CacheKey) -> Dropped {
        let Some(slot) = self.slots.remove(key) else { return Dropped::default() };
        self.bytes -= slot.cost;
        Dropped { entries: 1, bytes: slot.cost }
    }

    /// Keeps the heap from growing with ranks of entries that were removed otherwise than by eviction.
    fn sweep_leftovers(&mut self) {
        if self.ranks.len() > 2 * self.slots.len() + 64 {
            let slots = &self.slots;
            self.ranks.retain(|Reverse(rank)| slots.get(&rank.key).is_some_and(|slot| slot.ticket == rank.ticket));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a worth needs no more than a double's precision")]
fn worth(age: f64, frequency: u32, cost: u64) -> f64 {
    age + f64::from(frequency.max(1)) / (cost as f64).powf(SIZE_EXPONENT)
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth.total_cmp(&other.worth).then(self.ticket.cmp(&other.ticket))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rank {}

#[cfg(test)]
mod tests;
