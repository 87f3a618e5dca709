//! `BlobStore`: files in one folder an image, the manifest among them.
//!
//! [`Store`](crate::Store) calls it and decides the order of writes; a backend only promises that each single call is
//! whole or not at all. It knows nothing of the index. Every backend runs the suite in `conformance`.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use orbit_model::{BlobName, Digest, ImageId, Manifest};

use crate::Error;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod tests;

/// A file in an image's folder; its type is the proof that the name is one path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File<'a> {
    /// The manifest.
    Manifest,
    /// A blob that a manifest names.
    Blob(&'a BlobName),
}

impl<'a> File<'a> {
    /// The name as one path segment.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Manifest => BlobName::MANIFEST,
            Self::Blob(name) => name.as_str(),
        }
    }
}

/// What a file was when it was read, as its backend tells it from what it was before and will be after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub(crate) e_tag: Option<String>,
    pub(crate) number: Option<String>,
}

impl Version {
    /// The version of a file that is told by its bytes alone.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { e_tag: Some(Digest::of(bytes).hex()), number: None }
    }
}

/// What a write does where the file is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode<'a> {
    /// It fails with [`Error::Conflict`]; of several writers at once exactly one succeeds.
    Create,
    /// It takes the file's place; a reader sees the old bytes or the new.
    Replace,
    /// It takes the file's place if that is still what was read, and else fails with [`Error::Conflict`], as where the file
    /// is gone: of several who read the same exactly one succeeds.
    Swap(&'a Version),
}

/// What a removal freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// How many files.
    pub files: u64,
    /// The size of those that no other image has too.
    pub bytes: u64,
}

/// Durable files by image; every call is atomic, and durable when it returns.
#[async_trait]
pub trait BlobStore: Send + Sync + Debug {
    /// Writes a whole file.
    ///
    /// # Errors
    /// [`Error::Conflict`] with [`PutMode::Create`] where the file exists, and with [`PutMode::Swap`] where it is not what
    /// was read; [`Error::Full`].
    async fn put(&self, id: &ImageId, file: File<'_>, bytes: Bytes, mode: PutMode<'_>) -> Result<(), Error>;

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none.
    async fn get(&self, id: &ImageId, file: File<'_>) -> Result<Bytes, Error>;

    /// Reads the manifest as it lies there, with its version for [`PutMode::Swap`].
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none.
    async fn get_manifest(&self, id: &ImageId) -> Result<(Bytes, Version), Error> {
        let bytes = self.get(id, File::Manifest).await?;
        let version = Version::of(&bytes);
        Ok((bytes, version))
    }

    /// Whether other processes write here too. If so, no lock of ours keeps them away from an image: its files are written
    /// under names of their own, and only the manifest decides.
    fn has_other_writers(&self) -> bool {
        false
    }

    /// Removes some blobs of an image; those that are not there are none the less gone.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn discard(&self, id: &ImageId, names: &[&BlobName]) -> Result<(), Error>;

    /// Removes all files of an image but its manifest and those in `keep`: what changes left that did not come to their end.
    ///
    /// Where others write too, what is so young that a change under way may have written it stays.
    ///
    /// # Errors
    /// Only those of the backend: an image without files is none.
    async fn retain(&self, id: &ImageId, keep: &[&BlobName]) -> Result<Deleted, Error>;

    /// Removes all files of an image at once: no reader sees some of them gone and others not.
    ///
    /// Where others write too, what its manifest does not name stays as with [`BlobStore::retain`].
    ///
    /// # Errors
    /// Only those of the backend: an image without files is none.
    async fn delete_image(&self, id: &ImageId) -> Result<Deleted, Error>;

    /// Names up to `limit` images that have files, past `after`, in an order that stays the same.
    ///
    /// An image that is half written is among them: only a manifest makes it whole.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error>;

    /// Makes a blob of one image another's too, under a name that it has there, in the place of what was there; without
    /// copying bytes where the backend can. From then on neither's removal nor replacement is seen by the other.
    ///
    /// # Errors
    /// [`Error::NotFound`] where `from` has no such blob; [`Error::Full`].
    async fn link(&self, from: (&ImageId, &BlobName), to: (&ImageId, &BlobName)) -> Result<(), Error> {
        let bytes = self.get(from.0, File::Blob(from.1)).await?;
        self.put(to.0, File::Blob(to.1), bytes, PutMode::Replace).await
    }

    /// Counts the images that share the bytes of a blob, this one included: 1 where they are its own.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such blob.
    async fn references(&self, id: &ImageId, name: &BlobName) -> Result<u64, Error> {
        self.get(id, File::Blob(name)).await.map(|_| 1)
    }

    /// Reads the manifest and the image that it names, in one hop where the backend can.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a manifest; [`Error::Corrupt`] where the manifest or the image's file is not as it
    /// was written, or the file is gone, as happens while an image is replaced.
    async fn read_image(&self, id: &ImageId) -> Result<(Manifest, Bytes), Error> {
        let manifest = parse_manifest(id, &self.get(id, File::Manifest).await?)?;
        let bytes = self.get(id, File::Blob(&manifest.image.file)).await;
        whole_blob(id, bytes, manifest.image.bytes).map(|bytes| (manifest, bytes))
    }
}

/// Spreads images evenly over 256 folders, so that none of them grows large.
pub(crate) fn shard_of(id: &ImageId) -> u8 {
    blake3::hash(id.as_str().as_bytes()).as_bytes()[0]
}

/// Reads a manifest that lay under `id`.
pub(crate) fn parse_manifest(id: &ImageId, json: &[u8]) -> Result<Manifest, Error> {
    let corrupt = |reason: String| Error::corrupt(format!("the manifest of {id}"), reason);
    let manifest = Manifest::from_json(json).map_err(|error| corrupt(error.to_string()))?;
    if manifest.id == *id {
        return Ok(manifest);
    }
    Err(corrupt(format!("it is that of {}", manifest.id)))
}

/// Checks that a blob that a manifest names was there with its length; the digest is not worked out on each read.
pub(crate) fn whole_blob(id: &ImageId, blob: Result<Bytes, Error>, expected: u64) -> Result<Bytes, Error> {
    let corrupt = |reason: String| Error::corrupt(format!("the image {id}"), reason);
    match blob {
        Ok(bytes) if bytes.len() as u64 == expected => Ok(bytes),
        Ok(bytes) => Err(corrupt(format!("a file has {} bytes in place of {expected}", bytes.len()))),
        Err(Error::NotFound) => Err(corrupt("a file that its manifest names is not there".to_owned())),
        Err(error) => Err(error),
    }
}
