//! `SharedEvents`: the event log of several nodes. One stream in Redis, which every node follows into its own [`Journal`].
//!
//! 1. An event is added to the stream and gets the id that all nodes know it by.
//! 2. Each node, the one that added it too, takes in what comes in the stream's order ([`SharedEvents::follow`]): journal first, then
//!    whoever listens. Reads and subscribers are served from there, so a place in a thread means the same at every node.
//! 3. Without Redis an event is told here at once and noted as unsent, in one transaction. When Redis is back, what is unsent is added
//!    to the stream first; until then nothing overtakes it.
//! 4. Every event has a mark ([`mark`]), so that none is told twice at a node, though it was added twice or comes back
//!    as an echo.
//!
//! A stream that was flushed, or that lost its end in a failover, is noticed within a second: this node adds again what it added in
//! the last ten seconds, under its old id where that is still to be had, and [`Signal::Flushed`] tells those who keep other things there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use orbit_model::{Event, EventId, JobId, ThreadId};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, timeout};

use super::Connection;
use super::mark::{self, Known};
use super::stream::{self, Entry};
use crate::journal::relay::Incoming;
use crate::{Error, EventLog, Journal};

/// How long an append waits until its own node has taken the event in.
const ECHO_TIME: Duration = Duration::from_secs(1);
/// How long to wait before the stream is followed again.
const RETRY: Duration = Duration::from_millis(200);
/// How often it is looked whether the stream is still the same.
const LOOK: Duration = Duration::from_secs(1);
/// How long an event is added again if the stream is lost.
const AGAIN: Duration = Duration::from_secs(10);
/// How many events at the most are.
const MAX_AGAIN: usize = 2_000;
/// How many unsent events are sent at a time.
const BATCH: usize = 200;
/// How many signals a slow listener may be behind before it looks at everything.
const SIGNALS: usize = 1_024;

/// News that nodes have for each other beside events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A job waits to be taken.
    Offered,
    /// A job is to be cancelled, by whoever runs it.
    Cancelled(JobId),
    /// Redis has forgotten what it knew.
    Flushed,
}

/// The events of all nodes; clones share one log.
#[derive(Debug, Clone)]
pub struct SharedEvents(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    journal: Journal,
    connection: Connection,
    node: String,
    /// What was told here; held for moments. Whoever inserts a mark tells its event, so that nobody else does.
    known: Mutex<Known>,
    /// How many events are told here and not sent: while there are any, others wait behind them.
    unsent: AtomicUsize,
    /// What this node has added to the stream lately.
    again: Mutex<VecDeque<Added>>,
    /// Makes marks of this run, which differ from those of any other.
    counter: AtomicU64,
    run: String,
    /// What the stream was known by when it was looked at last.
    epoch: Mutex<Option<String>>,
    /// The last entry of the stream that was taken in.
    place: watch::Sender<EventId>,
    signals: broadcast::Sender<Signal>,
}

/// An event that this node has added to the stream.
#[derive(Debug, Clone)]
struct Added {
    at: Instant,
    id: EventId,
    mark: String,
    json: String,
}

impl SharedEvents {
    /// The log of a node with this journal. It asks Redis for nothing yet.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn open(journal: Journal, connection: Connection) -> Result<Self, Error> {
        let membership = journal.join().await?;
        let mut known = Known::default();
        for event in journal.retained() {
            if let Some(mark) = mark::of_end(&event) {
                known.insert(&mark);
            }
        }
        for mark in &membership.unsent {
            known.insert(mark);
        }
        // Not of the clock, which may go back: the marks of two runs would be the same.
        let run = format!("{}-{:016x}", membership.node, getrandom::u64().map_err(Error::internal)?);
        Ok(Self(Arc::new(Parts {
            journal,
            connection,
            node: membership.node,
            known: Mutex::new(known),
            unsent: AtomicUsize::new(membership.unsent.len()),
            again: Mutex::default(),
            counter: AtomicU64::new(0),
            run,
            epoch: Mutex::default(),
            place: watch::Sender::new(membership.place),
            signals: broadcast::Sender::new(SIGNALS),
        })))
    }

    /// The name of this node, which stays the same as long as its journal.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// How many events this node has told that others do not know of yet.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.0.unsent.load(Ordering::SeqCst)
    }

    /// What nodes signal to each other, this one's own signals included, as long as [`SharedEvents::follow`] runs.
    #[must_use]
    pub fn signals(&self) -> broadcast::Receiver<Signal> {
        self.0.signals.subscribe()
    }

    /// Signals something to all nodes; in an outage it is lost, so whoever waits for a signal looks from time to time too.
    pub async fn signal(&self, signal: &Signal) {
        if let Some(text) = stream::write(signal) {
            let _ = stream::add(&self.0.connection, "*", &[("s", &text)]).await;
        }
    }

    /// Follows the stream for as long as it is polled. To be run once.
    pub async fn follow(&self) {
        loop {
            // Whatever ended it, it goes on behind what was taken in.
            let _ = self.0.follow().await;
            sleep(RETRY).await;
            self.0.connection.up().await;
        }
    }
}

#[async_trait]
impl EventLog for SharedEvents {
    async fn append(&self, event: Event, now: Timestamp) -> Result<EventId, Error> {
        self.0.append(event, now).await
    }

    async fn read_after(
        &self,
        thread: &ThreadId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(EventId, Arc<Event>)>, Error> {
        self.0.journal.read_after(thread, after, limit).await
    }

    async fn subscribe(&self, thread: &ThreadId) -> Result<watch::Receiver<EventId>, Error> {
        self.0.journal.subscribe(thread).await
    }

    async fn catch_up(&self) {
        if let Ok(Some(last)) = self.0.last_id().await {
            self.0.wait_for(last).await;
        }
    }
}

impl Parts {
    async fn append(&self, event: Event, now: Timestamp) -> Result<EventId, Error> {
        let mark = mark::of_end(&event).unwrap_or_else(|| self.own_mark());
        if self.known.lock().contains(&mark) {
            return self.last_of(event.thread_id()).await;
        }
        let json = serde_json::to_string(&event).map_err(Error::internal)?;
        if self.unsent.load(Ordering::SeqCst) == 0
            && let Ok(id) = self.add("*", &mark, &json).await
        {
            self.remember(id, mark, json);
            self.wait_for(id).await;
            return Ok(id);
        }
        // If it was added all the same, and only the answer was lost, it comes as an echo.
        if !self.known.lock().insert(&mark) {
            return self.last_of(event.thread_id()).await;
        }
        self.unsent.fetch_add(1, Ordering::SeqCst);
        let told = self.journal.append_unsent(mark.clone(), event, now).await;
        if told.is_err() {
            self.unsent.fetch_sub(1, Ordering::SeqCst);
            self.known.lock().remove(&mark);
        }
        told
    }

    fn own_mark(&self) -> String {
        format!("{}-{}", self.run, self.counter.fetch_add(1, Ordering::Relaxed))
    }

    async fn last_of(&self, thread: &ThreadId) -> Result<EventId, Error> {
        Ok(*self.journal.subscribe(thread).await?.borrow())
    }

    /// Adds an event to the stream, under an id of its own or under the next (`*`).
    async fn add(&self, id: &str, mark: &str, json: &str) -> Result<EventId, Error> {
        stream::add(&self.connection, id, &[("m", mark), ("e", json)]).await
    }

    fn remember(&self, id: EventId, mark: String, json: String) {
        let mut again = self.again.lock();
        again.push_back(Added { at: Instant::now(), id, mark, json });
        while again.len() > MAX_AGAIN || again.front().is_some_and(|added| added.at.elapsed() > AGAIN) {
            again.pop_front();
        }
    }

    /// Waits until an entry of the stream was taken in, for a moment: it will be.
    async fn wait_for(&self, id: EventId) {
        let mut place = self.place.subscribe();
        let _ = timeout(ECHO_TIME, place.wait_for(|place| *place >= id)).await;
    }

    async fn last_id(&self) -> Result<Option<EventId>, Error> {
        stream::last_id(&self.connection).await
    }

    async fn follow(&self) -> Result<(), Error> {
        let mut listener = self.connection.listener();
        let mut looked = None::<Instant>;
        // At first what is there already, without waiting for more.
        let mut waits = false;
        loop {
            let place = *self.place.borrow();
            let (entries, is_full) = stream::read(&mut listener, place, waits).await?;
            self.take_in(entries).await?;
            waits = !is_full;
            if is_full {
                continue;
            }
            if looked.is_none_or(|at| at.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                if self.is_lost().await? {
                    if let Err(error) = self.begin_again().await {
                        // It is looked again: else what was not added any more would be lost.
                        *self.epoch.lock() = Some(String::new());
                        return Err(error);
                    }
                    waits = false;
                    continue;
                }
            }
            self.send_unsent().await?;
        }
    }

    /// Takes in entries of the stream: each event that this node has not told, then the signals.
    async fn take_in(&self, entries: Vec<Entry>) -> Result<(), Error> {
        let Some(place) = entries.last().map(|entry| entry.id) else { return Ok(()) };
        let (mut incoming, mut marks, mut signals) = (Vec::new(), Vec::new(), Vec::new());
        for Entry { id, fields } in entries {
            signals.extend(fields.get("s").and_then(|text| stream::read_signal(text)));
            let (Some(mark), Some(json)) = (fields.get("m"), fields.get("e")) else { continue };
            // What a later release writes and this one cannot read is passed over.
            let Ok(event) = serde_json::from_str(json) else { continue };
            if self.known.lock().insert(mark) {
                marks.push(mark.clone());
                incoming.push(Incoming { id, event });
            }
        }
        if let Err(error) = self.journal.take_in(incoming, place).await {
            let mut known = self.known.lock();
            marks.iter().for_each(|mark| known.remove(mark));
            return Err(error);
        }
        self.place.send_replace(place);
        signals.into_iter().for_each(|signal| drop(self.signals.send(signal)));
        Ok(())
    }

    /// Whether the stream is another than the one that was followed, or has lost its end.
    async fn is_lost(&self) -> Result<bool, Error> {
        let now = stream::epoch(&self.connection, &self.own_mark()).await?;
        let before = self.epoch.lock().replace(now.clone());
        let is_other = before.is_some_and(|before| before != now);
        let last = self.last_id().await?.unwrap_or_default();
        Ok(is_other || last < *self.place.borrow())
    }

    /// Follows a new stream from its beginning, and adds to it what may have been lost with the old one.
    async fn begin_again(&self) -> Result<(), Error> {
        self.place.send_replace(EventId::default());
        let _ = self.signals.send(Signal::Flushed);
        let again: Vec<_> = self.again.lock().iter().cloned().collect();
        for Added { at, id, mark, json } in again {
            if at.elapsed() < AGAIN {
                self.add(&id.to_string(), &mark, &json).await?;
            }
        }
        Ok(())
    }

    /// Adds to the stream what was told here in an outage: under the id that it has here, if that is still to be had.
    async fn send_unsent(&self) -> Result<(), Error> {
        while self.unsent.load(Ordering::SeqCst) > 0 {
            let events = self.journal.unsent(BATCH).await?;
            let Some(last) = events.last().map(|event| event.number) else { return Ok(()) };
            for event in events {
                let id = self.add(&event.id.to_string(), &event.mark, &event.json).await?;
                self.remember(id, event.mark, event.json);
            }
            let sent = self.journal.sent(last).await?;
            self.unsent.fetch_sub(sent, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
