//! Tiers: where entries are kept, behind one trait.
//!
//! A tier is lossy: it may refuse or drop any entry at any time. What it must not do is return an entry after a purge of
//! it has returned, return another key's entry or one that the request does not select, or keep more than its bounds.
//! `laws.rs` checks each implementation against that.

use std::sync::Arc;

use http::HeaderMap;
use orbit_model::CacheKey;

use crate::{Entry, Policy, Purge};

pub mod disk;
#[cfg(test)]
mod laws;
mod memory;
mod noop;

pub use disk::Disk;
pub use memory::{Bounds, Layout, Memory};
pub use noop::Noop;

/// A place for entries. Under one key there may be several, which their `Vary` tells apart.
pub trait Tier: Send + Sync + std::fmt::Debug {
    /// The name in `Cache-Status`, in metrics and in receipts.
    fn name(&self) -> &'static str;

    /// Finds the entry that a request selects, the youngest of several, and counts the use.
    fn find(&self, key: &CacheKey, wanted: &Wanted<'_>) -> Option<Arc<Entry>>;

    /// All entries under a key; counts nothing.
    fn stored(&self, key: &CacheKey) -> Vec<Arc<Entry>>;

    /// Offers an entry, in place of the one with the same selecting fields; `false` where the tier does not want it, and the
    /// older one is gone either way. One that was fetched before the one that is there is refused: the younger one stays. `still` is asked at the moment when the entry would become visible, under the lock
    /// that a purge takes too: where it says no, a purge has overtaken the fetch, and nothing is kept.
    fn put(&self, key: &CacheKey, entry: Arc<Entry>, still: &dyn Fn() -> bool) -> bool;

    /// Drops what `what` names; if `soft`, marks it as stale instead.
    fn purge(&self, what: Purge<'_>, soft: bool) -> Dropped;

    /// What is kept at present.
    fn usage(&self) -> Usage;
}

/// What a request asks of the entries under a key.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The request's fields.
    pub headers: &'a HeaderMap,
    /// Which of them reach the upstream.
    pub policy: &'a Policy,
}

impl Wanted<'_> {
    /// Whether the request selects this entry (RFC 9111 section 4.1).
    #[must_use]
    pub fn selects(&self, entry: &Entry) -> bool {
        entry.head.vary.matches(self.headers, self.policy)
    }
}

/// How much a removal freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Entries.
    pub entries: u64,
    /// What they cost, in bytes.
    pub bytes: u64,
}

/// How full a tier is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries.
    pub entries: u64,
    /// What they cost, in bytes.
    pub bytes: u64,
    /// What they may cost.
    pub max_bytes: u64,
    /// Entries dropped for want of room since the start.
    pub evictions: u64,
}
