//! The ledger: what all shelves together hold, in which order it gives way, and who is let in: the policy.
//!
//! Behind one lock that every change of what is kept takes, and no hit. So there is one budget, one order and one decision
//! at a time, however many shelves there are, and sharding costs no hits. Knows costs, frequencies and orders; nothing of
//! keys or responses. The module above tells the policy as a whole.

use super::Bounds;
use super::ranking::{Rank, Ranking};
use super::shelf::{Part, Slot};
use super::shelves::{Shelves, Weight};

/// The window's part of the tier, in percent.
const WINDOW_PERCENT: u64 = 15;

#[derive(Debug)]
pub(super) struct Ledger {
    window: Share,
    main: Share,
    pub(super) evictions: u64,
}

fn window_of(whole: u64) -> u64 {
    whole / 100 * WINDOW_PERCENT + whole % 100 * WINDOW_PERCENT / 100
}

/// One part's bounds, and what is in it. Each of its entries has exactly one rank in the ranking, beside leftovers.
#[derive(Debug)]
struct Share {
    part: Part,
    max_bytes: u64,
    max_entries: u64,
    bytes: u64,
    entries: u64,
    ranking: Ranking,
}

impl Ledger {
    pub(super) fn new(bounds: Bounds) -> Self {
        let window_bytes = window_of(bounds.max_bytes);
        let max_entries = bounds.max_entries.map_or(u64::MAX, |max| max as u64);
        // A bound of a few entries leaves room for one newcomer; a bound of one has no window.
        let window_entries = window_of(max_entries).max(1).min(max_entries.saturating_sub(1));
        Self {
            window: Share::new(Part::Window, window_bytes, window_entries),
            main: Share::new(Part::Main, bounds.max_bytes - window_bytes, max_entries - window_entries),
            evictions: 0,
        }
    }

    pub(super) fn entries(&self) -> u64 {
        self.window.entries + self.main.entries
    }

    pub(super) fn bytes(&self) -> u64 {
        self.window.bytes + self.main.bytes
    }

    /// Makes room for a newcomer, and says in which part; `None` where it is not wanted. What gave way is in `gone`.
    pub(super) fn seat(&mut self, shelves: &Shelves, newcomer: Weight, gone: &mut Vec<Slot>) -> Option<Part> {
        shelves.tick();
        if newcomer.cost > self.window.max_bytes || self.window.max_entries == 0 {
            return self.admit(shelves, newcomer, gone).then_some(Part::Main);
        }
        while !self.window.fits(newcomer.cost, 1) {
            let Some(oldest) = self.window.take_least(shelves) else { break };
            let Some(weight) = weigh(shelves, oldest, Part::Window) else { continue };
            if self.admit(shelves, weight, gone) {
                self.promote(shelves, oldest, weight);
            } else {
                self.evict(shelves, oldest, Part::Window, gone);
            }
        }
        Some(Part::Window)
    }

    /// Whether what was in the main part before may be replaced there without anything giving way.
    pub(super) fn main_fits(&self, cost: u64) -> bool {
        self.main.fits(cost, 1)
    }

    /// Enters an entry that was put into a slot.
    pub(super) fn enter(&mut self, part: Part, cost: u64, rank: Rank) {
        let share = self.share(part);
        share.bytes += cost;
        share.entries += 1;
        share.ranking.push(rank);
    }

    /// Strikes out an entry that was taken from its slot.
    pub(super) fn leave(&mut self, slot: &Slot) {
        let share = self.share(slot.part);
        share.bytes -= slot.cost;
        share.entries -= 1;
    }

    /// Keeps the rankings from growing with ranks of entries that left otherwise than by eviction.
    pub(super) fn sweep(&mut self, shelves: &Shelves) {
        for share in [&mut self.window, &mut self.main] {
            let part = share.part;
            share.ranking.sweep(share.entries, |rank| shelves.with(rank, part, |slot, _| slot.order));
        }
    }

    /// Makes room in the main part for a candidate; nothing gives way, and the answer is `false`, if it would have to push
    /// out anything that is worth more.
    fn admit(&mut self, shelves: &Shelves, candidate: Weight, gone: &mut Vec<Slot>) -> bool {
        if candidate.cost > self.main.max_bytes || self.main.max_entries == 0 {
            return false;
        }
        let mut victims: Vec<Rank> = Vec::new();
        let mut freed = 0;
        while !self.main.fits(candidate.cost.saturating_sub(freed), 1u64.saturating_sub(victims.len() as u64)) {
            let Some(victim) = self.main.take_least(shelves) else { break };
            let Some(weight) = weigh(shelves, victim, Part::Main) else { continue };
            victims.push(victim);
            if weight.density > candidate.density {
                victims.into_iter().for_each(|rank| self.main.ranking.push(rank));
                return false;
            }
            freed += weight.cost;
        }
        for victim in victims {
            shelves.grow_older(victim.order);
            self.evict(shelves, victim, Part::Main, gone);
        }
        true
    }

    /// Moves an entry from the window to the main part, where there is room for it.
    fn promote(&mut self, shelves: &Shelves, rank: Rank, weight: Weight) {
        let order = shelves.order(weight.density);
        shelves.with(rank, Part::Window, |slot, _| {
            slot.part = Part::Main;
            slot.order = order;
        });
        self.window.bytes -= weight.cost;
        self.window.entries -= 1;
        self.enter(Part::Main, weight.cost, Rank { order, ..rank });
    }

    fn evict(&mut self, shelves: &Shelves, rank: Rank, part: Part, gone: &mut Vec<Slot>) {
        let (number, index) = shelves.locate(rank);
        let mut shelf = shelves.lock(number);
        let there = shelf.get(index).is_some_and(|slot| slot.born == rank.born && slot.part == part);
        if let Some(slot) = there.then(|| shelf.remove(index)).flatten() {
            self.leave(&slot);
            self.evictions += 1;
            gone.push(slot);
        }
    }

    fn share(&mut self, part: Part) -> &mut Share {
        match part {
            Part::Window => &mut self.window,
            Part::Main => &mut self.main,
        }
    }

    #[cfg(test)]
    pub(super) fn ranks(&self) -> usize {
        self.window.ranking.len() + self.main.ranking.len()
    }
}

impl Share {
    fn new(part: Part, max_bytes: u64, max_entries: u64) -> Self {
        Self { part, max_bytes, max_entries, bytes: 0, entries: 0, ranking: Ranking::default() }
    }

    fn fits(&self, more_bytes: u64, more_entries: u64) -> bool {
        self.bytes.saturating_add(more_bytes) <= self.max_bytes
            && self.entries.saturating_add(more_entries) <= self.max_entries
    }

    fn take_least(&mut self, shelves: &Shelves) -> Option<Rank> {
        let part = self.part;
        self.ranking.take_least(|rank| shelves.with(rank, part, |slot, _| slot.order))
    }
}

fn weigh(shelves: &Shelves, rank: Rank, part: Part) -> Option<Weight> {
    shelves.with(rank, part, |slot, frequency| Weight { cost: slot.cost, density: slot.density(frequency) })
}
