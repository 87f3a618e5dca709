//! Pictures that are not finished, for readers of any node: one node draws, and another is asked.

use futures_util::future::try_join_all;
use orbit_model::ImageId;
use redis::{Value, cmd};

use super::Board;
use crate::Error;

/// How long one is shown, in seconds.
const SHOWN: u64 = 120;

impl Board {
    /// Shows a picture under its name, for two minutes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn show(&self, name: &ImageId, bytes: &[u8]) -> Result<(), Error> {
        self.0.ask::<Value>(cmd("SET").arg(key(name)).arg(bytes).arg("EX").arg(SHOWN)).await.map(|_| ())
    }

    /// The picture that is shown under a name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn shown(&self, name: &ImageId) -> Result<Option<Vec<u8>>, Error> {
        self.0.ask(cmd("GET").arg(key(name))).await
    }

    /// Shows pictures no longer.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hide(&self, names: &[ImageId]) -> Result<(), Error> {
        let hidden = names.iter().map(|name| async move { self.0.ask::<Value>(cmd("DEL").arg(key(name))).await });
        try_join_all(hidden).await.map(|_| ())
    }
}

fn key(name: &ImageId) -> String {
    format!("orbit:preview:{name}")
}
