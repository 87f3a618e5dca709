//! `Database`: one SQLite file, opened, checked and used from blocking threads.
//!
//! One connection writes, behind a lock; readers take a connection each from a small pool and, thanks to the
//! write-ahead log, wait for nobody. What is in the file is the business of `sqlite` and `journal`, each with a
//! [`Layout`] and statements of its own.
//!
//! Commits survive the process, but are not synced one by one: [`Layout::synced`] is for those that must survive a power
//! cut, and takes all before it along.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::{Error, blocking};

/// How many connections are kept for readers; more are opened while a crowd reads, and closed after.
const IDLE_READERS: usize = 4;
/// How long to wait for a lock of another process, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many pages of 4 KiB the log may grow by before they move to the file: each such move syncs, which would set the
/// pace of a rebuild.
const PAGES_PER_CHECKPOINT: i64 = 4_000;

/// What a file holds, and what to say of one that cannot be used.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Its name in a sentence, as in "the index".
    pub(crate) name: &'static str,
    /// The statements that make it, the version among them.
    pub(crate) schema: &'static str,
    /// Kept in the file as `user_version`.
    pub(crate) version: i64,
    /// Whether it can be made again from something else, so that one of an earlier version is emptied and not refused.
    pub(crate) is_derived: bool,
    /// What to do with a file of another version, beside using the release that made it.
    pub(crate) if_foreign: &'static str,
    /// What to do with a damaged file.
    pub(crate) if_damaged: &'static str,
}

/// A database file; clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Database(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    layout: &'static Layout,
    /// The only connection that writes; held for one transaction.
    writer: Mutex<Connection>,
    /// Connections that nobody uses; held to take one or put it back, never while one reads.
    readers: Mutex<Vec<Connection>>,
}

impl Database {
    /// Opens the file, or makes a new one; blocks.
    pub(crate) fn open(path: &Path, layout: &'static Layout) -> Result<Self, Error> {
        let writer = Mutex::new(layout.open(path)?);
        Ok(Self(Arc::new(Pool { path: path.to_owned(), layout, writer, readers: Mutex::default() })))
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    {
        let pool = Arc::clone(&self.0);
        blocking::run(move || work(&mut pool.writer.lock())).await
    }

    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let pool = Arc::clone(&self.0);
        blocking::run(move || {
            let idle = pool.readers.lock().pop();
            let reader = idle.map_or_else(|| pool.layout.open_reader(&pool.path), Ok)?;
            let answer = work(&reader);
            let mut readers = pool.readers.lock();
            if readers.len() < IDLE_READERS {
                readers.push(reader);
            }
            answer
        })
        .await
    }
}

impl Layout {
    /// Opens the connection that writes, and makes the schema in a new file.
    fn open(&self, path: &Path) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let db = Connection::open_with_flags(path, flags)?;
            configure(&db)?;
            db.pragma_update(None, "journal_mode", "wal")?;
            db.pragma_update(None, "synchronous", "normal")?;
            db.pragma_update(None, "wal_autocheckpoint", PAGES_PER_CHECKPOINT)?;
            // What is removed, prompts among it, is overwritten where that costs no further writes.
            db.pragma_update(None, "secure_delete", "fast")?;
            Ok(db)
        };
        let mut db = open().map_err(|error| self.unwritable(error))?;
        let transaction =
            db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| self.unwritable(error))?;
        self.prepare(&transaction)?;
        transaction.commit().map_err(|error| self.fault(error))?;
        Ok(db)
    }

    /// Makes the schema, unless it is there.
    fn prepare(&self, db: &Transaction<'_>) -> Result<(), Error> {
        let fault = |error| self.fault(error);
        let version = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)?;
        if version == self.version {
            return Ok(());
        }
        let is_earlier = (1..self.version).contains(&version);
        if version != 0 && !(is_earlier && self.is_derived) {
            let Self { name, version: known, if_foreign, .. } = self;
            return Err(Error::Invalid(format!(
                "{name} has version {version} and this release reads {known}; use the release that made it, or {if_foreign}"
            )));
        }
        clear(db).and_then(|()| db.execute_batch(self.schema)).map_err(fault)
    }

    /// Opens a connection that only reads.
    fn open_reader(&self, path: &Path) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let db = Connection::open_with_flags(path, flags)?;
            configure(&db).map(|()| db)
        };
        open().map_err(|error| self.fault(error))
    }

    /// Does some work whose commits are on the disk, and all before them, when it returns.
    pub(crate) fn synced<T>(
        &self,
        db: &mut Connection,
        work: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        db.pragma_update(None, "synchronous", "full").map_err(|error| self.fault(error))?;
        let done = work(db);
        db.pragma_update(None, "synchronous", "normal").map_err(|error| self.fault(error))?;
        done
    }

    /// Names an error of SQLite by what a caller can do.
    pub(crate) fn fault(&self, error: rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::Full(Box::new(error)),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Error::Busy(format!("another process holds {}; try again", self.name))
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::corrupt(self.name, self.if_damaged),
            _ => Error::internal(error),
        }
    }

    /// The same at the start, when a file or folder that this process may not write is for its operator to mend.
    fn unwritable(&self, error: rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Error::Invalid(format!(
                "{} cannot be opened for writing; see that its folder is there and that this process may write it and what \
                 is in it",
                self.name
            )),
            _ => self.fault(error),
        }
    }
}

fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(32);
    db.busy_timeout(BUSY_TIMEOUT)
}

/// Removes what an earlier version left.
fn clear(db: &Connection) -> rusqlite::Result<()> {
    let mut statement =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    tables.iter().try_for_each(|table| db.execute_batch(&format!("DROP TABLE \"{table}\"")))
}
