//! Storing an image whose bytes another image has: they are stored once and belong to both.
//!
//! The steps are those of `commit`, with blobs that are linked and not brought. Only the new image is locked: the other may
//! go at any moment, and then has a blob either before it is linked, which ends the adoption, or after, which changes
//! nothing.

use orbit_model::{Digest, ImageId, Manifest};

use super::change::Blobs;
use super::{Committed, Expect, Parts, Store};
use crate::{Error, File, blocking};

impl Store {
    /// Stores an image like [`Store::commit`], with the blobs of `from`, every one of which the manifest names as `from`
    /// does. Later changes of either image are not seen by the other.
    ///
    /// Once begun it ends, even if this future is dropped. When it returns, the image survives a power cut; until its
    /// manifest is written, no reader sees any of it.
    ///
    /// # Errors
    /// [`Error::NotFound`] where `from` has not, or not any more, every blob that the manifest names, whole: bring the
    /// bytes then. [`Error::Conflict`] where something else is stored than the caller expects.
    pub async fn adopt(&self, manifest: Manifest, from: &ImageId, expect: Expect) -> Result<Committed, Error> {
        let (store, from) = (self.clone(), from.clone());
        Self::detached(async move {
            let _changing = store.0.lock(&manifest.id).await;
            store.0.commit(manifest, Blobs::Of(from), expect).await
        })
        .await
    }
}

impl Parts {
    /// Checks that another image has every blob of a manifest, byte for byte: damage must not be handed on to an image
    /// whose bytes the caller could bring.
    pub(super) async fn check_shared(&self, manifest: &Manifest, from: &ImageId) -> Result<(), Error> {
        let other = match self.manifest(from).await {
            Err(Error::Corrupt { .. }) => return Err(Error::NotFound),
            other => other?,
        };
        for (name, digest) in manifest.blobs() {
            if !other.blobs().any(|blob| blob == (name, digest)) {
                return Err(Error::NotFound);
            }
            let bytes = self.blobs.get(from, File::Blob(name)).await?;
            let expected = *digest;
            if !blocking::run(move || Ok(Digest::of(&bytes) == expected)).await? {
                return Err(Error::NotFound);
            }
        }
        Ok(())
    }
}
