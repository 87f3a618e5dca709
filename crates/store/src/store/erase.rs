//! Removing an image from files and index.
//!
//! 1. the intent;
//! 2. all files at once: the one step by which the image is gone;
//! 3. the row, with which the intent is dropped.
//!
//! After a failure the image is settled at once, and if that fails too, at the next start.

use orbit_model::{ImageId, Manifest};

use super::{Parts, Store};
use crate::{Deleted, Error};

/// What was removed of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// What it was; `None` where neither manifest nor row could say.
    pub manifest: Option<Manifest>,
    /// How many rows were removed.
    pub index: u64,
    /// How many files were removed.
    pub files: u64,
    /// The size of those whose bytes no other image has.
    pub bytes: u64,
}

impl Store {
    /// Removes an image, a damaged one too.
    ///
    /// Once begun it ends, even if this future is dropped. When it returns, the image stays gone after a power cut.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there was neither file nor row.
    pub async fn erase(&self, id: &ImageId) -> Result<Erased, Error> {
        let (store, id) = (self.clone(), id.clone());
        Self::detached(async move {
            let _changing = store.0.lock(&id).await;
            store.0.erase(&id).await
        })
        .await
    }
}

impl Parts {
    async fn erase(&self, id: &ImageId) -> Result<Erased, Error> {
        let manifest = match self.manifest(id).await {
            Ok(manifest) => Some(manifest),
            Err(Error::NotFound | Error::Corrupt { .. }) => self.index.get(id).await?,
            Err(error) => return Err(error),
        };
        let (deleted, listed) = match self.remove(id, manifest.is_some()).await {
            Ok(removed) => removed,
            Err(error) => {
                self.settle_after(id, &error).await;
                return Err(error);
            }
        };
        if deleted.files == 0 && !listed {
            return Err(Error::NotFound);
        }
        Ok(Erased { manifest, index: u64::from(listed), files: deleted.files, bytes: deleted.bytes })
    }

    async fn remove(&self, id: &ImageId, is_known: bool) -> Result<(Deleted, bool), Error> {
        if !is_known {
            // With neither manifest nor row there is nothing that a crash could leave in two minds.
            let deleted = self.blobs.delete_image(id).await?;
            // Unless another process has stored it since the look: then it has written a row, or is about to.
            let listed = self.blobs.has_other_writers() && self.write_row(id, None).await?;
            return Ok((deleted, listed));
        }
        match self.index.intend(id).await {
            // A full disk takes no note, and nothing but a removal helps it. After a crash in between, the row is one of an image
            // that is gone, until the index is made again.
            Err(Error::Full(_)) => {}
            noted => noted?,
        }
        let deleted = self.blobs.delete_image(id).await?;
        Ok((deleted, self.write_row(id, None).await?))
    }
}
