//! Accepting a job: checked, entered or joined, noted durably, begun.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orbit_model::{Concept, ImageId, JobFailure, JobRequest, JobState};
use tokio::sync::OwnedMutexGuard;

use super::{Batch, Brief};
use crate::generate::worker;
use crate::upload::labels::{MAX_PROMPT, MAX_SHORT};
use crate::{Error, Origin};

/// The most concepts in one request.
const MAX_CONCEPTS: usize = 100;

impl Origin {
    /// Accepts a job, or joins an equal one in flight; its images have their ids and URLs from now on.
    pub(crate) async fn accept(&self, request: JobRequest, brief: Brief) -> Result<Arc<Batch>, Error> {
        let batch = self.prepare(&request, brief).await?;
        self.accept_here(request, batch).await
    }

    /// Checks a request, and names the job and its images.
    pub(super) async fn prepare(&self, request: &JobRequest, brief: Brief) -> Result<Batch, Error> {
        if self.0.stopping.is_cancelled() {
            return Err(Error::busy());
        }
        self.check(request)?;
        let after = *self.0.parts.events.subscribe(&request.thread_id).await?.borrow();
        Ok(Batch::new(request.clone(), brief, after, self.now()))
    }

    /// Accepts a job for this node, or joins an equal one that it has.
    pub(super) async fn accept_here(&self, request: JobRequest, batch: Batch) -> Result<Arc<Batch>, Error> {
        if let Some(done) = self.done_before(&batch).await? {
            return Ok(done);
        }
        // Locked before anybody can find it.
        let accepting = Arc::clone(&batch.accepting).lock_owned().await;
        let (batch, is_new) = self.0.jobs.enter(batch)?;
        if is_new {
            // In a task of its own: whoever brought it may leave, and others may have joined it.
            let (origin, batch) = (self.clone(), Arc::clone(&batch));
            self.detached(async move { origin.note(request, &batch, accepting).await }).await?;
        } else {
            let _noted = batch.accepting.lock().await;
        }
        if batch.refused.load(Ordering::SeqCst) { Err(Error::busy()) } else { Ok(batch) }
    }

    /// The finished job that is an answer to a request that allows it, if all its images are there still.
    async fn done_before(&self, batch: &Batch) -> Result<Option<Arc<Batch>>, Error> {
        let Some(done) = self.0.jobs.find_done(batch) else { return Ok(None) };
        for id in &done.ids {
            if self.stored(id).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(done))
    }

    /// Notes a new job and begins it; one that cannot be noted fails as a whole.
    async fn note(&self, request: JobRequest, batch: &Arc<Batch>, accepting: OwnedMutexGuard<()>) -> Result<(), Error> {
        if !batch.brief.waited_for
            && let Err(error) = self.0.parts.queue.add(&batch.queued(request)).await
        {
            batch.refused.store(true, Ordering::SeqCst);
            let failure = JobFailure { code: "internal".to_owned(), message: "the job was not accepted".to_owned() };
            for index in batch.open() {
                self.0.jobs.end(batch, index, Err((JobState::Failed, failure.clone())));
            }
            return Err(error.into());
        }
        drop(accepting);
        self.begin(batch);
        Ok(())
    }

    /// Begins to work on what is open in a batch.
    pub(super) fn begin(&self, batch: &Arc<Batch>) {
        for index in batch.open() {
            self.0.jobs.work_on(worker::work(self.clone(), Arc::clone(batch), index));
        }
    }

    fn check(&self, request: &JobRequest) -> Result<(), Error> {
        let count = request.concepts.len();
        if count == 0 || count > MAX_CONCEPTS {
            return Err(Error::Invalid(format!("send from 1 to {MAX_CONCEPTS} concepts, not {count}")));
        }
        if request.concurrency == Some(0) {
            return Err(Error::Invalid("`concurrency` must be at least 1".to_owned()));
        }
        if request.partial_images.is_some_and(|previews| previews > ImageId::MAX_PREVIEWS) {
            return Err(Error::Invalid(format!("`partial_images` must be from 0 to {}", ImageId::MAX_PREVIEWS)));
        }
        for (index, concept) in request.concepts.iter().enumerate() {
            check_concept(concept).map_err(|what| Error::Invalid(format!("concept {index}: {what}")))?;
            self.0.parts.models.find(concept.model.as_deref())?;
        }
        Ok(())
    }
}

fn check_concept(concept: &Concept) -> Result<(), String> {
    if concept.prompt.trim().is_empty() {
        return Err("`prompt` must say what to draw".to_owned());
    }
    let fields = [
        ("prompt", Some(&concept.prompt), MAX_PROMPT),
        ("style", concept.style.as_ref(), MAX_SHORT),
        ("title", concept.title.as_ref(), MAX_SHORT),
        ("model", concept.model.as_ref(), MAX_SHORT),
    ];
    for (name, value, max) in fields {
        if value.is_some_and(|text| text.len() > max) {
            return Err(format!("`{name}` may be at most {max} bytes long"));
        }
    }
    worker::size(concept).map(|_| ())
}
