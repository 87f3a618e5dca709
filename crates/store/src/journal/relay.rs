//! What the journal keeps where several nodes share their events: this node's name, its place among the events of all nodes, and
//! the events that it has told and could not share yet.
//!
//! [`SharedEvents`](crate::redis::SharedEvents) decides what is shared when; here each step is one transaction, so that a crash takes back an
//! event together with what was noted of it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use orbit_model::{Event, EventId, ThreadId};
use rusqlite::{Connection, params};

use super::{Journal, Parts, damaged, events, fault};
use crate::Error;

/// An event of any node, under the id that all nodes agree on.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) id: EventId,
    pub(crate) event: Event,
}

/// An event that was told here and not shared yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unsent {
    /// Its place in the order in which they were told.
    pub(crate) number: i64,
    /// The id under which it was told here.
    pub(crate) id: EventId,
    /// What all nodes know it by.
    pub(crate) mark: String,
    /// The event as JSON.
    pub(crate) json: String,
}

/// Who this node is, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) node: String,
    /// The last event of all nodes that was taken in.
    pub(crate) place: EventId,
    /// What is still to be shared, by mark.
    pub(crate) unsent: Vec<String>,
}

impl Journal {
    /// Begins to share, or goes on where the last run ended.
    pub(crate) async fn join(&self) -> Result<Membership, Error> {
        self.0.database.write(|db| membership(db)).await
    }

    /// Adds events of all nodes and moves the place behind them; one that would stand before what was told here, in an outage, is
    /// told after it.
    pub(crate) async fn take_in(&self, events: Vec<Incoming>, place: EventId) -> Result<(), Error> {
        let parts = Arc::clone(&self.0);
        self.0.database.write(move |db| parts.take_in(db, events, place)).await
    }

    /// Adds an event of this node that it cannot share now.
    pub(crate) async fn append_unsent(&self, mark: String, event: Event, now: Timestamp) -> Result<EventId, Error> {
        let parts = Arc::clone(&self.0);
        self.0.database.write(move |db| parts.append_unsent(db, &mark, event, now)).await
    }

    /// The first `limit` events that are still to be shared.
    pub(crate) async fn unsent(&self, limit: usize) -> Result<Vec<Unsent>, Error> {
        self.0.database.read(move |db| unsent(db, limit)).await
    }

    /// Forgets the events up to one: they are shared.
    pub(crate) async fn sent(&self, through: i64) -> Result<usize, Error> {
        let work = move |db: &mut Connection| db.execute("DELETE FROM unsent WHERE number <= ?1", [through]);
        self.0.database.write(move |db| work(db).map_err(fault)).await
    }

    /// All events that are retained.
    pub(crate) fn retained(&self) -> Vec<Arc<Event>> {
        self.0.tail.retained()
    }
}

impl Parts {
    /// 1. the file, 2. memory, which wakes the watchers, as of any event.
    fn take_in(&self, db: &mut Connection, events: Vec<Incoming>, place: EventId) -> Result<(), Error> {
        let mut last: HashMap<ThreadId, EventId> = HashMap::new();
        // While they live, no thread is forgotten, and with it what its last id was.
        let mut unforgotten = Vec::new();
        let mut numbered = Vec::with_capacity(events.len());
        let transaction = db.transaction().map_err(fault)?;
        for Incoming { id, event } in events {
            let before = last.entry(event.thread_id().clone()).or_insert_with_key(|thread| {
                let watching = self.tail.watch(thread).0;
                let last = *watching.borrow();
                unforgotten.push(watching);
                last
            });
            let id = if id > *before { id } else { before.next(0) };
            *before = id;
            events::insert(&transaction, id, &event)?;
            numbered.push((id, event));
        }
        transaction
            .execute("UPDATE relay SET millis = ?1, sequence = ?2", params![place.millis, place.sequence])
            .map_err(fault)?;
        transaction.commit().map_err(fault)?;
        for (id, event) in numbered {
            self.note(self.tail.push(id, event));
        }
        self.drop_surplus(db);
        Ok(())
    }

    fn append_unsent(&self, db: &mut Connection, mark: &str, event: Event, now: Timestamp) -> Result<EventId, Error> {
        let (id, _unforgotten) = self.tail.next_id(event.thread_id(), now);
        let json = serde_json::to_string(&event).map_err(Error::internal)?;
        let transaction = db.transaction().map_err(fault)?;
        events::insert(&transaction, id, &event)?;
        transaction
            .prepare_cached("INSERT INTO unsent (millis, sequence, mark, event) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut insert| insert.execute(params![id.millis, id.sequence, mark, json]))
            .map_err(fault)?;
        transaction.commit().map_err(fault)?;
        self.note(self.tail.push(id, event));
        self.drop_surplus(db);
        Ok(id)
    }
}

fn membership(db: &Connection) -> Result<Membership, Error> {
    db.execute_batch(include_str!("relay.sql")).map_err(fault)?;
    let (node, place) = db
        .query_row("SELECT node, millis, sequence FROM relay", [], |row| {
            Ok((row.get(0)?, EventId { millis: row.get(1)?, sequence: row.get(2)? }))
        })
        .map_err(fault)?;
    let mut marks = db.prepare("SELECT mark FROM unsent ORDER BY number").map_err(fault)?;
    let unsent = marks.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(fault)?;
    Ok(Membership { node, place, unsent })
}

fn unsent(db: &Connection, limit: usize) -> Result<Vec<Unsent>, Error> {
    let mut select = db
        .prepare_cached("SELECT number, millis, sequence, mark, event FROM unsent ORDER BY number LIMIT ?1")
        .map_err(fault)?;
    let rows = select.query_map([limit as u64], |row| {
        let id = EventId { millis: row.get(1)?, sequence: row.get(2)? };
        Ok(Unsent { number: row.get(0)?, id, mark: row.get(3)?, json: row.get(4)? })
    });
    rows.and_then(Iterator::collect).map_err(|error| damaged("an event that is to be shared", &error.to_string()))
}
