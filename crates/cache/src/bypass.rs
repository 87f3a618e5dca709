//! Hit-for-miss: which keys were uncacheable of late.
//!
//! Requests for these do not wait for one another, for the wait would bring nothing. It is memory of a hint, not of a
//! response: a key that is forgotten too early costs its requests one wait.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::flight::Route;

/// How many keys are remembered.
const MAX_KEYS: usize = 16_384;

/// The keys, and until when each is remembered.
#[derive(Debug, Default)]
pub(crate) struct Bypass {
    /// A key counts by its hash, so that what clients write into it takes no memory; two with the same hash share a hint.
    hasher: RandomState,
    /// Held for one look, never across an await.
    until: Mutex<HashMap<u64, Timestamp>>,
}

impl Bypass {
    /// Remembers a key until then. Where too many are remembered, those that have lapsed go, or else all.
    pub(crate) fn remember(&self, route: &Route, now: Timestamp, until: Timestamp) {
        let mut known = self.until.lock();
        if known.len() >= MAX_KEYS {
            known.retain(|_, until| *until > now);
        }
        if known.len() >= MAX_KEYS {
            known.clear();
        }
        known.insert(self.hasher.hash_one(route), until);
    }

    /// Whether a key was uncacheable of late.
    pub(crate) fn knows(&self, route: &Route, now: Timestamp) -> bool {
        self.until.lock().get(&self.hasher.hash_one(route)).is_some_and(|until| *until > now)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.until.lock().is_empty()
    }

    /// Forgets a key whose response turned out to be cacheable.
    pub(crate) fn forget(&self, route: &Route) {
        self.until.lock().remove(&self.hasher.hash_one(route));
    }
}
