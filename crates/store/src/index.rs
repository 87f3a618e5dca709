//! `ImageIndex`: lists and sums over manifests, so that neither reads files.
//!
//! It is derived: [`Store`](crate::Store) can make it again from manifests alone. Around each change of files it keeps
//! an intent, durable before the first file changes, so that a crash leaves a short list of images to look at.
//! Every backend runs the suite in `conformance`.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use orbit_model::{Digest, ImageId, Manifest, ThreadId};

use crate::Error;

#[cfg(test)]
pub(crate) mod conformance;
mod cursor;

pub(crate) use cursor::Position;

/// Which images to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Only those of this thread.
    pub thread_id: Option<ThreadId>,
    /// Only those of this style.
    pub style: Option<String>,
    /// Where the page before ended, as [`Page::next_cursor`] said.
    pub cursor: Option<String>,
    /// How many at the most; brought into 1 to [`Query::MAX_LIMIT`].
    pub limit: usize,
}

impl Query {
    /// How many images a page has unless something else is asked for.
    pub const DEFAULT_LIMIT: usize = 50;
    /// How many images a page has at the most.
    pub const MAX_LIMIT: usize = 200;

    pub(crate) fn page_size(&self) -> usize {
        self.limit.clamp(1, Self::MAX_LIMIT)
    }

    pub(crate) fn position(&self) -> Result<Position, Error> {
        self.cursor.as_deref().map_or(Ok(Position::START), str::parse)
    }
}

impl Default for Query {
    fn default() -> Self {
        Self { thread_id: None, style: None, cursor: None, limit: Self::DEFAULT_LIMIT }
    }
}

/// Some images of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The images.
    pub manifests: Vec<Manifest>,
    /// What to ask for the next page with; `None` at the end.
    pub next_cursor: Option<String>,
}

/// Sums over all images; bytes that several images have count for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many images.
    pub images: u64,
    /// The bytes of what is served of them.
    pub image_bytes: u64,
    /// The bytes of their sources.
    pub source_bytes: u64,
}

impl Totals {
    /// What one image adds.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let source_bytes = manifest.source_bytes();
        Self { images: 1, image_bytes: manifest.stored_bytes().saturating_sub(source_bytes), source_bytes }
    }
}

/// A list of images that can be made again from their manifests; every call is atomic.
#[async_trait]
pub trait ImageIndex: Send + Sync + Debug {
    /// Notes, durably, that the files of an image are about to change.
    ///
    /// # Errors
    /// Only those of the backend, as below where nothing else is said.
    async fn intend(&self, id: &ImageId) -> Result<(), Error>;

    /// Makes the image's row say what is now stored, `None` being nothing, and drops the intent; tells whether there
    /// was a row before.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn settle(&self, id: &ImageId, stored: Option<&Manifest>) -> Result<bool, Error>;

    /// Names the images whose change has not ended.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn intents(&self) -> Result<Vec<ImageId>, Error>;

    /// Looks one image up.
    ///
    /// # Errors
    /// Only those of the backend: a missing row is `None`.
    async fn get(&self, id: &ImageId) -> Result<Option<Manifest>, Error>;

    /// Finds an image whose source has this digest; of several, the one that was stored last.
    ///
    /// # Errors
    /// Only those of the backend: an unknown source is `None`.
    async fn find_source(&self, digest: &Digest) -> Result<Option<ImageId>, Error>;

    /// Lists a page of images by time and, among equal times, by name; rows that come or go between two pages neither
    /// hide nor repeat others.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the cursor is none of ours.
    async fn list(&self, query: &Query) -> Result<Page, Error>;

    /// Sums over all rows, without reading them.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn totals(&self) -> Result<Totals, Error>;

    /// Whether the index has a row for everything stored: false when new and from `begin_rebuild` to `finish_rebuild`,
    /// restarts included.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn is_complete(&self) -> Result<bool, Error>;

    /// Marks all rows as old; rows settled from now on are not.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn begin_rebuild(&self) -> Result<(), Error>;

    /// Removes the rows that are still marked as old, tells how many, and calls the index complete.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn finish_rebuild(&self) -> Result<u64, Error>;

    /// Adds what a rebuild has found, unless it was settled meanwhile.
    ///
    /// # Errors
    /// Those of the backend; [`Error::Busy`] where another rebuild has overtaken this one.
    async fn refill(&self, manifest: &Manifest) -> Result<(), Error> {
        self.settle(&manifest.id, Some(manifest)).await.map(|_| ())
    }

    /// Whether other nodes have the same index: then it is made anew beside the serving, by one of them, and it may be away.
    fn is_shared(&self) -> bool {
        false
    }

    /// What the index cannot do at this moment, in a word for people; `None` where all is well.
    fn degraded(&self) -> Option<&'static str> {
        None
    }

    /// Waits until something must be mended; see [`Store::tend`](crate::Store::tend).
    async fn wants(&self) -> Want {
        std::future::pending().await
    }
}

/// What an index needs to be right again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// The rows of these images must be made to say what is stored.
    Rows(Vec<ImageId>),
    /// All of it must be made anew.
    Rebuild,
}

/// The time by which lists are ordered, in microseconds: it covers all of jiff's range in 64 bits.
///
/// Whole milliseconds, which is what a manifest keeps: a cursor is made of a manifest that was read again, and a finer
/// key in the rows would put those of the same millisecond before it, where no page shows them.
pub(crate) fn order_key(at: Timestamp) -> i64 {
    at.as_millisecond() * 1_000
}
