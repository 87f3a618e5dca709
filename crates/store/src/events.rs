//! `EventLog`: what happened in each thread, in order, for whoever asks from some place on.
//!
//! A subscriber holds its own place and reads on from it; what it awaits is only the news that there is more. So a
//! stalled subscriber delays nobody, and none misses or repeats an event that is retained:
//!
//! 1. `subscribe`, and mark the receiver's value as seen with `borrow_and_update`;
//! 2. `read_after` its place until nothing comes;
//! 3. await `changed` and go to 1.
//!
//! Every backend runs the suite in `conformance`.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use orbit_model::{Event, EventId, ThreadId};
use tokio::sync::watch;

use crate::Error;

#[cfg(test)]
pub(crate) mod conformance;

/// The events of threads, the last of them retained.
#[async_trait]
pub trait EventLog: Send + Sync + Debug {
    /// Adds an event to its thread; its id is greater than all before it in that thread, even if the clock goes back.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn append(&self, event: Event, now: Timestamp) -> Result<EventId, Error>;

    /// Reads up to `limit` retained events of a thread past `after`, oldest first; `None` reads from the oldest.
    ///
    /// # Errors
    /// Only those of the backend: an unknown thread has no events.
    async fn read_after(
        &self,
        thread: &ThreadId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(EventId, Arc<Event>)>, Error>;

    /// Watches a thread: the receiver's value is the id of its last event, or one before all that are to come.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn subscribe(&self, thread: &ThreadId) -> Result<watch::Receiver<EventId>, Error>;

    /// Waits a moment until what any node has appended before this call can be read here; where nobody else appends, or they
    /// cannot be reached, it can already.
    async fn catch_up(&self) {}
}
