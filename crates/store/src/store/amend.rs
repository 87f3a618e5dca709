//! Changing what is kept beside an image's source: variants come and go, and smaller bytes take the place of larger ones.
//!
//! The steps are those of `change`. Where another process changes the image at the same time, a change is made again of what that
//! has made of it, so that nothing is lost; where it removes the image, nothing brings it back.

use bytes::Bytes;
use orbit_model::{BlobName, ImageId, Manifest};

use super::Store;
use super::change::Blobs;
use crate::Error;

impl Store {
    /// Lets `change` make a new manifest of the one that is stored, and stores it with the blobs that it names beyond those
    /// that are there. Tells the manifest that is stored afterwards; where `change` gives back what it was given, nothing is
    /// written. `change` is called again where another process was quicker.
    ///
    /// Once begun it ends, even if this future is dropped. Readers see the image of before or of after, and no two changes
    /// of an image overlap.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] where `blobs` are not those that the new manifest names; those of `change`.
    pub async fn amend<F>(&self, id: &ImageId, blobs: Vec<(BlobName, Bytes)>, mut change: F) -> Result<Manifest, Error>
    where
        F: FnMut(Manifest) -> Result<Manifest, Error> + Send + 'static,
    {
        let (store, id) = (self.clone(), id.clone());
        Self::detached(async move {
            let _changing = store.0.lock(&id).await;
            let mut decide =
                move |current: Option<&Manifest>| change(current.ok_or(Error::NotFound)?.clone()).map(Some);
            let changed = store.0.change(&id, &Blobs::Brought(blobs), &mut decide).await?;
            changed.after.or(changed.before).ok_or(Error::NotFound)
        })
        .await
    }
}
