//! A tier that keeps nothing: what a cache of size 0 is, and the null of the conformance laws.

use std::sync::Arc;

use orbit_model::CacheKey;

use super::{Dropped, Tier, Usage};
use crate::Entry;

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noop;

impl Tier for Noop {
    fn name(&self) -> &'static str {
        "none"
    }

    fn get(&self, _: &CacheKey) -> Option<Arc<Entry>> {
        None
    }

    fn peek(&self, _: &CacheKey) -> Option<Arc<Entry>> {
        None
    }

    fn visit(&self, _: &mut dyn FnMut(&CacheKey, &Entry)) {}

    fn put(&self, _: &CacheKey, _: Arc<Entry>) -> bool {
        false
    }

    fn remove(&self, _: &CacheKey) -> Dropped {
        Dropped::default()
    }

    fn remove_where(&self, _: &dyn Fn(&CacheKey, &Entry) -> bool) -> Dropped {
        Dropped::default()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}
