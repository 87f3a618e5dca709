//! The laws of an event log, for every backend to run: `event_log_laws!(open)` in its tests.
//!
//! None of them appends more events than the smallest backend retains.

use std::sync::Arc;

use orbit_model::{Event, EventId, ImagePurged, ThreadId};

use crate::EventLog;
use crate::fixtures::{at, id};

macro_rules! event_log_laws {
    ($open:path) => {
        $crate::fixtures::laws!($crate::events::conformance, $open:
            events_are_read_in_order_from_any_place,
            threads_do_not_see_each_other,
            ids_grow_even_if_the_clock_goes_back,
            a_watcher_knows_the_last_id_and_hears_of_the_next,
            a_subscriber_sees_every_event_once_while_many_append,
        );
    };
}
pub(crate) use event_log_laws;

type Shared = Arc<dyn EventLog>;

/// An event that tells itself apart by a number.
pub(crate) fn event(thread: &str, number: usize) -> Event {
    Event::ImagePurged(ImagePurged { thread_id: name(thread), id: id(&format!("image-{number}")) })
}

pub(crate) fn name(thread: &str) -> ThreadId {
    thread.parse().unwrap()
}

pub(crate) async fn read(log: &dyn EventLog, thread: &str, after: Option<EventId>) -> Vec<Event> {
    let events = log.read_after(&name(thread), after, usize::MAX).await.unwrap();
    events.into_iter().map(|(_, event)| Arc::unwrap_or_clone(event)).collect()
}

pub(crate) async fn events_are_read_in_order_from_any_place(log: Shared) {
    assert_eq!(read(&*log, "a", None).await, []);
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(log.append(event("a", number), at(number as i64 / 2)).await.unwrap());
    }
    let events: Vec<_> = (0..5).map(|number| event("a", number)).collect();
    assert_eq!(read(&*log, "a", None).await, events);
    for (place, id) in ids.iter().enumerate() {
        assert_eq!(read(&*log, "a", Some(*id)).await, events[place + 1..]);
    }
    let earlier = EventId { millis: ids[0].millis - 1, sequence: 9 };
    assert_eq!(read(&*log, "a", Some(earlier)).await, events);
    let batch = log.read_after(&name("a"), Some(ids[0]), 2).await.unwrap();
    assert_eq!(batch.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids[1..3]);
}

pub(crate) async fn threads_do_not_see_each_other(log: Shared) {
    log.append(event("a", 0), at(0)).await.unwrap();
    log.append(event("b", 1), at(0)).await.unwrap();
    assert_eq!(read(&*log, "a", None).await, [event("a", 0)]);
    assert_eq!(read(&*log, "b", None).await, [event("b", 1)]);
    assert_eq!(read(&*log, "c", None).await, []);
}

pub(crate) async fn ids_grow_even_if_the_clock_goes_back(log: Shared) {
    let mut last = EventId::default();
    for seconds in [10, 10, 5, 11, -2_000_000_000] {
        let id = log.append(event("a", 0), at(seconds)).await.unwrap();
        assert!(id > last, "{id} after {last}");
        last = id;
    }
}

pub(crate) async fn a_watcher_knows_the_last_id_and_hears_of_the_next(log: Shared) {
    let early = log.subscribe(&name("a")).await.unwrap();
    let before = *early.borrow();
    let first = log.append(event("a", 0), at(0)).await.unwrap();
    assert!(before < first);
    assert_eq!(*early.borrow(), first);
    let mut late = log.subscribe(&name("a")).await.unwrap();
    assert_eq!(*late.borrow_and_update(), first);
    log.append(event("b", 1), at(0)).await.unwrap();
    assert!(!late.has_changed().unwrap(), "another thread's news");
    let second = log.append(event("a", 2), at(0)).await.unwrap();
    late.changed().await.unwrap();
    assert_eq!(*late.borrow(), second);
    assert_eq!(read(&*log, "a", Some(first)).await, [event("a", 2)]);
}

pub(crate) async fn a_subscriber_sees_every_event_once_while_many_append(log: Shared) {
    const WRITERS: usize = 4;
    const EACH: usize = 50;
    let mut news = log.subscribe(&name("a")).await.unwrap();
    for writer in 0..WRITERS {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for number in 0..EACH {
                log.append(event("a", writer * EACH + number), at(0)).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    let mut seen: Vec<(EventId, Arc<Event>)> = Vec::new();
    while seen.len() < WRITERS * EACH {
        news.borrow_and_update();
        let place = seen.last().map(|(id, _)| *id);
        let batch = log.read_after(&name("a"), place, 3).await.unwrap();
        if batch.is_empty() {
            news.changed().await.unwrap();
        }
        seen.extend(batch);
    }
    assert!(seen.is_sorted_by(|(left, _), (right, _)| left < right));
    let mut names: Vec<_> = seen.iter().map(|(_, event)| event.data()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), WRITERS * EACH);
}
