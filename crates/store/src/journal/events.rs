//! The statements of events, with plain blocking calls.

use std::collections::HashMap;

use orbit_model::{Event, EventId, ThreadId};
use rusqlite::{Connection, params};

use super::{damaged, fault};
use crate::Error;

/// Adds an event; it survives the process as soon as this returns.
pub(super) fn insert(db: &Connection, id: EventId, event: &Event) -> Result<(), Error> {
    let json = serde_json::to_string(event).map_err(Error::internal)?;
    db.prepare_cached("INSERT INTO events (thread_id, millis, sequence, event) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut insert| insert.execute(params![event.thread_id().as_str(), id.millis, id.sequence, json]))
        .map(|_| ())
        .map_err(fault)
}

/// Removes each thread's events up to one.
pub(super) fn remove(db: &mut Connection, through: &HashMap<ThreadId, EventId>) -> Result<(), Error> {
    let delete = "DELETE FROM events WHERE thread_id = ?1 AND (millis, sequence) <= (?2, ?3)";
    let remember = "UPDATE removed SET millis = ?1, sequence = ?2 WHERE (millis, sequence) < (?1, ?2)";
    let mut work = || {
        let transaction = db.transaction()?;
        for (thread, id) in through {
            transaction.prepare_cached(delete)?.execute(params![thread.as_str(), id.millis, id.sequence])?;
            transaction.prepare_cached(remember)?.execute(params![id.millis, id.sequence])?;
        }
        transaction.commit()
    };
    work().map_err(fault)
}

/// Reads all events in the order in which they were appended, and an id greater than or equal to all that were removed.
pub(super) fn load(db: &Connection) -> Result<(EventId, Vec<(EventId, Event)>), Error> {
    let removed = db
        .query_row("SELECT millis, sequence FROM removed", [], |row| {
            Ok(EventId { millis: row.get(0)?, sequence: row.get(1)? })
        })
        .map_err(fault)?;
    let mut select = db.prepare("SELECT millis, sequence, event FROM events ORDER BY number").map_err(fault)?;
    let rows = select
        .query_map([], |row| Ok((EventId { millis: row.get(0)?, sequence: row.get(1)? }, row.get::<_, String>(2)?)))
        .map_err(fault)?;
    let events = rows.map(|row| {
        let (id, json) = row.map_err(fault)?;
        let event = serde_json::from_str(&json).map_err(|error| damaged("an event", &error.to_string()))?;
        Ok((id, event))
    });
    Ok((removed, events.collect::<Result<_, Error>>()?))
}
