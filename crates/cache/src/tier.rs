//! Tiers: where entries are kept, behind one trait.
//!
//! A tier is lossy: it may refuse or drop any entry at any time. What it must not do is return an entry after
//! `remove` or `clear` has returned, return another key's entry, or keep more than its bounds. `laws.rs` checks each
//! implementation against that.

use std::sync::Arc;

use orbit_model::CacheKey;

use crate::Entry;

#[cfg(test)]
mod laws;
mod memory;
mod noop;

pub use memory::{Bounds, Memory};
pub use noop::Noop;

/// A place for entries.
pub trait Tier: Send + Sync + std::fmt::Debug {
    /// The name in `Cache-Status` and in receipts.
    fn name(&self) -> &'static str;

    /// Finds an entry and counts the use.
    fn get(&self, key: &CacheKey) -> Option<Arc<Entry>>;

    /// Finds an entry without counting the use.
    fn peek(&self, key: &CacheKey) -> Option<Arc<Entry>>;

    /// Calls `visit` with every entry.
    fn visit(&self, visit: &mut dyn FnMut(&CacheKey, &Entry));

    /// Offers an entry; `false` where the tier does not want it. An older entry under the key is gone either way.
    fn put(&self, key: &CacheKey, entry: Arc<Entry>) -> bool;

    /// Drops an entry.
    fn remove(&self, key: &CacheKey) -> Dropped;

    /// Drops every entry for which `doomed` holds.
    fn remove_where(&self, doomed: &dyn Fn(&CacheKey, &Entry) -> bool) -> Dropped;

    /// What is kept at present.
    fn usage(&self) -> Usage;
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
