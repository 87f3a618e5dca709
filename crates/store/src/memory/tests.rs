//! What is true of the log in memory and not of every log: its bounds. The laws run here too.

use proptest::prelude::*;

use super::{EventLimits, MemoryLog};
use crate::EventLog;
use crate::events::conformance::{event, event_log_laws, name, read};
use crate::fixtures::at;

async fn open() -> (MemoryLog, ()) {
    (MemoryLog::default(), ())
}

event_log_laws!(open);

fn small() -> MemoryLog {
    MemoryLog::new(EventLimits { max_events_per_thread: 3, max_threads: 2, max_events: 5 })
}

#[tokio::test]
async fn a_thread_keeps_its_last_events() {
    let log = small();
    for number in 0..5 {
        log.append(event("a", number), at(0)).await.unwrap();
    }
    assert_eq!(read(&log, "a", None).await, [event("a", 2), event("a", 3), event("a", 4)]);
}

#[tokio::test]
async fn the_thread_that_was_used_longest_ago_is_forgotten() {
    let log = small();
    for thread in ["a", "b", "a", "c"] {
        log.append(event(thread, 0), at(0)).await.unwrap();
    }
    assert_eq!(read(&log, "b", None).await, []);
    assert_eq!(read(&log, "a", None).await.len(), 2);
    assert_eq!(read(&log, "c", None).await.len(), 1);
}

#[tokio::test]
async fn a_thread_is_forgotten_when_there_are_too_many_events_in_all() {
    let log = small();
    for thread in ["a", "a", "a", "b", "b", "b"] {
        log.append(event(thread, 0), at(0)).await.unwrap();
    }
    assert_eq!(read(&log, "a", None).await, []);
    assert_eq!(read(&log, "b", None).await.len(), 3);
}

#[tokio::test]
async fn a_thread_that_is_watched_is_never_forgotten() {
    let log = small();
    let watcher = log.subscribe(&name("a")).await.unwrap();
    log.append(event("a", 0), at(0)).await.unwrap();
    for thread in ["b", "c", "d", "e"] {
        log.append(event(thread, 0), at(0)).await.unwrap();
    }
    assert_eq!(read(&log, "a", None).await.len(), 1);
    assert_eq!(log.state.lock().threads.len(), 2);
    drop(watcher);
    for thread in ["f", "g"] {
        log.append(event(thread, 0), at(0)).await.unwrap();
    }
    assert_eq!(read(&log, "a", None).await, []);
}

#[tokio::test]
async fn watching_alone_does_not_grow_the_log() {
    let log = small();
    for number in 0..100 {
        log.subscribe(&name(&format!("thread-{number}"))).await.unwrap();
    }
    assert!(log.state.lock().threads.len() <= 3);
}

#[tokio::test]
async fn ids_grow_even_past_being_forgotten() {
    let log = small();
    let old = log.append(event("a", 0), at(1_000)).await.unwrap();
    for thread in ["b", "c"] {
        log.append(event(thread, 0), at(0)).await.unwrap();
    }
    assert_eq!(read(&log, "a", None).await, []);
    let new = log.append(event("a", 1), at(0)).await.unwrap();
    assert!(new > old);
    assert_eq!(read(&log, "a", Some(old)).await, [event("a", 1)]);
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_is_appended(threads in proptest::collection::vec("[a-e]", 0..60)) {
        let log = small();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for thread in threads {
            runtime.block_on(log.append(event(&thread, 0), at(0))).unwrap();
            let state = log.state.lock();
            prop_assert!(state.threads.len() <= 2);
            prop_assert!(state.events <= 5);
            prop_assert_eq!(state.events, state.threads.values().map(|thread| thread.events.len()).sum::<usize>());
            prop_assert_eq!(state.order.len(), state.threads.len());
        }
    }
}
