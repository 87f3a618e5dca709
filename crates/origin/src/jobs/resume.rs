//! Resuming: what was accepted before the process began, and has not ended.
//!
//! Images that are stored are not drawn again, and what was told is not told again; the rest goes back into the queue. What
//! was being drawn at the end is drawn again, or fails, as configured.

use std::collections::BTreeMap;
use std::sync::Arc;

use orbit_model::{Event, JobFailure, JobState, Metadata, QueuedJob, Slot};

use super::{Batch, Brief};
use crate::config::Interrupted;
use crate::generate::worker;
use crate::{Error, Origin};

/// Events that are read from the log at a time.
const BATCH: usize = 1000;

/// What was told of a job before the process ended.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The images whose end was told, and why it was none.
    pub(super) images: BTreeMap<usize, Option<JobFailure>>,
    /// Whether the end of the job was.
    end: bool,
    /// Whether anything was.
    pub(super) is_begun: bool,
}

impl Origin {
    /// Goes on with the jobs that the last run left; tells how many concepts they still have. Call it once, before the first
    /// request.
    ///
    /// # Errors
    /// [`Error::Internal`] where the queue cannot be read.
    pub async fn resume(&self) -> Result<usize, Error> {
        let mut open = 0;
        if self.nodes().is_some() {
            // Others may be at work on them: `shared` finds out, as soon as it runs.
            return Ok(open);
        }
        for queued in self.0.parts.queue.unfinished().await? {
            let told = self.told(&queued).await?;
            open += self.resume_job(queued, told, |_| ()).await?.open().len();
        }
        Ok(open)
    }

    /// Goes on with a job, of which this was told; `entered` sees it before anything happens to it.
    pub(super) async fn resume_job(
        &self,
        queued: QueuedJob,
        told: Told,
        entered: impl FnOnce(&Arc<Batch>),
    ) -> Result<Arc<Batch>, Error> {
        let mut batch = Batch::of(queued, Brief::default());
        batch.end_was_told = told.end;
        for (index, id) in batch.ids.iter().enumerate() {
            let slot = batch.slot(index);
            if slot.state == JobState::Done {
                let stored = self.stored(id).await?;
                let public = stored.map(|manifest| Metadata::public(&manifest, &self.config().public_base_url));
                batch.set(index, slot, public);
            }
        }
        let batch = self.0.jobs.enter_again(batch);
        entered(&batch);
        for index in batch.open() {
            let (of_image, gives_up) = (told.images.get(&index).cloned(), self.gives_up(&batch.slot(index)));
            batch.requeue(index);
            let (origin, batch) = (self.clone(), Arc::clone(&batch));
            self.0.jobs.work_on(async move {
                match (of_image, gives_up) {
                    (Some(failure), _) => worker::finish_quietly(&origin, &batch, index, failure).await,
                    (None, true) => worker::finish_interrupted(&origin, &batch, index).await,
                    (None, false) => worker::work(origin, batch, index).await,
                }
            });
        }
        Ok(batch)
    }

    /// Whether an image is not drawn again: as configured, and where every try has ended with the process.
    fn gives_up(&self, slot: &Slot) -> bool {
        let fails = self.config().interrupted == Interrupted::Fail;
        slot.state == JobState::Running && (fails || slot.attempts >= self.config().generation_attempts)
    }

    /// What was told of a job.
    pub(super) async fn told(&self, queued: &QueuedJob) -> Result<Told, Error> {
        let (mut told, mut after) = (Told::default(), queued.after);
        loop {
            let batch = self.0.parts.events.read_after(&queued.request.thread_id, Some(after), BATCH).await?;
            let Some((last, _)) = batch.last() else { return Ok(told) };
            after = *last;
            for (_, event) in batch.iter().filter(|(_, event)| event.job() == Some(&queued.job)) {
                told.is_begun = true;
                match &**event {
                    Event::ConceptProgress(data) => drop(told.images.insert(data.index, None)),
                    Event::ConceptFailed(data) => {
                        let failure = JobFailure { code: data.code.clone(), message: data.message.clone() };
                        told.images.insert(data.index, Some(failure));
                    }
                    Event::ConceptsGenerated(_) => told.end = true,
                    _ => {}
                }
            }
        }
    }
}
