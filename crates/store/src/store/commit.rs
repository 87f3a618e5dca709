//! Storing an image: new, or in the place of one that the caller has seen.
//!
//! What decides is the expectation of the caller; the steps are those of `change`.

use bytes::Bytes;
use orbit_model::{BlobName, Digest, Manifest};

use super::change::Blobs;
use super::{Parts, Store};
use crate::Error;

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
        let mut decide =
            |current: Option<&Manifest>| Ok(existing(&manifest, current, expect)?.is_none().then(|| manifest.clone()));
        let changed = self.change(&manifest.id, &blobs, &mut decide).await?;
        Ok(match (changed.before, changed.after) {
            (None, _) => Committed::Created,
            (Some(existing), None) => Committed::Existed(Box::new(existing)),
            (Some(old), Some(_)) => Committed::Replaced(Box::new(old)),
        })
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
