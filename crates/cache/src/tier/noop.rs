//! A tier that keeps nothing: what a cache of size 0 is, and the null of the conformance laws.

use std::sync::Arc;

use orbit_model::CacheKey;

use super::{Dropped, Tier, Usage, Wanted};
use crate::{Entry, Purge};

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noop;

impl Tier for Noop {
    fn name(&self) -> &'static str {
        "none"
    }

    fn find(&self, _: &CacheKey, _: &Wanted<'_>) -> Option<Arc<Entry>> {
        None
    }

    fn stored(&self, _: &CacheKey) -> Vec<Arc<Entry>> {
        Vec::new()
    }

    fn put(&self, _: &CacheKey, _: Arc<Entry>, _: &dyn Fn() -> bool) -> bool {
        false
    }

    fn purge(&self, _: Purge<'_>, _: bool) -> Dropped {
        Dropped::default()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}
