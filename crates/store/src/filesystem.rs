//! `FileSystem`: the blob store on a local disk.
//!
//! ```text
//! {root}/images/{2 hex digits of blake3(id)}/{id}/manifest.json, image-….webp, source-….png
//! {root}/tmp/     files being written; emptied at the start
//! {root}/trash/   folders being removed; emptied at the start
//! {root}/lock     held for as long as a process uses the root
//! ```
//!
//! A blob that several images have is one file with a name in each one's folder: its names are its references, and it goes
//! with the last of them.
//!
//! [`Root`] owns that layout, `folder` the work in it; this file only takes both onto blocking threads, unless `cached` has
//! the answer at once. Symbolic links
//! below the root are refused, so that no id ever reaches a file elsewhere.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use orbit_model::{BlobName, ImageId, Manifest};

use crate::blob::{parse_manifest, whole_blob};
use crate::{BlobStore, Deleted, Error, File, PutMode, blocking};

mod cached;
mod folder;
mod root;

use root::Root;
pub(crate) use root::{lock, make_root};

/// Images in folders on a local disk; clones share the root and its lock.
#[derive(Debug, Clone)]
pub struct FileSystem(Arc<Root>);

impl FileSystem {
    /// Opens a root folder, made with mode 0700 if it is missing, and sweeps what a crash left in it.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process uses the root; [`Error::Invalid`] where it is laid out with links.
    pub async fn open(root: &Path) -> Result<Self, Error> {
        let root = root.to_owned();
        blocking::run(move || Root::open(&root).map(|root| Self(Arc::new(root)))).await
    }

    /// Opens a root folder that another process may be using; whatever would change it is refused.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is no data folder.
    pub async fn open_to_read(root: &Path) -> Result<Self, Error> {
        let root = root.to_owned();
        blocking::run(move || Root::open_to_read(&root).map(|root| Self(Arc::new(root)))).await
    }

    async fn run<T, F>(&self, id: &ImageId, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Root, &ImageId) -> Result<T, Error> + Send + 'static,
    {
        // The clone keeps the lock of the root until the work has ended, even if everyone else has left.
        let (root, id) = (Arc::clone(&self.0), id.clone());
        blocking::run(move || work(&root, &id)).await
    }
}

#[async_trait]
impl BlobStore for FileSystem {
    async fn put(&self, id: &ImageId, file: File<'_>, bytes: Bytes, mode: PutMode<'_>) -> Result<(), Error> {
        self.0.may_change()?;
        let name = file.as_str().to_owned();
        match mode {
            PutMode::Swap(seen) => {
                let seen = seen.clone();
                self.run(id, move |root, id| folder::swap(root, id, &name, &bytes, &seen)).await
            }
            PutMode::Create => self.run(id, move |root, id| folder::put(root, id, &name, &bytes, false)).await,
            PutMode::Replace => self.run(id, move |root, id| folder::put(root, id, &name, &bytes, true)).await,
        }
    }

    async fn get(&self, id: &ImageId, file: File<'_>) -> Result<Bytes, Error> {
        if file == File::Manifest
            && let Some(bytes) = cached::read_manifest(&self.0, id)
        {
            return Ok(bytes);
        }
        let name = file.as_str().to_owned();
        self.run(id, move |root, id| folder::read(&folder::find(root, id)?, &name)).await
    }

    async fn discard(&self, id: &ImageId, names: &[&BlobName]) -> Result<(), Error> {
        self.0.may_change()?;
        let names: Vec<BlobName> = names.iter().copied().cloned().collect();
        self.run(id, move |root, id| folder::discard(root, id, &names)).await
    }

    async fn retain(&self, id: &ImageId, keep: &[&BlobName]) -> Result<Deleted, Error> {
        self.0.may_change()?;
        let keep: Vec<BlobName> = keep.iter().copied().cloned().collect();
        self.run(id, move |root, id| folder::retain(root, id, &keep)).await
    }

    async fn delete_image(&self, id: &ImageId) -> Result<Deleted, Error> {
        self.0.may_change()?;
        self.run(id, folder::delete).await
    }

    async fn link(&self, from: (&ImageId, &BlobName), to: (&ImageId, &BlobName)) -> Result<(), Error> {
        self.0.may_change()?;
        let (name, to) = (from.1.clone(), (to.0.clone(), to.1.clone()));
        self.run(from.0, move |root, from| folder::link(root, (from, &name), (&to.0, &to.1))).await
    }

    async fn references(&self, id: &ImageId, name: &BlobName) -> Result<u64, Error> {
        let name = name.clone();
        self.run(id, move |root, id| folder::references(&folder::find(root, id)?, name.as_str())).await
    }

    async fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        let (root, after) = (Arc::clone(&self.0), after.cloned());
        blocking::run(move || root.list(after.as_ref(), limit)).await
    }

    async fn read_image(&self, id: &ImageId) -> Result<(Manifest, Bytes), Error> {
        if let Some(image) = cached::read_image(&self.0, id) {
            return Ok(image);
        }
        self.run(id, |root, id| {
            let folder = folder::find(root, id)?;
            let manifest = parse_manifest(id, &folder::read(&folder, BlobName::MANIFEST)?)?;
            let bytes = folder::read(&folder, manifest.image.file.as_str());
            whole_blob(id, bytes, manifest.image.bytes).map(|bytes| (manifest, bytes))
        })
        .await
    }
}

#[cfg(test)]
mod tests;
