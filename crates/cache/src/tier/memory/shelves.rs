//! The shelves side by side: which one a hash belongs to, and the two figures that a hit reads beside its shelf.
//!
//! Locks are taken in one order: the ledger's, then one shelf's; never two shelves' at once. A hit takes its shelf's alone.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::ranking::Rank;
use super::shelf::{Part, Shelf, Slot, Tenant};

/// The most shelves there can be.
pub(super) const MAX_SHELVES: usize = 1024;
/// The lowest bit of a hash that chooses the shelf; the sketch and the table go by others.
const SHELF_BIT: u32 = 22;

#[derive(Debug)]
pub(super) struct Shelves {
    /// A power of two of them.
    lines: Box<[Line]>,
    /// The worth of the last entry that was evicted, as bits; written under the ledger's lock.
    age: AtomicU64,
    /// How many entries were offered; written under the ledger's lock.
    clock: AtomicU64,
}

/// A shelf on cache lines of its own, so that neighbours don't slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(Mutex<Shelf>);

/// What a ranked entry costs and is worth at present.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    pub(super) cost: u64,
    pub(super) density: f64,
}

impl Shelves {
    pub(super) fn new(count: usize) -> Self {
        let count = count.clamp(1, MAX_SHELVES).next_power_of_two();
        Self {
            lines: (0..count).map(|_| Line::default()).collect(),
            age: AtomicU64::new(0f64.to_bits()),
            clock: AtomicU64::new(0),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }

    /// Which shelf a hash belongs to.
    pub(super) fn number(&self, hash: u64) -> usize {
        usize::try_from(hash >> SHELF_BIT & (self.lines.len() as u64 - 1)).unwrap_or(0)
    }

    pub(super) fn lock(&self, number: usize) -> MutexGuard<'_, Shelf> {
        self.lines[number].0.lock()
    }

    /// The rank of a tenant of a shelf.
    pub(super) fn rank(&self, number: usize, tenant: Tenant, order: u64) -> Rank {
        let count = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Rank { order, place: tenant.index.saturating_mul(count).saturating_add(number), born: tenant.born }
    }

    /// The shelf and the slot that a rank speaks of.
    pub(super) fn locate(&self, rank: Rank) -> (usize, u32) {
        let count = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        ((rank.place % count) as usize, rank.place / count)
    }

    /// Reads or changes a ranked slot; `None` where the rank is a leftover.
    pub(super) fn with<T>(&self, rank: Rank, part: Part, visit: impl FnOnce(&mut Slot, u32) -> T) -> Option<T> {
        let (number, index) = self.locate(rank);
        let mut shelf = self.lock(number);
        let frequency = shelf.get(index).map(|slot| shelf.frequency(slot.hash))?;
        let slot = shelf.get_mut(index).filter(|slot| slot.born == rank.born && slot.part == part)?;
        Some(visit(slot, frequency))
    }

    pub(super) fn age(&self) -> f64 {
        f64::from_bits(self.age.load(Ordering::Relaxed))
    }

    pub(super) fn clock(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// An entry of this order gave way: what comes from now on starts from its worth.
    pub(super) fn grow_older(&self, order: u64) {
        self.age.fetch_max(order, Ordering::Relaxed);
    }

    pub(super) fn tick(&self) {
        self.clock.fetch_add(1, Ordering::Relaxed);
    }

    /// The order in the main part of something worth `density`; the bits of positive floats are ordered as they are.
    pub(super) fn order(&self, density: f64) -> u64 {
        (self.age() + density).to_bits()
    }
}
