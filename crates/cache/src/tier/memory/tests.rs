//! What the eviction policy promises, beyond the laws of every tier.

use super::*;
use crate::tier::laws::{entry, find, put};

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

#[test]
fn a_bound_on_count_is_kept() {
    let tier = Memory::new(Bounds { max_bytes: 1 << 20, max_entries: Some(50) });
    for name in 0..200 {
        ask(&tier, name, 10);
        ask(&tier, name, 10);
    }
    assert_eq!(tier.usage().entries, 50);
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
    let tier = room_for(10, 1000);
    for _ in 0..12 {
        for name in 0..10 {
            ask(&tier, name, 1000);
        }
    }
    for _ in 0..40 {
        for name in 100..110 {
            ask(&tier, name, 1000);
        }
    }
    let hits = (100..110).filter(|name| ask(&tier, *name, 1000)).count();
    assert!(hits >= 9, "{hits} of 10 of today's are kept");
}

#[test]
fn many_small_entries_are_worth_more_than_one_large() {
    let tier = room_for(10, 1000);
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
    let shelf = tier.shelf.lock();
    assert!(shelf.ranks.len() <= 2 * shelf.slots.len() + 64);
}
