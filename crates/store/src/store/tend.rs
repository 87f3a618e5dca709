//! Mending an index that others have too, while the process runs: what it could not be told is told, and what was lost of it is
//! made again. An index that only this process has is mended at its start, by `recovery`.

use std::time::Duration;

use super::{Reindexed, Store};
use crate::Error;
use crate::index::Want;

/// The pause after something could not be mended.
const PAUSE: Duration = Duration::from_secs(2);

/// What was mended, or was not.
#[derive(Debug)]
pub enum Mended {
    /// The rows of so many images say what is stored.
    Rows(usize),
    /// The index was made anew.
    Index(Reindexed),
    /// It did not work, and is tried again.
    Failed(Error),
}

impl Store {
    /// Mends for as long as it is awaited, and tells what.
    pub async fn tend(&self, mut told: impl FnMut(Mended) + Send) {
        loop {
            let mended = match self.0.index.wants().await {
                Want::Rebuild => self.reindex(|_| ()).await.map(Mended::Index),
                Want::Rows(ids) => {
                    let mut outcome = Ok(Mended::Rows(ids.len()));
                    for id in ids {
                        if let Err(error) = self.settle_row(&id).await {
                            outcome = Err(error);
                        }
                    }
                    outcome
                }
            };
            let failed = mended.is_err();
            told(mended.unwrap_or_else(Mended::Failed));
            if failed {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Whether other nodes have the same index.
    #[must_use]
    pub fn has_shared_index(&self) -> bool {
        self.0.index.is_shared()
    }

    /// What the store cannot do at this moment, in a word for people; `None` where all is well.
    #[must_use]
    pub fn degraded(&self) -> Option<&'static str> {
        self.0.index.degraded()
    }
}
