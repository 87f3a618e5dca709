//! `JobQueue`: the jobs that were accepted and how far each has come, so that a restart goes on with them.
//!
//! It only remembers: who draws next, how many at once and how often is the origin's to decide. A job that has ended
//! stays until it is trimmed, without its prompts. Every backend runs the suite in `conformance`.

use std::fmt::Debug;

use async_trait::async_trait;
use orbit_model::{ImageId, JobId, QueuedJob, Slot};

use crate::Error;

#[cfg(test)]
pub(crate) mod conformance;
mod memory;

pub use memory::MemoryQueue;

/// Jobs in the order in which they were accepted; every call is atomic.
#[async_trait]
pub trait JobQueue: Send + Sync + Debug {
    /// Notes an accepted job, durably: it is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::Conflict`] where a job has that name; [`Error::Invalid`] where concepts, ids and slots are not as many.
    async fn add(&self, job: &QueuedJob) -> Result<(), Error>;

    /// Notes how far one image of a job has come; it survives the process, but perhaps not a power cut. With the last
    /// image that becomes final, the job's prompts are blanked.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such job or it has no such image.
    async fn set(&self, job: &JobId, index: usize, slot: &Slot) -> Result<(), Error>;

    /// Looks a job up, whether it has ended or not.
    ///
    /// # Errors
    /// Only those of the backend: an unknown job is `None`.
    async fn get(&self, job: &JobId) -> Result<Option<QueuedJob>, Error>;

    /// Finds the job of an image that is or was to be made, and the image's place in it; of several, the last job.
    ///
    /// # Errors
    /// Only those of the backend: an unknown image is `None`.
    async fn find_image(&self, id: &ImageId) -> Result<Option<(JobId, usize)>, Error>;

    /// Reads the jobs with an image that is not final, in the order in which they were accepted.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn unfinished(&self) -> Result<Vec<QueuedJob>, Error>;

    /// Reads the `limit` ended jobs that were accepted last, in the order in which they were accepted.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn ended(&self, limit: usize) -> Result<Vec<QueuedJob>, Error>;

    /// Forgets the ended jobs but the `keep` that were accepted last; tells how many it forgot.
    ///
    /// # Errors
    /// Only those of the backend.
    async fn trim(&self, keep: usize) -> Result<u64, Error>;
}

/// Checks that a job has an id and a slot for each concept.
pub(crate) fn check(job: &QueuedJob) -> Result<(), Error> {
    let concepts = job.request.concepts.len();
    if job.ids.len() == concepts && job.slots.len() == concepts {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{} has {concepts} concepts, {} ids and {} slots; there must be one of each for each image",
        job.job,
        job.ids.len(),
        job.slots.len()
    )))
}

pub(crate) fn taken(job: &JobId) -> Error {
    Error::Conflict(format!("{job} is the name of another job"))
}
