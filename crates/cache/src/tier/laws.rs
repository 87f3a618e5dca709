//! The laws that every tier keeps, run against each implementation.
//!
//! A tier may forget anything at any time, so no law says that an entry is found; each says what must not happen, and
//! `keeps` says whether this tier is expected to keep anything at all.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use orbit_model::CacheKey;

use super::{Bounds, Dropped, Memory, Noop, Tier};
use crate::Entry;
use crate::policy::Policy;

pub(super) fn key(name: usize) -> CacheKey {
    CacheKey::new(format!("/images/{name}"))
}

pub(super) fn entry(len: usize) -> Arc<Entry> {
    let response = Response::new(Bytes::from(vec![7; len]));
    Arc::new(Entry::new(response, &Policy::image(), jiff::Timestamp::UNIX_EPOCH))
}

fn bounds(max_bytes: u64) -> Bounds {
    Bounds { max_bytes, max_entries: None }
}

fn all() -> Vec<(Box<dyn Tier>, bool)> {
    vec![(Box::new(Memory::new(bounds(1 << 20))), true), (Box::new(Noop), false)]
}

#[test]
fn what_is_put_is_found_unless_the_tier_keeps_nothing() {
    for (tier, keeps) in all() {
        assert!(tier.get(&key(1)).is_none());
        assert_eq!(tier.put(&key(1), entry(10)), keeps);
        assert_eq!(tier.get(&key(1)).map(|found| found.body.len()), keeps.then_some(10), "{}", tier.name());
        assert_eq!(tier.peek(&key(1)).is_some(), keeps);
        let mut visited = 0;
        tier.visit(&mut |_, _| visited += 1);
        assert_eq!(visited, u64::from(keeps));
        assert!(tier.get(&key(2)).is_none(), "another key's entry");
    }
}

#[test]
fn the_last_entry_under_a_key_counts() {
    for (tier, keeps) in all() {
        tier.put(&key(1), entry(10));
        tier.put(&key(1), entry(20));
        assert_eq!(tier.get(&key(1)).map(|found| found.body.len()), keeps.then_some(20));
        assert_eq!(tier.usage().entries, u64::from(keeps));
    }
}

#[test]
fn what_is_removed_is_gone_and_its_room_is_free() {
    for (tier, keeps) in all() {
        for name in 0..10 {
            tier.put(&key(name), entry(10));
        }
        assert_eq!(tier.remove(&key(3)).entries, u64::from(keeps));
        assert!(tier.get(&key(3)).is_none());
        assert_eq!(tier.remove(&key(3)), Dropped::default());
        let gone = tier.remove_where(&|key, _| key.as_str().ends_with(['1', '2']));
        assert_eq!(gone.entries, if keeps { 2 } else { 0 });
        tier.remove_where(&|_, _| true);
        assert_eq!((tier.usage().entries, tier.usage().bytes), (0, 0));
    }
}

#[test]
fn a_tier_stays_within_its_bytes() {
    let tier = Memory::new(bounds(100_000));
    for name in 0..1000 {
        tier.get(&key(name % 97));
        tier.put(&key(name % 97), entry(name * 7 % 5000));
        assert!(tier.usage().bytes <= 100_000);
    }
    assert!(tier.usage().evictions > 0);
    assert!(!tier.put(&key(1), entry(200_000)), "larger than the tier");
    assert!(tier.get(&key(1)).is_none(), "the older entry under a key is gone even if the newer is refused");
}
