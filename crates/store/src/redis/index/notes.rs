//! `Notes`: what a node owes to the index that it shares, in a file of its own, so that neither an outage nor a crash loses it.
//!
//! An intent is synced before the files of an image change, and goes when the index has been told: what is left after a crash, or
//! while Redis is away, is told again.

use std::path::Path;

use orbit_model::ImageId;
use rusqlite::Connection;

use crate::database::{Database, Layout};
use crate::{Error, blocking};

static LAYOUT: Layout = Layout {
    name: "the notes of the index",
    schema: include_str!("notes.sql"),
    version: 1,
    is_derived: false,
    if_foreign: "remove owed.sqlite* and run `orbit reindex`",
    if_damaged: "stop, remove owed.sqlite*, start, and run `orbit reindex`",
};

/// Notes in an SQLite file.
#[derive(Debug)]
pub(super) struct Notes {
    database: Database,
    /// This node's name in the index.
    pub(super) node: String,
}

/// How much of this node's changes the index has confirmed: it must never know of less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The rebuild from which it is counted.
    pub(super) era: String,
    pub(super) count: u64,
}

impl Notes {
    pub(super) async fn open(path: &Path) -> Result<(Self, Told), Error> {
        let path = path.to_owned();
        let database = blocking::run(move || Database::open(&path, &LAYOUT)).await?;
        let name = format!("{:016x}", getrandom::u64().map_err(Error::internal)?);
        let (node, told) = database.write(move |db| this_node(db, &name)).await?;
        Ok((Self { database, node }, told))
    }

    pub(super) async fn intend(&self, id: &ImageId) -> Result<(), Error> {
        let id = id.clone();
        let intend = "INSERT OR IGNORE INTO intents (id) VALUES (?1)";
        let insert = move |db: &mut Connection| db.execute(intend, [id.as_str()]).map(|_| ()).map_err(fault);
        self.database.write(move |db| LAYOUT.synced(db, insert)).await
    }

    /// The index was told of an image.
    pub(super) async fn told(&self, id: &ImageId, told: Told) -> Result<(), Error> {
        let id = id.clone();
        let write = move |db: &mut Connection| {
            let transaction = db.transaction()?;
            transaction.prepare_cached("DELETE FROM intents WHERE id = ?1")?.execute([id.as_str()])?;
            let note = "UPDATE node SET told = iif(era = ?1, max(told, ?2), ?2), era = ?1";
            transaction.prepare_cached(note)?.execute((told.era, told.count))?;
            transaction.commit()
        };
        self.database.write(move |db| write(db).map_err(fault)).await
    }

    pub(super) async fn intents(&self) -> Result<Vec<ImageId>, Error> {
        self.database.read(|db| read_intents(db).map_err(fault)?.iter().map(|id| parse(id)).collect()).await
    }
}

fn this_node(db: &mut Connection, name: &str) -> Result<(String, Told), Error> {
    let insert = "INSERT INTO node SELECT ?1, '', 0 WHERE NOT EXISTS (SELECT 1 FROM node)";
    db.execute(insert, [name]).map_err(fault)?;
    db.query_row("SELECT name, era, told FROM node", [], |row| {
        Ok((row.get(0)?, Told { era: row.get(1)?, count: row.get(2)? }))
    })
    .map_err(fault)
}

fn read_intents(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached("SELECT id FROM intents ORDER BY id")?.query_map([], |row| row.get(0))?.collect()
}

fn parse(id: &str) -> Result<ImageId, Error> {
    id.parse()
        .map_err(|error: orbit_model::Error| Error::corrupt(LAYOUT.name, format!("{error}; {}", LAYOUT.if_damaged)))
}

fn fault(error: rusqlite::Error) -> Error {
    LAYOUT.fault(error)
}
