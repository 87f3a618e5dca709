//! Resuming: what was accepted before the process began, and has not ended.
//!
//! Images that are stored are not drawn again, and what was told is not told again; the rest goes back into the queue. What
//! was being drawn at the end is drawn again, or fails, as configured.

use std::sync::Arc;

use orbit_model::{Event, ImageId, JobState, Metadata, QueuedJob, Slot};

use super::{Batch, Brief};
use crate::config::Interrupted;
use crate::generate::worker;
use crate::{Error, Origin};

/// Events that are read from the log at a time.
const BATCH: usize = 1000;

impl Origin {
    /// Goes on with the jobs that the last run left; tells how many concepts they still have. Call it once, before the first
    /// request.
    ///
    /// # Errors
    /// [`Error::Internal`] where the queue cannot be read.
    pub async fn resume(&self) -> Result<usize, Error> {
        let mut open = 0;
        for queued in self.0.parts.queue.unfinished().await? {
            open += self.resume_job(queued).await?;
        }
        Ok(open)
    }

    async fn resume_job(&self, queued: QueuedJob) -> Result<usize, Error> {
        let told = self.told(&queued).await?;
        let batch = self.0.jobs.enter_again(Batch::of(queued, Brief::default()));
        for (index, id) in batch.ids.iter().enumerate() {
            let slot = batch.slot(index);
            if slot.state == JobState::Done {
                batch.set(index, slot, self.public_metadata(id).await?);
            }
        }
        let open = batch.open();
        for &index in &open {
            let (told, gives_up) = (told.contains(&index), self.gives_up(&batch.slot(index)));
            batch.requeue(index);
            let (origin, batch) = (self.clone(), Arc::clone(&batch));
            self.0.jobs.work_on(async move {
                match (told, gives_up) {
                    (true, _) => worker::finish_quietly(&origin, &batch, index).await,
                    (false, true) => worker::finish_interrupted(&origin, &batch, index).await,
                    (false, false) => worker::work(origin, batch, index).await,
                }
            });
        }
        Ok(open.len())
    }

    /// Whether an image is not drawn again: as configured, and where every try has ended with the process.
    fn gives_up(&self, slot: &Slot) -> bool {
        let fails = self.config().interrupted == Interrupted::Fail;
        slot.state == JobState::Running && (fails || slot.attempts >= self.config().generation_attempts)
    }

    async fn public_metadata(&self, id: &ImageId) -> Result<Option<Metadata>, Error> {
        match self.store().manifest(id).await {
            Ok(manifest) => Ok(Some(Metadata::public(&manifest, &self.config().public_base_url))),
            Err(orbit_store::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The images of a job whose coming was told.
    async fn told(&self, queued: &QueuedJob) -> Result<Vec<usize>, Error> {
        let (mut told, mut after) = (Vec::new(), queued.after);
        loop {
            let batch = self.0.parts.events.read_after(&queued.request.thread_id, Some(after), BATCH).await?;
            let Some((last, _)) = batch.last() else { return Ok(told) };
            after = *last;
            told.extend(batch.iter().filter_map(|(_, event)| match &**event {
                Event::ConceptProgress(data) if data.job == queued.job => Some(data.index),
                _ => None,
            }));
        }
    }
}
