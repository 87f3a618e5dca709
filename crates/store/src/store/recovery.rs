//! Repair: bringing the index to what the manifests say.
//!
//! [`Store::recover`] looks at the images with an intent, [`Store::reindex`] at all of them; both settle each image
//! under its lock, and so may run while others read and write.

use futures_util::future::join_all;
use orbit_model::{ImageId, Manifest};

use super::{Parts, Store};
use crate::Error;

/// How many names are read at once.
const BATCH: usize = 1_000;
/// How many images are settled at once: the files of some are read while the rows of others are written.
const AT_ONCE: usize = 8;

/// What [`Store::recover`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Images that were being changed and are whole.
    pub kept: u64,
    /// Images that were being written or removed and are gone.
    pub removed: u64,
    /// Images whose manifest cannot be read; their files are left alone.
    pub corrupt: Vec<ImageId>,
    /// What a rebuild found, where the index was new or its last rebuild was cut short.
    pub rebuilt: Option<Reindexed>,
}

/// What [`Store::reindex`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Images that are listed now.
    pub images: u64,
    /// Rows without an image, and leftovers without a manifest, that were removed.
    pub removed: u64,
    /// Images whose manifest cannot be read; they are not listed, and their files are left alone.
    pub corrupt: Vec<ImageId>,
}

/// How an image was settled.
pub(super) enum Settled {
    Kept,
    Removed,
    /// There is no manifest, and that is left as it is.
    Unwritten,
    Corrupt,
}

impl Store {
    /// Settles what a crash left half done, and makes the index anew where it is incomplete; to be called once, before
    /// serving. Where others write too, the index is left for [`Store::reindex`], which may take long and runs beside the
    /// serving: what they have stored meanwhile is not listed before.
    ///
    /// # Errors
    /// Those of the backends; what was settled until then stays settled.
    pub async fn recover(&self) -> Result<Recovered, Error> {
        let mut recovered = Recovered::default();
        for id in self.0.index.intents().await? {
            match self.settle(&id).await? {
                Settled::Kept => recovered.kept += 1,
                Settled::Removed => recovered.removed += 1,
                Settled::Unwritten => {}
                Settled::Corrupt => recovered.corrupt.push(id),
            }
        }
        let is_shared = self.has_other_writers() || self.0.index.is_shared();
        if !is_shared && !self.0.index.is_complete().await? {
            recovered.rebuilt = Some(self.reindex(|_| ()).await?);
        }
        Ok(recovered)
    }

    /// Removes what changes left that did not come to their end, of every image; where others write too, what is old of it.
    /// `progress` is told how many images were looked at.
    ///
    /// # Errors
    /// Those of the backends; what was removed until then stays removed.
    pub async fn sweep(&self, mut progress: impl FnMut(u64) + Send) -> Result<(), Error> {
        let mut looked_at = 0;
        let mut ids = self.ids(None, BATCH).await?;
        while let Some(last) = ids.last().cloned() {
            for some in ids.chunks(AT_ONCE) {
                let swept = join_all(some.iter().map(|id| self.settle(id))).await;
                swept.into_iter().collect::<Result<Vec<_>, _>>()?;
                looked_at += some.len() as u64;
                progress(looked_at);
            }
            ids = self.ids(Some(&last), BATCH).await?;
        }
        Ok(())
    }

    /// Makes the index anew from the manifests alone; `progress` is told how many images were looked at.
    ///
    /// Lists stay whole meanwhile: rows go only once it is known that their images are gone. If it is cut short, the
    /// next [`Store::recover`] begins it again.
    ///
    /// # Errors
    /// Those of the backends; a manifest that cannot be read is reported and passed over.
    pub async fn reindex(&self, mut progress: impl FnMut(u64) + Send) -> Result<Reindexed, Error> {
        let mut reindexed = Reindexed::default();
        let mut looked_at = 0;
        self.0.index.begin_rebuild().await?;
        let mut ids = self.ids(None, BATCH).await?;
        while let Some(last) = ids.last().cloned() {
            for some in ids.chunks(AT_ONCE) {
                // All of them have ended before an error is told: none is still at work then.
                let settled = join_all(some.iter().map(|id| self.settle_again(id))).await;
                for (id, settled) in some.iter().zip(settled) {
                    match settled? {
                        Settled::Kept => reindexed.images += 1,
                        Settled::Removed => reindexed.removed += 1,
                        Settled::Unwritten => {}
                        Settled::Corrupt => reindexed.corrupt.push(id.clone()),
                    }
                    looked_at += 1;
                    progress(looked_at);
                }
            }
            ids = self.ids(Some(&last), BATCH).await?;
        }
        reindexed.removed += self.0.index.finish_rebuild().await?;
        Ok(reindexed)
    }

    /// Settles an image under its lock, to the end even if this future is dropped.
    ///
    /// Where others write too, only the row: their leftovers are not ours to look for at every image. In an index that others
    /// have too, what they have settled since the rebuild began is newer than what is read here.
    async fn settle_again(&self, id: &ImageId) -> Result<Settled, Error> {
        match (self.0.index.is_shared(), self.has_other_writers()) {
            (true, _) => match self.0.manifest(id).await {
                Ok(manifest) => self.0.index.refill(&manifest).await.map(|()| Settled::Kept),
                Err(Error::NotFound) => Ok(Settled::Unwritten),
                Err(Error::Corrupt { .. }) => Ok(Settled::Corrupt),
                Err(error) => Err(error),
            },
            (false, true) => self.settle_row(id).await,
            (false, false) => self.settle(id).await,
        }
    }

    /// Makes an image's row alone say what its manifest says, under its lock, to the end even if this future is dropped.
    pub(super) async fn settle_row(&self, id: &ImageId) -> Result<Settled, Error> {
        let (store, id) = (self.clone(), id.clone());
        Self::detached(async move {
            let _changing = store.0.lock(&id).await;
            match store.0.manifest(&id).await {
                Ok(manifest) => store.0.write_row(&id, Some(manifest)).await.map(|_| Settled::Kept),
                Err(Error::NotFound) => store.0.write_row(&id, None).await.map(|_| Settled::Removed),
                Err(Error::Corrupt { .. }) => store.0.write_row(&id, None).await.map(|_| Settled::Corrupt),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Settles an image under its lock, to the end even if this future is dropped.
    async fn settle(&self, id: &ImageId) -> Result<Settled, Error> {
        let (store, id) = (self.clone(), id.clone());
        Self::detached(async move {
            let _changing = store.0.lock(&id).await;
            store.0.settle(&id).await
        })
        .await
    }
}

impl Parts {
    /// Makes files and row of an image say what its manifest says; called under the image's lock.
    pub(super) async fn settle(&self, id: &ImageId) -> Result<Settled, Error> {
        match self.manifest(id).await {
            Ok(manifest) => self.keep(&manifest).await,
            Err(Error::NotFound) => {
                // Another process may be about to store it: then only what is old goes.
                if self.blobs.has_other_writers() {
                    self.blobs.retain(id, &[]).await?;
                } else {
                    self.blobs.delete_image(id).await?;
                }
                self.write_row(id, None).await?;
                Ok(Settled::Removed)
            }
            Err(Error::Corrupt { .. }) => {
                self.index.settle(id, None).await?;
                Ok(Settled::Corrupt)
            }
            Err(error) => Err(error),
        }
    }

    async fn keep(&self, manifest: &Manifest) -> Result<Settled, Error> {
        self.retain(manifest).await?;
        self.write_row(&manifest.id, Some(manifest.clone())).await?;
        Ok(Settled::Kept)
    }
}
