//! The laws that every tier keeps, run against each implementation.
//!
//! A tier may forget anything at any time, so no law says that an entry is found; each says what must not happen, and
//! `keeps` says whether this tier is expected to keep anything at all.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use orbit_model::CacheKey;

use super::disk::tests::Scratch;
use super::{Bounds, Dropped, Memory, Noop, Tier, Wanted};
use crate::{Entry, Policy, Purge};

pub(super) fn key(name: usize) -> CacheKey {
    CacheKey::new(format!("/images/{name}"))
}

pub(super) fn entry(len: usize) -> Arc<Entry> {
    Arc::new(Entry::new(response(len), &HeaderMap::new(), &Policy::image(), time(0)))
}

fn response(len: usize) -> Response<Bytes> {
    Response::new(Bytes::from(vec![7; len]))
}

fn time(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap()
}

fn bounds(max_bytes: u64) -> Bounds {
    Bounds { max_bytes, max_entries: None }
}

/// Finds an entry for a request without fields.
pub(super) fn find(tier: &dyn Tier, name: usize) -> Option<Arc<Entry>> {
    tier.find(&key(name), &Wanted { headers: &HeaderMap::new(), policy: &Policy::image() })
}

pub(super) fn put(tier: &dyn Tier, name: usize, len: usize) -> bool {
    tier.put(&key(name), entry(len), &|| true)
}

fn all() -> Vec<(Box<dyn Tier>, bool)> {
    let [waiting, written] = [false, true].map(|flushes| Box::new(Scratch::new(flushes)));
    vec![(Box::new(Memory::new(bounds(1 << 20))), true), (Box::new(Noop), false), (waiting, true), (written, true)]
}

#[test]
fn what_is_put_is_found_unless_the_tier_keeps_nothing() {
    for (tier, keeps) in all() {
        assert!(find(&*tier, 1).is_none());
        assert_eq!(put(&*tier, 1, 10), keeps);
        assert_eq!(find(&*tier, 1).map(|found| found.body.len()), keeps.then_some(10), "{}", tier.name());
        assert_eq!(tier.stored(&key(1)).len(), usize::from(keeps));
        assert!(find(&*tier, 2).is_none(), "another key's entry");
    }
}

#[test]
fn the_last_entry_under_a_key_counts() {
    for (tier, keeps) in all() {
        put(&*tier, 1, 10);
        put(&*tier, 1, 20);
        assert_eq!(find(&*tier, 1).map(|found| found.body.len()), keeps.then_some(20));
        assert_eq!(tier.usage().entries, u64::from(keeps));
    }
}

#[test]
fn a_response_of_before_does_not_take_the_place_of_a_younger_one() {
    for (tier, keeps) in all() {
        let at = |second, len| Arc::new(Entry::new(response(len), &HeaderMap::new(), &Policy::image(), time(second)));
        assert_eq!(tier.put(&key(1), at(2, 20), &|| true), keeps);
        assert!(!tier.put(&key(1), at(1, 10), &|| true), "{}", tier.name());
        assert_eq!(find(&*tier, 1).map(|found| found.body.len()), keeps.then_some(20), "{}", tier.name());
    }
}

#[test]
fn what_a_purge_overtook_is_not_kept() {
    for (tier, keeps) in all() {
        put(&*tier, 1, 10);
        assert!(!tier.put(&key(1), entry(20), &|| false));
        assert!(find(&*tier, 1).is_none_or(|found| keeps && found.body.len() == 10));
    }
}

#[test]
fn what_is_purged_is_gone_and_its_room_is_free() {
    for (tier, keeps) in all() {
        for name in 0..10 {
            put(&*tier, name, 10);
        }
        assert_eq!(tier.purge(Purge::Key(&key(3)), false).entries, u64::from(keeps));
        assert!(find(&*tier, 3).is_none());
        assert_eq!(tier.purge(Purge::Key(&key(3)), false), Dropped::default());
        tier.purge(Purge::All, false);
        assert_eq!((tier.usage().entries, tier.usage().bytes), (0, 0));
    }
}

/// Keys of one path, and those that look as if they were of it.
fn paths() -> (Vec<CacheKey>, Vec<CacheKey>) {
    let queries = ["", "?", "?w=1", "?w=2", "?w=2&fm=auto", "?a?b", "?/x"];
    let others = ["x", "/x", "%3Fw=1", ".webp", ".webp?w=1", "/x?w=1"];
    let under = |ends: &[&str]| ends.iter().map(|end| CacheKey::new(format!("/images/1{end}"))).collect();
    (under(&queries), under(&others))
}

/// Puts one of each key into a tier, and tells how many of them it has.
fn put_all(tier: &dyn Tier, keys: &[CacheKey]) -> usize {
    for key in keys {
        tier.put(key, entry(10), &|| true);
    }
    count(tier, keys)
}

fn count(tier: &dyn Tier, keys: &[CacheKey]) -> usize {
    keys.iter().filter(|key| !tier.stored(key).is_empty()).count()
}

#[test]
fn a_purge_of_a_path_takes_all_its_queries_and_nothing_else() {
    let (path, others) = paths();
    for (tier, keeps) in all() {
        let kept = if keeps { (path.len(), others.len()) } else { (0, 0) };
        assert_eq!((put_all(&*tier, &path), put_all(&*tier, &others)), kept, "{}", tier.name());
        assert_eq!(tier.purge(Purge::Path(&path[0]), true).entries, kept.0 as u64, "{}", tier.name());
        let soft = path.iter().chain(&others).flat_map(|key| tier.stored(key));
        assert_eq!(soft.filter(|entry| entry.head.is_soft_purged()).count(), kept.0, "{}", tier.name());
        assert_eq!(tier.purge(Purge::Path(&path[0]), false).entries, kept.0 as u64, "{}", tier.name());
        assert_eq!((count(&*tier, &path), count(&*tier, &others)), (0, kept.1), "{}", tier.name());
        assert_eq!(tier.purge(Purge::Path(&path[0]), false), Dropped::default());
        assert_eq!(tier.usage().entries, kept.1 as u64);
    }
}

#[test]
fn a_purge_of_a_key_leaves_what_differs_by_its_query() {
    let (path, _) = paths();
    for (tier, keeps) in all() {
        put_all(&*tier, &path);
        for (purged, key) in path.iter().enumerate() {
            assert_eq!(tier.purge(Purge::Key(key), false).entries, u64::from(keeps), "{key} in {}", tier.name());
            let left = if keeps { path.len() - purged - 1 } else { 0 };
            assert_eq!(count(&*tier, &path), left, "{key} in {}", tier.name());
        }
    }
}

#[test]
fn a_purge_names_a_response_exactly_if_it_takes_it() {
    let (path, others) = paths();
    for what in [Purge::Path(&path[0]), Purge::Key(&path[0]), Purge::Key(&path[3]), Purge::All, Purge::Tag("a")] {
        for (tier, _) in all().into_iter().filter(|(_, keeps)| *keeps) {
            put_all(&*tier, &path);
            put_all(&*tier, &others);
            tier.purge(what, false);
            for key in path.iter().chain(&others) {
                assert_eq!(what.names(key, &entry(10).head), tier.stored(key).is_empty(), "{what:?}, {key}");
            }
        }
    }
}

#[test]
fn a_tier_stays_within_its_bytes() {
    let tier = Memory::new(bounds(100_000));
    for name in 0..1000 {
        find(&tier, name % 97);
        put(&tier, name % 97, name * 7 % 5000);
        assert!(tier.usage().bytes <= 100_000);
    }
    assert!(tier.usage().evictions > 0);
    assert!(!put(&tier, 1, 200_000), "larger than the tier");
    assert!(find(&tier, 1).is_none(), "the older entry under a key is gone even if the newer is refused");
}
