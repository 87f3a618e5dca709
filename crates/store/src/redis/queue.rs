//! `SharedQueue`: the job queue of a node among others. What it accepted itself is in its journal; what any node knows, on the board.

use async_trait::async_trait;
use orbit_model::{ImageId, JobId, QueuedJob, Slot};

use super::Board;
use crate::{Error, JobQueue, Journal};

/// Reads from the board, and in an outage from the journal; writes to the journal.
#[derive(Debug)]
pub struct SharedQueue {
    journal: Journal,
    board: Board,
}

impl SharedQueue {
    /// The queue of the node with this journal.
    #[must_use]
    pub fn new(journal: Journal, board: Board) -> Self {
        Self { journal, board }
    }
}

#[async_trait]
impl JobQueue for SharedQueue {
    async fn add(&self, job: &QueuedJob) -> Result<(), Error> {
        self.journal.add(job).await
    }

    async fn set(&self, job: &JobId, index: usize, slot: &Slot) -> Result<(), Error> {
        self.journal.set(job, index, slot).await
    }

    async fn get(&self, job: &JobId) -> Result<Option<QueuedJob>, Error> {
        match self.board.look(job).await {
            Ok(Some(posted)) => Ok(Some(posted.job)),
            Ok(None) | Err(Error::Unavailable(_)) => self.journal.get(job).await,
            Err(error) => Err(error),
        }
    }

    async fn find_image(&self, id: &ImageId) -> Result<Option<(JobId, usize)>, Error> {
        match self.board.find_image(id).await {
            Ok(Some(place)) => Ok(Some(place)),
            Ok(None) | Err(Error::Unavailable(_)) => self.journal.find_image(id).await,
            Err(error) => Err(error),
        }
    }

    async fn unfinished(&self) -> Result<Vec<QueuedJob>, Error> {
        self.journal.unfinished().await
    }

    async fn ended(&self, limit: usize) -> Result<Vec<QueuedJob>, Error> {
        self.journal.ended(limit).await
    }

    async fn trim(&self, keep: usize) -> Result<u64, Error> {
        self.journal.trim(keep).await
    }
}
