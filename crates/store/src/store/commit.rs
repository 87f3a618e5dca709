//! Storing an image: new, or in the place of one that the caller has seen.
//!
//! 1. the intent;
//! 2. the blobs;
//! 3. the manifest: the one step by which the image is there;
//! 4. of a replacement, away with the blobs that nothing names any more;
//! 5. the row, with which the intent is dropped.
//!
//! After a failure the image is settled at once, and if that fails too, at the next start.

use bytes::Bytes;
use futures_util::future::join_all;
use orbit_model::{BlobName, Digest, ImageId, Manifest};

use super::{Parts, Store};
use crate::{Error, File, PutMode};

/// Where the blobs of a change come from.
#[derive(Debug)]
pub(super) enum Blobs {
    /// They are brought.
    Brought(Vec<(BlobName, Bytes)>),
    /// This image has them all.
    Of(ImageId),
}

/// What the caller believes to be stored under the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing, or an image of the same source.
    New,
    /// The image whose served bytes have this digest.
    Replacing(Digest),
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// The image is new.
    Created,
    /// An image of the same source was there, described here; nothing changed.
    Existed(Box<Manifest>),
    /// The image took the place of this one.
    Replaced(Box<Manifest>),
}

impl Store {
    /// Stores an image with the blobs that its manifest names; a replacement may name blobs that are there already.
    ///
    /// Once begun it ends, even if this future is dropped. When it returns, the image survives a power cut; until its
    /// manifest is written, no reader sees any of it.
    ///
    /// # Errors
    /// [`Error::Conflict`] where something else is stored than the caller expects; [`Error::Invalid`] where `blobs` are
    /// not those that the manifest names; [`Error::Full`].
    pub async fn commit(
        &self,
        manifest: Manifest,
        blobs: Vec<(BlobName, Bytes)>,
        expect: Expect,
    ) -> Result<Committed, Error> {
        let store = self.clone();
        Self::detached(async move {
            let _changing = store.0.lock(&manifest.id).await;
            store.0.commit(manifest, Blobs::Brought(blobs), expect).await
        })
        .await
    }
}

impl Parts {
    pub(super) async fn commit(&self, manifest: Manifest, blobs: Blobs, expect: Expect) -> Result<Committed, Error> {
        let current = match self.manifest(&manifest.id).await {
            Err(Error::NotFound) => None,
            current => Some(current?),
        };
        if let Some(existing) = existing(&manifest, current.as_ref(), expect)? {
            return Ok(Committed::Existed(Box::new(existing.clone())));
        }
        match &blobs {
            Blobs::Brought(blobs) => check_blobs(&manifest, current.as_ref(), blobs)?,
            Blobs::Of(other) => self.check_shared(&manifest, other).await?,
        }
        let mode = if current.is_some() { PutMode::Replace } else { PutMode::Create };
        if let Err(error) = self.write(&manifest, blobs, mode).await {
            // The first error is the one to report; what stays unsettled is settled at the next start.
            let _ = self.settle(&manifest.id).await;
            return Err(error);
        }
        Ok(current.map_or(Committed::Created, |old| Committed::Replaced(Box::new(old))))
    }

    pub(super) async fn write(&self, manifest: &Manifest, blobs: Blobs, mode: PutMode) -> Result<(), Error> {
        let id = &manifest.id;
        self.index.intend(id).await?;
        // All are awaited even if one fails: none may still be at work when the image is settled. Names carry digests,
        // so a file left by a crash is replaced by its own bytes.
        let written = match &blobs {
            Blobs::Brought(blobs) => join_all(blobs.iter().map(|(name, bytes)| self.put_blob(id, name, bytes))).await,
            Blobs::Of(other) => join_all(manifest.files().map(|name| self.blobs.link(other, id, name))).await,
        };
        written.into_iter().collect::<Result<(), Error>>()?;
        self.blobs.put(id, File::Manifest, manifest.to_json().into(), mode).await?;
        if mode == PutMode::Replace {
            self.retain(manifest).await?;
        }
        self.index.settle(id, Some(manifest)).await.map(|_| ())
    }

    async fn put_blob(&self, id: &ImageId, name: &BlobName, bytes: &Bytes) -> Result<(), Error> {
        self.blobs.put(id, File::Blob(name), bytes.clone(), PutMode::Replace).await
    }
}

/// Compares what is stored with what the caller expects: an image that makes the commit needless, or leave to write.
fn existing<'a>(
    manifest: &Manifest,
    current: Option<&'a Manifest>,
    expect: Expect,
) -> Result<Option<&'a Manifest>, Error> {
    let id = &manifest.id;
    match (expect, current) {
        (Expect::New, None) => Ok(None),
        (Expect::New, Some(current)) if current.source.digest == manifest.source.digest => Ok(Some(current)),
        (Expect::New, Some(_)) => Err(Error::Conflict(format!(
            "{id} is the name of another image; choose another name, or delete that image first"
        ))),
        (Expect::Replacing(seen), Some(current)) if current.image.digest == seen => Ok(None),
        (Expect::Replacing(_), Some(_)) => {
            Err(Error::Conflict(format!("{id} has changed since it was read; read it again")))
        }
        (Expect::Replacing(_), None) => Err(Error::Conflict(format!("{id} was deleted since it was read"))),
    }
}

/// Checks that every file that the manifest names is brought or there, and that nothing else is brought.
pub(super) fn check_blobs(
    manifest: &Manifest,
    current: Option<&Manifest>,
    blobs: &[(BlobName, Bytes)],
) -> Result<(), Error> {
    let missing = manifest.files().find(|&file| {
        blobs.iter().all(|(name, _)| name != file)
            && !current.is_some_and(|current| current.files().any(|there| there == file))
    });
    let unnamed = blobs.iter().map(|(name, _)| name).find(|&name| manifest.files().all(|file| file != name));
    match (missing, unnamed) {
        (None, None) => Ok(()),
        (Some(file), _) => Err(Error::Invalid(format!("the manifest names {file}, which was not brought"))),
        (_, Some(name)) => Err(Error::Invalid(format!("{name} was brought and the manifest does not name it"))),
    }
}
