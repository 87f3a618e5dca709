//! `MemoryLog`: the event log in memory, bounded in every direction.
//!
//! A thread keeps its last events. When there are too many threads or events in all, the threads that nobody watches
//! are forgotten whole, the one that was used longest ago first. Ids stay greater than all before even then.
//! It is lost with the process: clients that come back read lists. [`Journal`](crate::Journal) reads from one too, and keeps
//! in a file what it holds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use orbit_model::{Event, EventId, ThreadId};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Error, EventLog};

/// How much a [`MemoryLog`] retains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimits {
    /// Events of one thread; older ones are dropped.
    pub max_events_per_thread: usize,
    /// Threads; those that are watched may be more.
    pub max_threads: usize,
    /// Events of all threads together; those of threads that are watched may be more.
    pub max_events: usize,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { max_events_per_thread: 1_000, max_threads: 10_000, max_events: 100_000 }
    }
}

/// The last events of the threads that were used last.
#[derive(Debug, Default)]
pub struct MemoryLog {
    limits: EventLimits,
    /// Held for one call and never over an await. A watcher is woken under it, so that the value it sees is never
    /// ahead of the events.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    threads: HashMap<ThreadId, Thread>,
    /// Every thread under the number of its last use; the first was used longest ago.
    order: BTreeMap<u64, ThreadId>,
    uses: u64,
    /// How many events all threads have.
    events: usize,
    /// Greater than or equal to the last id of every thread that was forgotten.
    forgotten: EventId,
}

#[derive(Debug)]
struct Thread {
    events: VecDeque<(EventId, Arc<Event>)>,
    /// Its value is the last id.
    news: watch::Sender<EventId>,
    last_use: u64,
}

/// Events that were dropped: all of a thread up to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) thread: ThreadId,
    pub(crate) through: EventId,
    pub(crate) events: usize,
}

impl MemoryLog {
    /// An empty log that retains no more than `limits` say.
    #[must_use]
    pub fn new(limits: EventLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// A log of events that were retained before, in the order in which they were appended; `forgotten` is greater than
    /// or equal to every id that was not. Tells what is dropped of them.
    ///
    /// No thread is forgotten yet: those who watched have the time to come back.
    pub(crate) fn restore(
        limits: EventLimits,
        forgotten: EventId,
        events: Vec<(EventId, Event)>,
    ) -> (Self, Vec<Dropped>) {
        let mut state = State { forgotten, ..State::default() };
        let dropped = events.into_iter().filter_map(|(id, event)| state.push(&limits, id, event)).collect();
        (Self { limits, state: Mutex::new(state) }, dropped)
    }

    /// The id of the thread's next event; while the receiver lives, the thread is not forgotten and the id stays good
    /// unless something is pushed.
    pub(crate) fn next_id(&self, thread: &ThreadId, now: Timestamp) -> (EventId, watch::Receiver<EventId>) {
        let mut state = self.state.lock();
        let thread = state.touch(thread);
        (thread.next_id(now), thread.news.subscribe())
    }

    /// Adds an event under the id that [`MemoryLog::next_id`] gave, and tells what was dropped for it.
    pub(crate) fn push(&self, id: EventId, event: Event) -> Vec<Dropped> {
        let mut state = self.state.lock();
        let mut dropped: Vec<_> = state.push(&self.limits, id, event).into_iter().collect();
        state.shrink(&self.limits, &mut dropped);
        dropped
    }

    /// All events, in no order between threads.
    pub(crate) fn retained(&self) -> Vec<Arc<Event>> {
        let state = self.state.lock();
        state.threads.values().flat_map(|thread| thread.events.iter().map(|(_, event)| Arc::clone(event))).collect()
    }

    /// Watches a thread, and tells what was dropped for it.
    pub(crate) fn watch(&self, thread: &ThreadId) -> (watch::Receiver<EventId>, Vec<Dropped>) {
        let mut state = self.state.lock();
        let receiver = state.touch(thread).news.subscribe();
        let mut dropped = Vec::new();
        state.shrink(&self.limits, &mut dropped);
        (receiver, dropped)
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, event: Event, now: Timestamp) -> Result<EventId, Error> {
        let mut state = self.state.lock();
        let id = state.touch(event.thread_id()).next_id(now);
        state.push(&self.limits, id, event);
        state.shrink(&self.limits, &mut Vec::new());
        Ok(id)
    }

    async fn read_after(
        &self,
        thread: &ThreadId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(EventId, Arc<Event>)>, Error> {
        let state = self.state.lock();
        let Some(thread) = state.threads.get(thread) else { return Ok(Vec::new()) };
        let start = thread.events.partition_point(|(id, _)| after.is_some_and(|after| *id <= after));
        Ok(thread.events.iter().skip(start).take(limit).cloned().collect())
    }

    async fn subscribe(&self, thread: &ThreadId) -> Result<watch::Receiver<EventId>, Error> {
        Ok(self.watch(thread).0)
    }
}

impl Thread {
    fn next_id(&self, now: Timestamp) -> EventId {
        self.news.borrow().next(u64::try_from(now.as_millisecond()).unwrap_or(0))
    }
}

impl State {
    /// Finds or makes a thread and calls it the one used last.
    fn touch(&mut self, id: &ThreadId) -> &mut Thread {
        self.uses += 1;
        let thread = self.threads.entry(id.clone()).or_insert_with(|| Thread {
            events: VecDeque::new(),
            news: watch::Sender::new(self.forgotten),
            last_use: 0,
        });
        self.order.remove(&thread.last_use);
        self.order.insert(self.uses, id.clone());
        thread.last_use = self.uses;
        thread
    }

    /// Adds an event and wakes who watches; tells of an older one that had to go for it.
    fn push(&mut self, limits: &EventLimits, id: EventId, event: Event) -> Option<Dropped> {
        let name = event.thread_id().clone();
        let thread = self.touch(&name);
        thread.events.push_back((id, Arc::new(event)));
        let full = thread.events.len() > limits.max_events_per_thread;
        let oldest = if full { thread.events.pop_front() } else { None };
        thread.news.send_replace(id);
        self.events += usize::from(!full);
        oldest.map(|(through, _)| Dropped { thread: name, through, events: 1 })
    }

    /// Forgets threads until the limits hold or only threads that are watched are left.
    fn shrink(&mut self, limits: &EventLimits, dropped: &mut Vec<Dropped>) {
        // Each thread is looked at once at the most: one that is watched counts as used now and moves to the end.
        for _ in 0..self.order.len() {
            if self.threads.len() <= limits.max_threads && self.events <= limits.max_events {
                return;
            }
            let Some((_, id)) = self.order.pop_first() else { return };
            let Some(thread) = self.threads.get_mut(&id) else { continue };
            if thread.news.receiver_count() > 0 {
                self.uses += 1;
                thread.last_use = self.uses;
                self.order.insert(self.uses, id);
                continue;
            }
            let (events, through) = (thread.events.len(), *thread.news.borrow());
            self.events -= events;
            self.forgotten = self.forgotten.max(through);
            self.threads.remove(&id);
            dropped.push(Dropped { thread: id, through, events });
        }
    }
}

#[cfg(test)]
mod tests;
