//! `Sqlite`: the image index in one database file.
//!
//! `rows` holds the statements; this file takes them to the connections of a [`Database`]. Only intents are synced: a
//! row that a power cut takes back is settled again because its intent was synced before it.

use std::path::Path;

use async_trait::async_trait;
use orbit_model::{Digest, ImageId, Manifest};

use crate::database::{Database, Layout};
use crate::{Error, ImageIndex, Page, Query, Totals, blocking};

mod rows;

static LAYOUT: Layout = Layout {
    name: "the index",
    schema: include_str!("sqlite/schema.sql"),
    version: 2,
    is_derived: true,
    if_foreign: "remove index.sqlite and it is made again from the manifests",
    if_damaged: "stop, remove index.sqlite* and start: it is made again from the manifests",
};

/// An index in an SQLite file; clones share its connections.
#[derive(Debug, Clone)]
pub struct Sqlite(Database);

impl Sqlite {
    /// Opens the index, or makes a new one that calls itself incomplete, as it does with one of an earlier release.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a newer release made the file or it cannot be written; [`Error::Corrupt`] where it is no
    /// database.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        blocking::run(move || Database::open(&path, &LAYOUT).map(Self)).await
    }
}

#[async_trait]
impl ImageIndex for Sqlite {
    async fn intend(&self, id: &ImageId) -> Result<(), Error> {
        let id = id.clone();
        self.0.write(move |db| rows::intend(db, &id)).await
    }

    async fn settle(&self, id: &ImageId, stored: Option<&Manifest>) -> Result<bool, Error> {
        let (id, stored) = (id.clone(), stored.cloned());
        self.0.write(move |db| rows::settle(db, &id, stored.as_ref())).await
    }

    async fn intents(&self) -> Result<Vec<ImageId>, Error> {
        self.0.read(rows::intents).await
    }

    async fn get(&self, id: &ImageId) -> Result<Option<Manifest>, Error> {
        let id = id.clone();
        self.0.read(move |db| rows::get(db, &id)).await
    }

    async fn find_source(&self, digest: &Digest) -> Result<Option<ImageId>, Error> {
        let digest = *digest;
        self.0.read(move |db| rows::find_source(db, &digest)).await
    }

    async fn list(&self, query: &Query) -> Result<Page, Error> {
        let (query, from) = (query.clone(), query.position()?);
        self.0.read(move |db| rows::list(db, &query, &from)).await
    }

    async fn totals(&self) -> Result<Totals, Error> {
        self.0.read(rows::totals).await
    }

    async fn is_complete(&self) -> Result<bool, Error> {
        self.0.read(rows::is_complete).await
    }

    async fn begin_rebuild(&self) -> Result<(), Error> {
        self.0.write(|db| rows::begin_rebuild(db)).await
    }

    async fn finish_rebuild(&self) -> Result<u64, Error> {
        self.0.write(rows::finish_rebuild).await
    }
}

#[cfg(test)]
mod tests;
