//! `PurgeJournal`: the log of one origin, in an SQLite file of its own.
//!
//! A purge goes to the file, synced, and then to memory, from which all questions are answered. Fills are told and forgotten: they
//! are in memory alone. Edges are in the file by name, so that an origin that restarts knows whose lease may still run; how far
//! each has come it hears from themselves.
//!
//! To be opened under the lock of the data folder: a second process that appended would give the same places.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orbit_model::{EventId, Notice, Position};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::watch;
use tokio::time::Instant;

use super::register::Register;
use super::{Appended, Attendance, Attending, Follower, PurgeLog, Reading};
use crate::database::{Database, Layout};
use crate::{Error, blocking};

static LAYOUT: Layout = Layout {
    name: "the log of purges",
    schema: include_str!("schema.sql"),
    version: 1,
    is_derived: true,
    if_foreign: "move purges.sqlite* away: edges then ask about all that they hold",
    if_damaged: "stop, move purges.sqlite* away, and start once the leases of all edges have run out: they then ask about all that they hold",
};

/// Purges in an SQLite file; clones share its connections.
#[derive(Debug, Clone)]
pub struct PurgeJournal(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    database: Database,
    /// Pushed to by whoever holds the connection that writes; held for moments, never over an await.
    register: Mutex<Register>,
    news: watch::Sender<u64>,
}

/// What the file holds.
struct Stored {
    epoch: u64,
    before: u64,
    purges: Vec<(EventId, Notice)>,
    edges: Vec<(Follower, Duration)>,
}

impl PurgeJournal {
    /// Opens the log, or begins a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a later release made the file or it cannot be written; [`Error::Corrupt`] where it is damaged.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let database = blocking::run(move || Database::open(&path, &LAYOUT)).await?;
        let stored = database.write(load).await?;
        let now = Instant::now();
        let from = EventId { millis: stored.before, sequence: 0 };
        let mut register = Register::new(stored.epoch, from, stored.purges, now);
        for (follower, lease) in stored.edges {
            register.restore(follower, lease, now);
        }
        let register = Mutex::new(register);
        Ok(Self(Arc::new(Parts { database, register, news: watch::Sender::default() })))
    }
}

#[cfg(test)]
impl PurgeJournal {
    /// Forgets what a full log forgets.
    pub(super) async fn forget_through(&self, place: EventId) {
        self.0.register.lock().forget_through(place);
        self.0.database.write(move |db| forget(db, place.millis)).await.unwrap();
    }
}

impl Parts {
    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// 1. the file, 2. memory, 3. away with what is not retained.
    fn append_purge(&self, db: &mut Connection, notice: Notice) -> Result<Position, Error> {
        let place = self.register.lock().next_purge();
        let Notice::Purge(request) = &notice else { return Ok(self.register.lock().end()) };
        let json = serde_json::to_string(request).map_err(Error::internal)?;
        LAYOUT.synced(db, |db| {
            // A commit that failed may be there all the same: then it is this one's place, and nobody has read it.
            db.prepare_cached("INSERT OR REPLACE INTO purges (number, request) VALUES (?1, ?2)")
                .and_then(|mut insert| insert.execute(params![place.millis, json]))
                .map_err(fault)
        })?;
        let forgotten = self.register.lock().push(place, notice, Instant::now());
        if let Some(forgotten) = forgotten {
            // The purge stands whatever comes of this: what stays in the file is forgotten again at the next start.
            let _ = forget(db, forgotten.millis);
        }
        Ok(Position { epoch: self.register.lock().end().epoch, place })
    }
}

#[async_trait]
impl PurgeLog for PurgeJournal {
    async fn append(&self, notice: Notice) -> Result<Appended, Error> {
        if matches!(notice, Notice::Fill(_)) {
            let mut register = self.0.register.lock();
            let place = register.next_fill();
            register.push(place, notice, Instant::now());
            let position = register.end();
            drop(register);
            self.0.tell();
            return Ok(Appended::At(position));
        }
        let parts = Arc::clone(&self.0);
        let position = self.0.database.write(move |db| parts.append_purge(db, notice)).await?;
        self.0.tell();
        Ok(Appended::At(position))
    }

    async fn read_after(&self, after: Option<Position>, limit: usize) -> Result<Reading, Error> {
        Ok(self.0.register.lock().read_after(after, limit, Instant::now()))
    }

    async fn attend(&self, follower: &Follower, attendance: Attendance) -> Result<(), Error> {
        let parts = Arc::clone(&self.0);
        let lease = attendance.lease.unwrap_or_default();
        let is_known = parts.register.lock().knows(follower, lease);
        if !is_known {
            // In the file before it has a lease: a restart must know of it.
            let follower = follower.clone();
            self.0.database.write(move |db| enter(db, &follower, lease)).await?;
        }
        parts.register.lock().attend(follower, attendance, Instant::now());
        self.0.tell();
        Ok(())
    }

    async fn leave(&self, follower: &Follower) -> Result<(), Error> {
        self.0.register.lock().leave(follower);
        self.0.tell();
        let follower = follower.clone();
        self.0.database.write(move |db| strike(db, &[follower])).await
    }

    async fn edges(&self) -> Result<Vec<Attending>, Error> {
        let (gone, edges) = {
            let now = Instant::now();
            let mut register = self.0.register.lock();
            (register.forget(now), register.edges(now))
        };
        if !gone.is_empty() {
            self.0.database.write(move |db| strike(db, &gone)).await?;
        }
        Ok(edges)
    }

    async fn unknown_leases(&self) -> Result<Duration, Error> {
        Ok(Duration::ZERO)
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }
}

/// Reads all, and draws an epoch where there is none.
fn load(db: &mut Connection) -> Result<Stored, Error> {
    let head = db
        .query_row("SELECT epoch, before FROM log", [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?)))
        .optional()
        .map_err(fault)?;
    let (epoch, before) = match head {
        Some(head) => head,
        None => {
            let drawn: i64 = db.query_row("SELECT random()", [], |row| row.get(0)).map_err(fault)?;
            LAYOUT.synced(db, |db| {
                db.execute("INSERT INTO log (epoch, before) VALUES (?1, 0)", [drawn]).map_err(fault)
            })?;
            (drawn, 0)
        }
    };
    let mut select = db.prepare("SELECT number, request FROM purges ORDER BY number").map_err(fault)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(fault)?;
    let purges = rows.map(|row| {
        let (millis, json) = row.map_err(fault)?;
        let request = serde_json::from_str(&json)
            .map_err(|error| Error::corrupt(LAYOUT.name, format!("a purge: {error}; {}", LAYOUT.if_damaged)))?;
        Ok((EventId { millis, sequence: 0 }, Notice::Purge(request)))
    });
    let purges = purges.collect::<Result<Vec<_>, Error>>()?;
    let mut select = db.prepare("SELECT name, session, lease_ms FROM edges").map_err(fault)?;
    let edge = |row: &rusqlite::Row<'_>| {
        let follower = Follower { name: row.get(0)?, session: row.get(1)? };
        Ok((follower, Duration::from_millis(row.get(2)?)))
    };
    let edges = select.query_map([], edge).and_then(Iterator::collect).map_err(fault)?;
    Ok(Stored { epoch: epoch.cast_unsigned(), before, purges, edges })
}

/// Removes the purges up to a number.
fn forget(db: &mut Connection, number: u64) -> Result<(), Error> {
    let mut work = || {
        let transaction = db.transaction()?;
        transaction.execute("UPDATE log SET before = ?1", [number])?;
        transaction.execute("DELETE FROM purges WHERE number <= ?1", [number])?;
        transaction.commit()
    };
    work().map_err(fault)
}

/// Enters an edge.
fn enter(db: &mut Connection, follower: &Follower, lease: Duration) -> Result<(), Error> {
    let lease = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX >> 1);
    let insert = "INSERT INTO edges (name, session, lease_ms) VALUES (?1, ?2, ?3)
                  ON CONFLICT DO UPDATE SET lease_ms = max(lease_ms, excluded.lease_ms)";
    let values = params![follower.name, follower.session, lease];
    LAYOUT.synced(db, |db| db.execute(insert, values).map(drop).map_err(fault))
}

/// Strikes edges out.
fn strike(db: &mut Connection, followers: &[Follower]) -> Result<(), Error> {
    let mut work = || {
        let transaction = db.transaction()?;
        for Follower { name, session } in followers {
            transaction.execute("DELETE FROM edges WHERE name = ?1 AND session = ?2", [name, session])?;
        }
        transaction.commit()
    };
    work().map_err(fault)
}

fn fault(error: rusqlite::Error) -> Error {
    LAYOUT.fault(error)
}
