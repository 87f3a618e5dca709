//! How requests ended, counted: each request adds one to exactly one counter.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Outcome;

/// How many requests ended how, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// [`Outcome::Hit`].
    pub hits: u64,
    /// [`Outcome::Stale`].
    pub stale: u64,
    /// [`Outcome::Miss`].
    pub misses: u64,
    /// [`Outcome::Coalesced`].
    pub coalesced: u64,
    /// Requests that ended with an [`Error`](crate::Error).
    pub errors: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: AtomicU64,
    stale: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
    errors: AtomicU64,
}

impl Counters {
    /// Counts a request; without an outcome it was an error.
    pub(crate) fn add(&self, outcome: Option<Outcome>) {
        let counter = match outcome {
            Some(Outcome::Hit) => &self.hits,
            Some(Outcome::Stale) => &self.stale,
            Some(Outcome::Miss) => &self.misses,
            Some(Outcome::Coalesced) => &self.coalesced,
            None => &self.errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            hits: read(&self.hits),
            stale: read(&self.stale),
            misses: read(&self.misses),
            coalesced: read(&self.coalesced),
            errors: read(&self.errors),
        }
    }
}
