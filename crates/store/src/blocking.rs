//! The one way from async code to the disk: a closure on tokio's blocking threads.
//!
//! Such a closure runs to its end even where the future that waits for it is dropped.

use crate::Error;

/// Runs `work` on a blocking thread and waits for it; a panic in it is an error here.
pub(crate) async fn run<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
