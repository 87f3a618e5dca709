//! Changing what is kept beside an image's source: variants come and go, and smaller bytes take the place of larger ones.
//!
//! The steps are those of a replacement in `commit`: intent, blobs, manifest, away with what nothing names, row.

use bytes::Bytes;
use orbit_model::{BlobName, ImageId, Manifest};

use super::commit::{Blobs, check_blobs};
use super::{Parts, Store};
use crate::{Error, PutMode};

impl Store {
    /// Lets `change` make a new manifest of the one that is stored, and stores it with the blobs that it names beyond those
    /// that are there. Tells the manifest that is stored afterwards; where `change` gives back what it was given, nothing is
    /// written.
    ///
    /// Once begun it ends, even if this future is dropped. Readers see the image of before or of after, and no two changes
    /// of an image overlap.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] where `blobs` are not those that the new manifest names; those of `change`.
    pub async fn amend<F>(&self, id: &ImageId, blobs: Vec<(BlobName, Bytes)>, change: F) -> Result<Manifest, Error>
    where
        F: FnOnce(Manifest) -> Result<Manifest, Error> + Send + 'static,
    {
        let (store, id) = (self.clone(), id.clone());
        Self::detached(async move {
            let _changing = store.0.lock(&id).await;
            store.0.amend(&id, blobs, change).await
        })
        .await
    }
}

impl Parts {
    async fn amend<F>(&self, id: &ImageId, blobs: Vec<(BlobName, Bytes)>, change: F) -> Result<Manifest, Error>
    where
        F: FnOnce(Manifest) -> Result<Manifest, Error> + Send,
    {
        let current = self.manifest(id).await?;
        let amended = change(current.clone())?;
        if amended == current {
            return Ok(current);
        }
        if amended.id != *id {
            return Err(Error::Invalid(format!("{id} cannot become {}", amended.id)));
        }
        check_blobs(&amended, Some(&current), &blobs)?;
        if let Err(error) = self.write(&amended, Blobs::Brought(blobs), PutMode::Replace).await {
            // The first error is the one to report; what stays unsettled is settled at the next start.
            let _ = self.settle(id).await;
            return Err(error);
        }
        Ok(amended)
    }
}
