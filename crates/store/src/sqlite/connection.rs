//! Opening the database file: settings, the version of its schema, and what SQLite's errors mean to a caller.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::Error;

const SCHEMA: &str = include_str!("schema.sql");
/// The version of [`SCHEMA`], kept in the file as `user_version`.
const VERSION: i64 = 1;
/// How long to wait for a lock of another process, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many pages of 4 KiB the log may grow by before they move to the file: each such move syncs, which would set the
/// pace of a rebuild.
const PAGES_PER_CHECKPOINT: i64 = 4_000;

/// Opens the connection that writes, and makes the schema in a new file.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(fault)?;
    configure(&db)?;
    db.pragma_update(None, "journal_mode", "wal").map_err(fault)?;
    db.pragma_update(None, "synchronous", "normal").map_err(fault)?;
    db.pragma_update(None, "wal_autocheckpoint", PAGES_PER_CHECKPOINT).map_err(fault)?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)? {
        0 => transaction.execute_batch(SCHEMA).map_err(fault)?,
        VERSION => {}
        version => {
            return Err(Error::Invalid(format!(
                "the index has version {version} and this release reads {VERSION}; use the release that made it, or \
                 remove index.sqlite and it is made again from the manifests"
            )));
        }
    }
    transaction.commit().map_err(fault)?;
    Ok(db)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(fault)?;
    configure(&db)?;
    Ok(db)
}

fn configure(db: &Connection) -> Result<(), Error> {
    db.set_prepared_statement_cache_capacity(32);
    db.busy_timeout(BUSY_TIMEOUT).map_err(fault)
}

/// Names an error of SQLite by what a caller can do.
pub(super) fn fault(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full(Box::new(error)),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Busy("another process holds the index; try again".to_owned())
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::corrupt("the index", "stop, remove index.sqlite* and start: it is made again from the manifests")
        }
        _ => Error::internal(error),
    }
}
