//! A ranking: which kept entry comes first to give way.
//!
//! A heap that lags behind on purpose: a hit changes only the entry's slot, and a rank is brought up to date when it comes
//! to the top. So a hit costs no work here, and each hit adds at most one step to a later eviction. Ranks of entries that
//! were purged stay behind until they come to the top or are swept away. The ledger owns two of these; what a slot holds
//! it asks through a closure, for slots lie behind other locks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Leftovers that are never worth a sweep.
const SLACK: usize = 64;

/// One entry's place in a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// The lowest gives way first. It may be lower than the slot's present order, never higher.
    pub(super) order: u64,
    /// Which slot.
    pub(super) place: u32,
    /// Which tenant of that slot; the rank of an earlier one is a leftover.
    pub(super) born: u32,
}

#[derive(Debug, Default)]
pub(super) struct Ranking(BinaryHeap<Reverse<Rank>>);

impl Ranking {
    pub(super) fn push(&mut self, rank: Rank) {
        self.0.push(Reverse(rank));
    }

    /// Takes out the lowest rank; `present` tells the order that the slot has now, `None` for a leftover.
    pub(super) fn take_least(&mut self, present: impl Fn(Rank) -> Option<u64>) -> Option<Rank> {
        while let Some(Reverse(mut rank)) = self.0.pop() {
            match present(rank) {
                Some(order) if order > rank.order => {
                    rank.order = order;
                    self.push(rank);
                }
                Some(_) => return Some(rank),
                None => {}
            }
        }
        None
    }

    /// Throws leftovers away where they outnumber the `live` ranks.
    pub(super) fn sweep(&mut self, live: u64, present: impl Fn(Rank) -> Option<u64>) {
        let most = usize::try_from(live).unwrap_or(usize::MAX).saturating_mul(2).saturating_add(SLACK);
        if self.0.len() > most {
            self.0.retain(|Reverse(rank)| present(*rank).is_some());
            self.0.shrink_to(most);
        }
    }

    /// Ranks, leftovers counted too.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(order: u64, place: u32) -> Rank {
        Rank { order, place, born: 0 }
    }

    #[test]
    fn a_rank_that_lags_behind_is_brought_up_to_date_before_it_gives_way() {
        let mut ranking = Ranking::default();
        ranking.push(rank(1, 1));
        ranking.push(rank(2, 2));
        let present = |rank: Rank| Some(if rank.place == 1 { 3 } else { 2 });
        assert_eq!(ranking.take_least(present), Some(rank(2, 2)));
        assert_eq!(ranking.take_least(present), Some(rank(3, 1)));
        assert_eq!(ranking.take_least(present), None);
    }

    #[test]
    fn leftovers_are_passed_over_and_swept_away() {
        let mut ranking = Ranking::default();
        for place in 0..200 {
            ranking.push(rank(u64::from(place), place));
        }
        let present = |rank: Rank| (rank.place >= 190).then_some(rank.order);
        ranking.sweep(10, present);
        assert_eq!(ranking.len(), 10);
        assert_eq!(ranking.take_least(present), Some(rank(190, 190)));
    }
}
