//! Keeping the store in order while the origin runs: what nobody asks for and somebody must do.
//!
//! Called by [`Origin::tend`] alone, beside the work of `background`.

use orbit_store::Mended;

use crate::Origin;

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
}
