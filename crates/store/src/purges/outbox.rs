//! `Outbox`: purges that could not be told to other nodes yet, in a file, so that a restart does not forget them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orbit_model::PurgeRequest;
use rusqlite::OptionalExtension as _;

use crate::database::{Database, Layout};
use crate::{Error, blocking};

static LAYOUT: Layout = Layout {
    name: "the outbox of purges",
    schema: "CREATE TABLE purges (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL) STRICT;
             PRAGMA user_version = 1;",
    version: 1,
    is_derived: false,
    if_foreign: "move purge-outbox.sqlite* away and purge everything softly: what is in it was not told to all edges",
    if_damaged: "stop, move purge-outbox.sqlite* away, start, and purge everything softly: what is in it was not told to all edges",
};

/// Purges that wait, in an SQLite file; clones share its connections.
#[derive(Debug, Clone)]
pub struct Outbox {
    database: Database,
    waiting: Arc<AtomicU64>,
}

impl Outbox {
    /// Opens the file, or makes a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] where another release made the file or it cannot be written; [`Error::Corrupt`] where it is damaged.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let database = blocking::run(move || Database::open(&path, &LAYOUT)).await?;
        let count = |db: &rusqlite::Connection| {
            db.query_row("SELECT count(*) FROM purges", [], |row| row.get(0)).map_err(fault)
        };
        let waiting = Arc::new(AtomicU64::new(database.read(count).await?));
        Ok(Self { database, waiting })
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// Keeps a purge; it survives a power cut once this returns.
    pub(crate) async fn add(&self, purge: &PurgeRequest) -> Result<(), Error> {
        let json = serde_json::to_string(purge).map_err(Error::internal)?;
        // Before it is there: no lease is to be lent in between.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let insert = move |db: &mut rusqlite::Connection| {
            let insert = |db: &mut rusqlite::Connection| db.execute("INSERT INTO purges (request) VALUES (?1)", [json]);
            LAYOUT.synced(db, |db| insert(db).map(drop).map_err(fault))
        };
        let added = self.database.write(insert).await;
        if added.is_err() {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        added
    }

    /// The purge that has waited longest.
    pub(crate) async fn first(&self) -> Result<Option<(i64, PurgeRequest)>, Error> {
        let select = |db: &rusqlite::Connection| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
            db.query_row("SELECT number, request FROM purges ORDER BY number LIMIT 1", [], row)
                .optional()
                .map_err(fault)
        };
        let Some((number, json)) = self.database.read(select).await? else { return Ok(None) };
        let purge = serde_json::from_str(&json)
            .map_err(|error| Error::corrupt(LAYOUT.name, format!("a purge: {error}; {}", LAYOUT.if_damaged)))?;
        Ok(Some((number, purge)))
    }

    /// Lets go of one that was told.
    pub(crate) async fn remove(&self, number: i64) -> Result<(), Error> {
        let delete = move |db: &mut rusqlite::Connection| {
            db.execute("DELETE FROM purges WHERE number = ?1", [number]).map_err(fault)
        };
        let removed = self.database.write(delete).await?;
        self.waiting.fetch_sub(removed as u64, Ordering::SeqCst);
        Ok(())
    }
}

fn fault(error: rusqlite::Error) -> Error {
    LAYOUT.fault(error)
}
