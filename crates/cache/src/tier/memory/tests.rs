//! What the eviction policy promises, beyond the laws of every tier.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Response};
use jiff::Timestamp;

use super::*;
use crate::Policy;
use crate::tier::laws::{entry, find, key, put};

fn ask(tier: &Memory, name: usize, len: usize) -> bool {
    let hit = find(tier, name).is_some();
    if !hit {
        put(tier, name, len);
    }
    hit
}

fn room_for(entries: u64, len: usize) -> Memory {
    let cost = entry(len).cost() + 16;
    Memory::new(Bounds { max_bytes: entries * cost, max_entries: None })
}

/// An entry with these fields, fetched `second` seconds after 1970 by a request with the fields of `request`.
fn response(fields: &[(&'static str, &str)], request: &HeaderMap, second: i64) -> Arc<Entry> {
    let mut response = Response::new(Bytes::from_static(b"body"));
    for (name, value) in fields {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    Arc::new(Entry::new(response, request, &Policy::rfc(), Timestamp::from_second(second).unwrap()))
}

fn language(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::ACCEPT_LANGUAGE, value.parse().unwrap())])
}

fn put_language(tier: &Memory, name: &str, second: i64) -> bool {
    tier.put(&key(1), response(&[("vary", "accept-language")], &language(name), second), &|| true)
}

fn found_language(tier: &Memory, name: &str) -> Option<Timestamp> {
    let wanted = Wanted { headers: &language(name), policy: &Policy::rfc() };
    tier.find(&key(1), &wanted).map(|entry| entry.head.fetched_at)
}

#[test]
fn a_bound_on_count_is_kept() {
    for max in [1, 2, 9, 50] {
        let tier = Memory::new(Bounds { max_bytes: 1 << 20, max_entries: Some(max) });
        for name in 0..200 {
            ask(&tier, name, 10);
            ask(&tier, name, 10);
            assert!(tier.usage().entries <= max as u64);
        }
        assert_eq!(tier.usage().entries, max as u64);
    }
}

#[test]
fn a_tier_of_no_entries_or_no_bytes_keeps_nothing() {
    for bounds in [Bounds { max_bytes: 1 << 20, max_entries: Some(0) }, Bounds { max_bytes: 0, max_entries: None }] {
        let tier = Memory::new(bounds);
        assert!(!put(&tier, 1, 10));
        assert_eq!(tier.usage().entries, 0);
    }
}

#[test]
fn a_scan_of_twice_the_tier_does_not_push_out_what_is_asked_for_often() {
    let tier = room_for(20, 1000);
    for _ in 0..5 {
        for name in 0..10 {
            ask(&tier, name, 1000);
        }
    }
    for name in 100..140 {
        ask(&tier, name, 1000);
    }
    let kept = (0..10).filter(|name| ask(&tier, *name, 1000)).count();
    assert_eq!(kept, 10);
}

#[test]
fn yesterdays_favourites_give_way_to_todays() {
    let tier = room_for(100, 1000);
    for _ in 0..12 {
        for name in 0..100 {
            ask(&tier, name, 1000);
        }
    }
    for _ in 0..100 {
        for name in 1000..1100 {
            ask(&tier, name, 1000);
        }
    }
    let hits = (1000..1100).filter(|name| ask(&tier, *name, 1000)).count();
    assert!(hits >= 75, "{hits} of 100 of today's are kept");
}

#[test]
fn many_small_entries_are_worth_more_than_one_large() {
    let tier = room_for(12, 1000);
    ask(&tier, 999, 10_000);
    for _ in 0..3 {
        for name in 0..10 {
            ask(&tier, name, 1000);
        }
    }
    assert!((0..10).filter(|name| ask(&tier, *name, 1000)).count() >= 9);
}

#[test]
fn removed_entries_leave_nothing_behind_in_the_ranking() {
    let tier = room_for(100, 10);
    for round in 0..100 {
        for name in 0..50 {
            put(&tier, name, 10 + round % 3);
        }
    }
    assert!(tier.ledger.lock().ranks() <= 2 * 50 + 2 * 65);
    tier.purge(Purge::All, false);
    assert!(tier.ledger.lock().ranks() <= 2 * 65);
}

#[test]
fn each_language_is_found_by_who_asks_for_it() {
    let tier = room_for(100, 1000);
    put_language(&tier, "de", 1);
    put_language(&tier, "fr", 2);
    put_language(&tier, "de", 3);
    assert_eq!(found_language(&tier, "de"), Timestamp::from_second(3).ok());
    assert_eq!(found_language(&tier, "fr"), Timestamp::from_second(2).ok());
    assert_eq!(found_language(&tier, "it"), None);
    assert_eq!(tier.stored(&key(1)).len(), 2);
    assert_eq!(tier.purge(Purge::Key(&key(1)), false).entries, 2);
    assert_eq!(tier.usage().bytes, 0);
}

#[test]
fn of_entries_that_a_request_selects_the_youngest_is_found() {
    let tier = room_for(100, 1000);
    put_language(&tier, "de", 5);
    tier.put(&key(1), response(&[], &HeaderMap::new(), 4), &|| true);
    assert_eq!(found_language(&tier, "de"), Timestamp::from_second(5).ok());
    tier.put(&key(1), response(&[], &HeaderMap::new(), 9), &|| true);
    assert_eq!(found_language(&tier, "de"), Timestamp::from_second(9).ok());
}

#[test]
fn a_key_with_too_many_entries_loses_the_one_fetched_longest_ago() {
    let tier = room_for(1000, 1000);
    for second in 0..40 {
        assert!(put_language(&tier, &format!("x-{second}"), second));
    }
    assert_eq!(tier.stored(&key(1)).len(), MAX_ENTRIES_A_KEY);
    assert!(found_language(&tier, "x-7").is_none());
    assert!(found_language(&tier, "x-8").is_some());
}

#[test]
fn a_purge_by_tag_takes_those_that_bear_it_and_no_others() {
    let tier = room_for(1000, 1000);
    for name in 0..100 {
        let tags = format!("thread-{} all, name-{name}", name % 10);
        tier.put(&key(name), response(&[("cache-tag", &tags)], &HeaderMap::new(), 1), &|| true);
    }
    assert_eq!(tier.purge(Purge::Tag("thread-3"), true).entries, 10);
    assert!(find(&tier, 13).is_some_and(|entry| entry.head.is_soft_purged()));
    assert_eq!(tier.purge(Purge::Tag("thread-3"), true).entries, 0, "they are stale already");
    assert_eq!(tier.purge(Purge::Tag("thread-3"), false).entries, 10);
    assert!(find(&tier, 13).is_none());
    assert!(find(&tier, 14).is_some());
    assert_eq!(tier.purge(Purge::Tag("thread-3"), false), Dropped::default());
    assert_eq!(tier.purge(Purge::Tag("all"), false).entries, 90);
    assert_eq!((tier.usage().entries, tier.usage().bytes), (0, 0));
}

#[test]
fn the_index_of_tags_forgets_what_is_gone() {
    let tier = Memory::with_layout(
        Bounds { max_bytes: 1 << 20, max_entries: Some(20) },
        Layout { shelves: 1, ..Layout::default() },
    );
    for name in 0..1000 {
        let tags = format!("all name-{name}");
        tier.put(&key(name), response(&[("surrogate-key", &tags)], &HeaderMap::new(), 1), &|| true);
    }
    let (names, listed) = tier.shelves.lock(0).tag_sizes();
    assert!(names <= 21, "{names}");
    assert!(listed <= 20 + 2 * 20 + 16, "{listed}");
}

#[test]
fn the_index_of_variants_forgets_what_is_gone() {
    let tier = Memory::with_layout(
        Bounds { max_bytes: 1 << 20, max_entries: Some(20) },
        Layout { shelves: 1, ..Layout::default() },
    );
    for width in 0..1000 {
        let key = CacheKey::new(format!("/images/{}?w={width}", width % 3));
        tier.put(&key, response(&[], &HeaderMap::new(), 1), &|| true);
    }
    assert_eq!(tier.shelves.lock(0).variants(), 20);
    let dropped = (0..3).map(|name| tier.purge(Purge::Path(&key(name)), false).entries);
    assert_eq!((dropped.sum::<u64>(), tier.shelves.lock(0).variants()), (20, 0));
    tier.put(&CacheKey::new("/images/1?w=1"), response(&[], &HeaderMap::new(), 1), &|| true);
    tier.purge(Purge::All, false);
    assert_eq!(tier.shelves.lock(0).variants(), 0);
}

#[test]
fn a_replaced_entry_stays_in_the_part_that_it_had_reached() {
    let tier = room_for(20, 1000);
    for _ in 0..5 {
        for name in 0..18 {
            ask(&tier, name, 1000);
        }
    }
    put(&tier, 0, 1000);
    for name in 100..140 {
        ask(&tier, name, 1000);
    }
    assert!(find(&tier, 0).is_some());
}

#[test]
fn many_threads_keep_the_bounds_and_find_only_their_own() {
    let tier = Memory::with_layout(
        Bounds { max_bytes: 200_000, max_entries: Some(80) },
        Layout { shelves: 8, ..Layout::default() },
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4usize)
            .map(|worker| {
                let tier = &tier;
                scope.spawn(move || {
                    for round in 0..5000usize {
                        let name = (round * 31 + worker * 17) % 300;
                        if let Some(found) = find(tier, name) {
                            assert_eq!(found.body.len(), 500 + name, "another key's entry");
                        } else {
                            put(tier, name, 500 + name);
                        }
                        if round % 97 == 0 {
                            tier.purge(Purge::Key(&key(name)), false);
                        }
                        if round % 1999 == 0 {
                            tier.purge(Purge::All, false);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let usage = tier.usage();
                assert!(usage.bytes <= 200_000 && usage.entries <= 80, "{usage:?}");
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    tier.purge(Purge::All, false);
    assert_eq!((tier.usage().entries, tier.usage().bytes), (0, 0));
}

#[test]
fn what_a_value_was_read_into_is_not_held_on_to() {
    let buffer = Bytes::from(vec![b'a'; 100_000]);
    let mut response = Response::new(Bytes::new());
    let value = http::HeaderValue::from_maybe_shared(buffer.slice(10..20)).unwrap();
    response.headers_mut().insert("x-note", value);
    let entry = Entry::new(response, &HeaderMap::new(), &Policy::image(), Timestamp::UNIX_EPOCH);
    assert!(buffer.is_unique(), "the entry shares the buffer");
    assert_eq!(entry.head.headers["x-note"], "aaaaaaaaaa");
}

#[test]
fn what_a_client_writes_into_a_selecting_field_counts() {
    let tier = room_for(10_000, 100_000);
    let cost = |client: &str| {
        put_language(&tier, client, 1);
        let bytes = tier.usage().bytes;
        tier.purge(Purge::All, false);
        bytes
    };
    assert_eq!(cost(&"x".repeat(30_000)) - cost("x"), 29_999);
}
