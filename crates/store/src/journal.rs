//! `Journal`: events and jobs in one database file, so that a restart goes on where the process ended.
//!
//! Unlike the index it is truth: nothing else knows what is in it. An event goes to the file and then to a
//! [`MemoryLog`], under one lock, so that nobody hears of an event that a crash could take back; reads and watchers are
//! served from memory alone. What memory drops for its limits goes from the file too, some at a time.
//!
//! `events` and `jobs` hold the statements; `relay` those of events that several nodes share. To be opened under the lock of the data folder: a second process that
//! appended would give the same ids.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use orbit_model::{Event, EventId, ImageId, JobId, QueuedJob, Slot, ThreadId};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::database::{Database, Layout};
use crate::memory::Dropped;
use crate::{Error, EventLimits, EventLog, JobQueue, MemoryLog, blocking};

mod events;
mod jobs;
pub(crate) mod relay;

static LAYOUT: Layout = Layout {
    name: "the journal",
    schema: include_str!("journal/schema.sql"),
    version: 1,
    is_derived: false,
    if_foreign: "move journal.sqlite* away: images stay, but unfinished jobs and past events are lost",
    if_damaged: "stop, restore journal.sqlite from a backup or move journal.sqlite* away, and start: images stay, but \
                 without it unfinished jobs and past events are lost",
};

/// How many dropped events may stay in the file until they are removed together.
const MAX_SURPLUS: usize = 256;

/// Events and jobs in an SQLite file; clones share its connections.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    database: Database,
    /// What the file retains of events. Pushed to by whoever holds the connection that writes, and by nobody else.
    tail: MemoryLog,
    /// What was dropped from the tail and is still in the file; held for moments, also by those who hold that connection.
    surplus: Mutex<Surplus>,
}

#[derive(Debug, Default)]
struct Surplus {
    /// The last event of each thread that goes.
    through: HashMap<ThreadId, EventId>,
    events: usize,
}

impl Journal {
    /// Opens the journal, or makes a new one, and reads back the events that `limits` let it retain.
    ///
    /// # Errors
    /// [`Error::Invalid`] where another release made the file or it cannot be written; [`Error::Corrupt`] where it is no
    /// database or holds what this release cannot read.
    pub async fn open(path: &Path, limits: EventLimits) -> Result<Self, Error> {
        let path = path.to_owned();
        let database = blocking::run(move || Database::open(&path, &LAYOUT)).await?;
        let restore = move |(forgotten, retained)| MemoryLog::restore(limits, forgotten, retained);
        let (tail, dropped) = database.write(move |db| events::load(db).map(restore)).await?;
        let journal = Self(Arc::new(Parts { database, tail, surplus: Mutex::default() }));
        journal.0.note(dropped);
        Ok(journal)
    }
}

#[async_trait]
impl EventLog for Journal {
    async fn append(&self, event: Event, now: Timestamp) -> Result<EventId, Error> {
        let parts = Arc::clone(&self.0);
        self.0.database.write(move |db| parts.append(db, event, now)).await
    }

    async fn read_after(
        &self,
        thread: &ThreadId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(EventId, Arc<Event>)>, Error> {
        self.0.tail.read_after(thread, after, limit).await
    }

    async fn subscribe(&self, thread: &ThreadId) -> Result<watch::Receiver<EventId>, Error> {
        let (receiver, dropped) = self.0.tail.watch(thread);
        self.0.note(dropped);
        Ok(receiver)
    }
}

#[async_trait]
impl JobQueue for Journal {
    async fn add(&self, job: &QueuedJob) -> Result<(), Error> {
        let job = job.clone();
        self.0.database.write(move |db| jobs::add(db, job)).await
    }

    async fn set(&self, job: &JobId, index: usize, slot: &Slot) -> Result<(), Error> {
        let (job, slot) = (job.clone(), slot.clone());
        self.0.database.write(move |db| jobs::set(db, &job, index, &slot)).await
    }

    async fn get(&self, job: &JobId) -> Result<Option<QueuedJob>, Error> {
        let job = job.clone();
        self.0.database.read(move |db| jobs::get(db, &job)).await
    }

    async fn find_image(&self, id: &ImageId) -> Result<Option<(JobId, usize)>, Error> {
        let id = id.clone();
        self.0.database.read(move |db| jobs::find_image(db, &id)).await
    }

    async fn unfinished(&self) -> Result<Vec<QueuedJob>, Error> {
        self.0.database.read(jobs::unfinished).await
    }

    async fn ended(&self, limit: usize) -> Result<Vec<QueuedJob>, Error> {
        self.0.database.read(move |db| jobs::ended(db, limit)).await
    }

    async fn trim(&self, keep: usize) -> Result<u64, Error> {
        self.0.database.write(move |db| jobs::trim(db, keep)).await
    }
}

impl Parts {
    /// 1. the file, 2. memory, which wakes the watchers, 3. away with what that dropped, once it is worth a commit.
    fn append(&self, db: &mut Connection, event: Event, now: Timestamp) -> Result<EventId, Error> {
        let (id, _unforgotten) = self.tail.next_id(event.thread_id(), now);
        events::insert(db, id, &event)?;
        self.note(self.tail.push(id, event));
        self.drop_surplus(db);
        Ok(id)
    }

    /// Removes what memory has dropped, once it is worth a commit.
    fn drop_surplus(&self, db: &mut Connection) {
        if let Some(surplus) = self.take_surplus() {
            // What was appended stands whatever comes of this: what stays in the file is dropped again at the next start.
            let _ = events::remove(db, &surplus.through);
        }
    }

    fn note(&self, dropped: Vec<Dropped>) {
        if dropped.is_empty() {
            return;
        }
        let mut surplus = self.surplus.lock();
        for Dropped { thread, through, events } in dropped {
            surplus.events += events;
            if events > 0 {
                // Ids of a thread only grow, and so does what is dropped.
                surplus.through.insert(thread, through);
            }
        }
    }

    fn take_surplus(&self) -> Option<Surplus> {
        let mut surplus = self.surplus.lock();
        (surplus.events >= MAX_SURPLUS).then(|| std::mem::take(&mut *surplus))
    }
}

/// Names an error of SQLite.
fn fault(error: rusqlite::Error) -> Error {
    LAYOUT.fault(error)
}

/// What is in the file, and is none of what this release writes.
fn damaged(what: &str, reason: &str) -> Error {
    Error::corrupt(LAYOUT.name, format!("{what} cannot be read: {reason}; {}", LAYOUT.if_damaged))
}

#[cfg(test)]
mod tests;
