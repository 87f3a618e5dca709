//! How many requests may be sent twice.
//!
//! Retries help while few requests fail, and drown what is left when many do. So they are paid for: five requests earn
//! one retry, ten a second come free, and a hundred may be saved up. Pure: it takes `now`; the pool owns the lock.

use std::time::{Duration, Instant};

/// What a retry costs, of which each request earns one.
const PRICE: u64 = 5;
/// How long it takes for one part of the price to come free, in milliseconds: ten whole retries a second.
const MS_A_FREE_ONE: u64 = 1000 / 10 / PRICE;
/// How many retries can be saved up.
const SAVED: u64 = 100;

/// What is left for retries.
#[derive(Debug)]
pub(super) struct Budget {
    saved: u64,
    /// Up to when the free ones have been credited.
    credited: Instant,
}

impl Budget {
    /// A full budget.
    pub(super) fn new(now: Instant) -> Self {
        Self { saved: SAVED * PRICE, credited: now }
    }

    /// Takes note of a request that is sent for the first time.
    pub(super) fn earn(&mut self) {
        self.save(1);
    }

    /// Pays for a retry; false where there is nothing left.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let waited = now.saturating_duration_since(self.credited).as_millis();
        let free = u64::try_from(waited).unwrap_or(u64::MAX) / MS_A_FREE_ONE;
        self.credited += Duration::from_millis(free * MS_A_FREE_ONE);
        self.save(free);
        match self.saved.checked_sub(PRICE) {
            Some(left) => {
                self.saved = left;
                true
            }
            None => false,
        }
    }

    fn save(&mut self, earned: u64) {
        self.saved = self.saved.saturating_add(earned).min(SAVED * PRICE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> (Budget, Instant) {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        assert_eq!((0..200).filter(|_| budget.spend(now)).count(), 100);
        (budget, now)
    }

    #[test]
    fn one_request_in_five_may_be_sent_twice() {
        let (mut budget, now) = empty();
        let retried = (0..1000).filter(|_| {
            budget.earn();
            budget.spend(now)
        });
        assert_eq!(retried.count(), 200);
    }

    #[test]
    fn ten_a_second_are_free_and_a_hundred_saved_up_at_the_most() {
        for (idle_ms, retries) in [(0, 0), (99, 0), (100, 1), (1000, 10), (10_000, 100), (3_600_000, 100)] {
            let (mut budget, now) = empty();
            let later = now + Duration::from_millis(idle_ms);
            assert_eq!((0..1000).filter(|_| budget.spend(later)).count(), retries, "after {idle_ms} ms");
        }
    }

    #[test]
    fn time_is_not_lost_by_asking_often() {
        let (mut budget, now) = empty();
        let retried = (1..=1000).filter(|ms| budget.spend(now + Duration::from_millis(*ms)));
        assert_eq!(retried.count(), 10);
    }
}
