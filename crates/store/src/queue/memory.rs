//! `MemoryQueue`: the job queue in memory, for tests. It is lost with the process, and looks at every job in turn.

use async_trait::async_trait;
use orbit_model::{ImageId, JobId, QueuedJob, Slot};
use parking_lot::Mutex;

use super::{JobQueue, check, taken};
use crate::Error;

/// Jobs in memory, the one that was accepted first at the front.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    /// Held for one call and never over an await.
    jobs: Mutex<Vec<QueuedJob>>,
}

#[async_trait]
impl JobQueue for MemoryQueue {
    async fn add(&self, job: &QueuedJob) -> Result<(), Error> {
        check(job)?;
        let mut jobs = self.jobs.lock();
        if jobs.iter().any(|other| other.job == job.job) {
            return Err(taken(&job.job));
        }
        let mut job = job.clone();
        blank_ended(&mut job);
        jobs.push(job);
        Ok(())
    }

    async fn set(&self, job: &JobId, index: usize, slot: &Slot) -> Result<(), Error> {
        let mut jobs = self.jobs.lock();
        let job = jobs.iter_mut().find(|other| other.job == *job).ok_or(Error::NotFound)?;
        *job.slots.get_mut(index).ok_or(Error::NotFound)? = slot.clone();
        blank_ended(job);
        Ok(())
    }

    async fn get(&self, job: &JobId) -> Result<Option<QueuedJob>, Error> {
        Ok(self.jobs.lock().iter().find(|other| other.job == *job).cloned())
    }

    async fn find_image(&self, id: &ImageId) -> Result<Option<(JobId, usize)>, Error> {
        let jobs = self.jobs.lock();
        let place =
            |job: &QueuedJob| job.ids.iter().position(|other| other == id).map(|index| (job.job.clone(), index));
        Ok(jobs.iter().rev().find_map(place))
    }

    async fn unfinished(&self) -> Result<Vec<QueuedJob>, Error> {
        Ok(self.jobs.lock().iter().filter(|job| !job.has_ended()).cloned().collect())
    }

    async fn ended(&self, limit: usize) -> Result<Vec<QueuedJob>, Error> {
        let ended: Vec<_> = self.jobs.lock().iter().filter(|job| job.has_ended()).cloned().collect();
        Ok(ended[ended.len().saturating_sub(limit)..].to_vec())
    }

    async fn trim(&self, keep: usize) -> Result<u64, Error> {
        let mut jobs = self.jobs.lock();
        let before = jobs.len();
        let ended = jobs.iter().filter(|job| job.has_ended()).count();
        let mut surplus = ended.saturating_sub(keep);
        jobs.retain(|job| {
            let goes = surplus > 0 && job.has_ended();
            surplus -= usize::from(goes);
            !goes
        });
        Ok((before - jobs.len()) as u64)
    }
}

fn blank_ended(job: &mut QueuedJob) {
    if job.has_ended() {
        job.request.forget_prompts();
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryQueue;
    use crate::queue::conformance::job_queue_laws;

    async fn open() -> (MemoryQueue, ()) {
        (MemoryQueue::default(), ())
    }

    job_queue_laws!(open);
}
