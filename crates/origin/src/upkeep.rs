//! Keeping the store in order while the origin runs: what nobody asks for and somebody must do.
//!
//! Called by [`Origin::tend`] alone, beside the work of `background`.

use crate::Origin;

impl Origin {
    /// Reads the manifests of a bucket that others write to, so that lists show what they have stored.
    pub(crate) async fn catch_up(&self) {
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
