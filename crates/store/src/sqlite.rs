//! `Sqlite`: the image index in one database file.
//!
//! One connection writes, behind a lock; readers take a connection each from a small pool and, thanks to the
//! write-ahead log, wait for nobody. `connection` opens and checks the file, `rows` holds the statements; this file
//! takes both onto blocking threads.
//!
//! Commits are not synced one by one but for intents: a row that a power cut takes back is settled again because its
//! intent was synced before it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use orbit_model::{ImageId, Manifest};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::{Error, ImageIndex, Page, Query, Totals, blocking};

mod connection;
mod rows;

/// How many connections are kept for readers; more are opened while a crowd reads, and closed after.
const IDLE_READERS: usize = 4;

/// An index in an SQLite file; clones share its connections.
#[derive(Debug, Clone)]
pub struct Sqlite(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    /// The only connection that writes; held for one transaction.
    writer: Mutex<Connection>,
    /// Connections that nobody uses; held to take one or put it back, never while one reads.
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens the index, or makes a new one that calls itself incomplete.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a newer release made the file; [`Error::Corrupt`] where it is no database.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        blocking::run(move || {
            let writer = Mutex::new(connection::open(&path)?);
            Ok(Self(Arc::new(Pool { path, writer, readers: Mutex::default() })))
        })
        .await
    }

    async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    {
        let pool = Arc::clone(&self.0);
        blocking::run(move || work(&mut pool.writer.lock())).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let pool = Arc::clone(&self.0);
        blocking::run(move || {
            let idle = pool.readers.lock().pop();
            let reader = idle.map_or_else(|| connection::open_reader(&pool.path), Ok)?;
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

#[async_trait]
impl ImageIndex for Sqlite {
    async fn intend(&self, id: &ImageId) -> Result<(), Error> {
        let id = id.clone();
        self.write(move |db| rows::intend(db, &id)).await
    }

    async fn settle(&self, id: &ImageId, stored: Option<&Manifest>) -> Result<bool, Error> {
        let (id, stored) = (id.clone(), stored.cloned());
        self.write(move |db| rows::settle(db, &id, stored.as_ref())).await
    }

    async fn intents(&self) -> Result<Vec<ImageId>, Error> {
        self.read(rows::intents).await
    }

    async fn get(&self, id: &ImageId) -> Result<Option<Manifest>, Error> {
        let id = id.clone();
        self.read(move |db| rows::get(db, &id)).await
    }

    async fn list(&self, query: &Query) -> Result<Page, Error> {
        let (query, from) = (query.clone(), query.position()?);
        self.read(move |db| rows::list(db, &query, &from)).await
    }

    async fn totals(&self) -> Result<Totals, Error> {
        self.read(rows::totals).await
    }

    async fn is_complete(&self) -> Result<bool, Error> {
        self.read(rows::is_complete).await
    }

    async fn begin_rebuild(&self) -> Result<(), Error> {
        self.write(|db| rows::begin_rebuild(db)).await
    }

    async fn finish_rebuild(&self) -> Result<u64, Error> {
        self.write(rows::finish_rebuild).await
    }
}

#[cfg(test)]
mod tests;
