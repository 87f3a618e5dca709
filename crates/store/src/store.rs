//! `Store`: files and index as one thing, the only door that services use.
//!
//! Manifests are the truth and the index follows them. Every change of an image goes: intent, files, manifest (or
//! none), row. Whatever stops it in between, readers by name see the whole image of before or of after, and
//! [`Store::recover`] brings the row to the same side. `commit`, `adopt` and `amend` change by the steps of `change`, `erase`
//! removes, `recovery` repairs; this file holds the handle and reads.
//!
//! Several processes may share one blob store, if it says that it has other writers: the manifest is then swapped only for
//! the one that was seen. Locks only keep the tasks of one process from contending for nothing.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use orbit_model::{BlobName, Digest, ImageId, Manifest, ThreadId};
use tokio::sync::{Mutex, MutexGuard};

use crate::blob::{parse_manifest, whole_blob};
use crate::filesystem::{lock, make_root};
use crate::{BlobStore, Error, File, FileSystem, ImageIndex, Page, Query, Sqlite, Totals, Version, blocking};

mod adopt;
mod amend;
mod bounds;
mod change;
mod commit;
mod erase;
mod recovery;
mod tend;

pub use bounds::{Bound, Bounds, Excess, Going};
pub use commit::{Committed, Expect};
pub use erase::Erased;
pub use recovery::{Recovered, Reindexed};
pub use tend::Mended;

/// How many locks the images share: enough that two at work seldom meet.
const STRIPES: usize = 256;

/// All images; clones are handles of the same store.
#[derive(Debug, Clone)]
pub struct Store(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    blobs: Arc<dyn BlobStore>,
    index: Arc<dyn ImageIndex>,
    /// An image changes only under the lock of its stripe. Nobody holds two, so none waits in a circle.
    stripes: [Mutex<()>; STRIPES],
    /// Of a folder that the index lies in and the files do not; released with the last handle.
    _lock: Option<fs::File>,
}

/// A manifest as it was stored at some moment.
#[derive(Debug)]
struct Seen {
    manifest: Manifest,
    version: Version,
}

impl Store {
    /// Opens the store in a folder: files by [`FileSystem`], the index by [`Sqlite`] beside them.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process uses the folder, and the errors of the two backends.
    pub async fn open(root: &Path) -> Result<Self, Error> {
        let blobs = FileSystem::open(root).await?;
        let index = Sqlite::open(&root.join("index.sqlite")).await?;
        Ok(Self::new(Arc::new(blobs), Arc::new(index)))
    }

    /// Opens a store whose files are elsewhere: the folder holds the index, by [`Sqlite`], and whatever else this process keeps
    /// for itself, and is locked.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process uses the folder, and the errors of the index.
    pub async fn beside(folder: &Path, blobs: Arc<dyn BlobStore>) -> Result<Self, Error> {
        let path = folder.join("index.sqlite");
        let open = |_| async move { Ok::<_, Error>(Arc::new(Sqlite::open(&path).await?) as Arc<dyn ImageIndex>) };
        Self::with_index(folder, blobs, open).await
    }

    /// The same with an index that is elsewhere too; whoever opens it may keep its notes in the folder, which is locked before.
    ///
    /// # Errors
    /// As of [`Store::beside`], and those of `open`.
    pub async fn with_index<F>(
        folder: &Path,
        blobs: Arc<dyn BlobStore>,
        open: impl FnOnce(Arc<dyn BlobStore>) -> F,
    ) -> Result<Self, Error>
    where
        F: Future<Output = Result<Arc<dyn ImageIndex>, Error>>,
    {
        let path = folder.to_owned();
        let lock = blocking::run(move || {
            make_root(&path)?;
            lock(&path.join("lock"))
        });
        let lock = lock.await?;
        let index = open(Arc::clone(&blobs)).await?;
        Ok(Self::of(blobs, index, Some(lock)))
    }

    /// Makes a store of two backends; what lies in them is changed by stores alone.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>, index: Arc<dyn ImageIndex>) -> Self {
        Self::of(blobs, index, None)
    }

    fn of(blobs: Arc<dyn BlobStore>, index: Arc<dyn ImageIndex>, lock: Option<fs::File>) -> Self {
        let stripes = std::array::from_fn(|_| Mutex::default());
        Self(Arc::new(Parts { blobs, index, stripes, _lock: lock }))
    }

    /// Whether other processes write to the same blobs.
    #[must_use]
    pub fn has_other_writers(&self) -> bool {
        self.0.blobs.has_other_writers()
    }

    /// Reads the manifest and the bytes that are served.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Corrupt`] where the file is not as long as it was.
    pub async fn read(&self, id: &ImageId) -> Result<(Manifest, Bytes), Error> {
        match self.0.blobs.read_image(id).await {
            // Replaced between the manifest and the file: the second look finds the new ones.
            Err(Error::Corrupt { .. }) => self.0.blobs.read_image(id).await,
            answer => answer,
        }
    }

    /// Reads the manifest and the bytes that were brought.
    ///
    /// # Errors
    /// As of [`Store::read`].
    pub async fn source(&self, id: &ImageId) -> Result<(Manifest, Bytes), Error> {
        match self.0.read_source(id).await {
            Err(Error::Corrupt { .. }) => self.0.read_source(id).await,
            answer => answer,
        }
    }

    /// Reads a blob that a manifest of the image names, and checks that it has the length that it had.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it is gone, as happens while an image is changed: read the manifest again.
    pub async fn blob(&self, id: &ImageId, name: &BlobName, bytes: u64) -> Result<Bytes, Error> {
        whole_blob(id, self.0.blobs.get(id, File::Blob(name)).await, bytes)
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Corrupt`] where it cannot be read.
    pub async fn manifest(&self, id: &ImageId) -> Result<Manifest, Error> {
        self.0.manifest(id).await
    }

    /// Finds an image whose source has this digest; of several, the one that was stored last.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn find_source(&self, digest: &Digest) -> Result<Option<ImageId>, Error> {
        self.0.index.find_source(digest).await
    }

    /// Lists a page of images, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the cursor is none of ours.
    pub async fn list(&self, query: &Query) -> Result<Page, Error> {
        self.0.index.list(query).await
    }

    /// Names all images of a thread, newest first.
    ///
    /// # Errors
    /// As of [`Store::ids_of_style`].
    pub async fn ids_of_thread(&self, thread: &ThreadId) -> Result<Vec<ImageId>, Error> {
        self.ids_of(Query { thread_id: Some(thread.clone()), ..Query::default() }).await
    }

    /// Names all images of a style, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while nobody knows all of them, as happens to an index that others have too; those of the index.
    pub async fn ids_of_style(&self, style: &str) -> Result<Vec<ImageId>, Error> {
        self.ids_of(Query { style: Some(style.to_owned()), ..Query::default() }).await
    }

    async fn ids_of(&self, mut query: Query) -> Result<Vec<ImageId>, Error> {
        let mut ids = Vec::new();
        query.limit = Query::MAX_LIMIT;
        // A list that lacks some is good enough to look at, and not to say that all of them are gone.
        if self.0.index.is_shared() && !self.0.index.is_complete().await? {
            return Err(Error::Unavailable("the index is being made again; try again in a second".to_owned()));
        }
        loop {
            let page = self.list(&query).await?;
            ids.extend(page.manifests.into_iter().map(|manifest| manifest.id));
            if page.next_cursor.is_none() {
                return Ok(ids);
            }
            query.cursor = page.next_cursor;
        }
    }

    /// Names up to `limit` images that have files, listed or not, past `after`.
    ///
    /// # Errors
    /// Those of the blob store.
    pub async fn ids(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        self.0.blobs.list(after, limit).await
    }

    /// Sums over all images.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.0.index.totals().await
    }

    /// Runs a change in a task of its own, so that it ends even when whoever asked for it has left.
    async fn detached<T, F>(work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        tokio::spawn(work).await.map_err(Error::internal)?
    }
}

impl Parts {
    async fn lock(&self, id: &ImageId) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        // The remainder is below `STRIPES` and fits any usize.
        self.stripes[(hasher.finish() % STRIPES as u64) as usize].lock().await
    }

    async fn manifest(&self, id: &ImageId) -> Result<Manifest, Error> {
        parse_manifest(id, &self.blobs.get(id, File::Manifest).await?)
    }

    /// What is stored, with its version; `None` where nothing is.
    async fn look(&self, id: &ImageId) -> Result<Option<Seen>, Error> {
        match self.blobs.get_manifest(id).await {
            Ok((json, version)) => Ok(Some(Seen { manifest: parse_manifest(id, &json)?, version })),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_source(&self, id: &ImageId) -> Result<(Manifest, Bytes), Error> {
        let manifest = self.manifest(id).await?;
        let bytes = self.blobs.get(id, File::Blob(&manifest.source.file)).await;
        whole_blob(id, bytes, manifest.source.bytes).map(|bytes| (manifest, bytes))
    }

    /// Removes the files that the manifest does not name.
    async fn retain(&self, manifest: &Manifest) -> Result<(), Error> {
        let keep: Vec<&BlobName> = manifest.files().collect();
        self.blobs.retain(&manifest.id, &keep).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests;
