//! Keeping the store in order while the origin runs: what nobody asks for and somebody must do.
//!
//! Called by [`Origin::tend`] alone, beside the work of `background`, but for [`Origin::note_use`], which every answer calls.

use std::time::Duration;

use orbit_model::{ImageId, Manifest, PurgeRequest};
use orbit_store::{Going, Mended};

use crate::background::Chore;
use crate::{Error, Origin};

/// How exact the last use of an image is: a write of its manifest, once in that time, and only where anything goes by it.
const USE: Duration = Duration::from_secs(24 * 3600);

impl Origin {
    /// Mends an index that others have too; else reads the manifests of a bucket that others write to, so that lists show what
    /// they have stored.
    pub(crate) async fn catch_up(&self) {
        if self.store().has_shared_index() {
            let tend = self.store().tend(|mended| match mended {
                Mended::Rows(rows) => tracing::info!(target: "orbit::origin", rows, "the shared index was told of changes"),
                Mended::Index(made) => {
                    tracing::info!(target: "orbit::origin", images = made.images, removed = made.removed, "the shared index was made anew");
                }
                Mended::Failed(error) => {
                    tracing::warn!(target: "orbit::origin", %error, "the shared index is not right yet; it is tried again");
                }
            });
            let _ = self.0.stopping.run_until_cancelled(tend).await;
            return;
        }
        if !self.config().catch_up {
            return;
        }
        let read = self.store().reindex(|_| ());
        match self.0.stopping.run_until_cancelled(read).await {
            None => {}
            Some(Ok(read)) => tracing::info!(target: "orbit::origin", images = read.images, "the index is complete"),
            Some(Err(error)) => {
                tracing::warn!(target: "orbit::origin", %error, "the index is incomplete until the next start");
            }
        }
    }

    /// Lets go of what is too much, now and then again, until the origin stops.
    pub(crate) async fn collect(&self) {
        if self.config().bounds.is_none() {
            return;
        }
        let stopping = &self.0.stopping;
        loop {
            match stopping.run_until_cancelled(self.collect_once()).await {
                None => return,
                // There may be more than was named at once.
                Some(Ok(1..)) => continue,
                Some(Ok(0)) => {}
                Some(Err(error)) => {
                    tracing::warn!(target: "orbit::origin", %error, "could not keep the store within its bounds");
                }
            }
            if stopping.run_until_cancelled(tokio::time::sleep(self.config().collect_interval)).await.is_none() {
                return;
            }
        }
    }

    /// Tells of how many images something was let go.
    async fn collect_once(&self) -> Result<u64, Error> {
        let excess = self.store().excess(&self.config().bounds, self.now()).await?;
        let (mut images, mut bytes, mut full) = (0, 0, None);
        for one in excess {
            let let_go = match one.going {
                Going::Image => {
                    self.purge(PurgeRequest { ids: vec![one.id], ..PurgeRequest::default() }).await.map(|_| one.bytes)
                }
                Going::Parts { .. } => {
                    let origin = self.clone();
                    self.detached(async move { Ok(origin.store().let_go(&one).await?) }).await
                }
            };
            match let_go {
                Ok(0) | Err(Error::NotFound(_)) => {}
                Ok(let_go) => (images, bytes) = (images + 1, bytes + let_go),
                // A manifest cannot be written; the removal of a whole image still may make room.
                Err(error @ Error::Full(_)) => full = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let (0, Some(error)) = (images, full) {
            return Err(error);
        }
        if images > 0 {
            tracing::info!(target: "orbit::origin", images, bytes, "let go of what was too much");
        }
        Ok(images)
    }

    /// Notes that somebody has asked for an image, if anything goes by that.
    pub(crate) fn note_use(&self, manifest: &Manifest) {
        let age = self.now().duration_since(manifest.last_use());
        if !self.config().bounds.is_none() && Duration::try_from(age).is_ok_and(|age| age > USE) {
            self.0.background.add(Chore::NoteUse(manifest.id.clone()));
        }
    }

    /// Writes the use of an image into its manifest.
    pub(crate) async fn write_use(&self, id: &ImageId) -> Result<(), Error> {
        let now = self.now();
        self.store().amend(id, Vec::new(), move |it| Ok(Manifest { used_at: Some(now), ..it })).await?;
        Ok(())
    }
}
