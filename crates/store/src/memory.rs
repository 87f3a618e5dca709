//! `MemoryLog`: the event log in memory, bounded in every direction.
//!
//! A thread keeps its last events. When there are too many threads or events in all, the threads that nobody watches
//! are forgotten whole, the one that was used longest ago first. Ids stay greater than all before even then.
//! It is lost with the process: clients that come back read lists.

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

impl MemoryLog {
    /// An empty log that retains no more than `limits` say.
    #[must_use]
    pub fn new(limits: EventLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, event: Event, now: Timestamp) -> Result<EventId, Error> {
        let mut state = self.state.lock();
        let thread = state.touch(event.thread_id());
        let last = *thread.news.borrow();
        let id = last.next(u64::try_from(now.as_millisecond()).unwrap_or(0));
        thread.events.push_back((id, Arc::new(event)));
        let full = thread.events.len() > self.limits.max_events_per_thread;
        if full {
            thread.events.pop_front();
        }
        thread.news.send_replace(id);
        state.events += usize::from(!full);
        state.shrink(&self.limits);
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
        let mut state = self.state.lock();
        let receiver = state.touch(thread).news.subscribe();
        state.shrink(&self.limits);
        Ok(receiver)
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

    /// Forgets threads until the limits hold or only threads that are watched are left.
    fn shrink(&mut self, limits: &EventLimits) {
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
            self.events -= thread.events.len();
            self.forgotten = self.forgotten.max(*thread.news.borrow());
            self.threads.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
