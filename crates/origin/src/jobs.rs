//! Jobs: batches of concepts, accepted at once and worked off in the background.
//!
//! A request equal to one still in flight joins it. The queue is bounded; what does not fit is refused as a whole. Each
//! concept is a task that waits for one of the workers' turns; finished jobs are remembered for a while.

pub(crate) mod routes;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orbit_model::{Concept, Digest, ImageId, Job, JobId, JobImage, JobRequest, JobState, JobStats, Metadata, ThreadId};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;

/// Finished jobs that are remembered.
const MAX_REMEMBERED: usize = 1000;

/// All jobs of this process.
#[derive(Debug)]
pub(crate) struct Jobs {
    book: Mutex<Book>,
    /// One permit for each concept that may be drawn at once; first come, first served.
    pub(crate) turns: Semaphore,
    /// One task for each concept that is not final.
    pub(crate) tasks: TaskTracker,
    queued: AtomicUsize,
    running: AtomicUsize,
    max_queued: usize,
}

#[derive(Debug, Default)]
struct Book {
    by_id: HashMap<JobId, Arc<Batch>>,
    /// Jobs that are not final, by what they were asked for: whom an equal request joins.
    in_flight: HashMap<Digest, JobId>,
    finished: VecDeque<JobId>,
}

/// One job: what was asked for, and how far each image has come.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) id: JobId,
    pub(crate) thread_id: ThreadId,
    /// What is still to be drawn, in order; each is taken out by who draws it, so that a finished job holds no prompts.
    concepts: Mutex<Vec<Option<Concept>>>,
    pub(crate) ids: Vec<ImageId>,
    pub(crate) cancelled: CancellationToken,
    /// The event stream from just before the job.
    pub(crate) events: String,
    /// Held from the end of a concept until it is told, so that the end of the job is told last.
    pub(crate) telling: tokio::sync::Mutex<()>,
    fingerprint: Digest,
    /// One slot a concept, in order; changed under the lock only.
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug, Clone)]
struct Slot {
    state: JobState,
    image: Option<Metadata>,
}

/// How far a batch was when one of its images ended.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Stored so far.
    pub(crate) completed: usize,
    /// Set once: with the last image, all that came, in order.
    pub(crate) all: Option<Vec<Metadata>>,
}

impl Jobs {
    pub(crate) fn new(workers: usize, max_queued: usize) -> Self {
        Self {
            book: Mutex::default(),
            turns: Semaphore::new(workers),
            tasks: TaskTracker::new(),
            queued: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            max_queued,
        }
    }

    /// Enters a batch, or returns the equal one that is in flight; `true` where it is new.
    pub(crate) fn enter(&self, batch: Batch) -> Result<(Arc<Batch>, bool), Error> {
        let mut book = self.book.lock();
        if let Some(joined) = book.in_flight.get(&batch.fingerprint).and_then(|id| book.by_id.get(id))
            && !joined.cancelled.is_cancelled()
        {
            return Ok((Arc::clone(joined), false));
        }
        let count = batch.ids.len();
        if self.queued.load(Ordering::SeqCst) + count > self.max_queued {
            return Err(Error::Busy);
        }
        self.queued.fetch_add(count, Ordering::SeqCst);
        let batch = Arc::new(batch);
        book.in_flight.insert(batch.fingerprint, batch.id.clone());
        book.by_id.insert(batch.id.clone(), Arc::clone(&batch));
        Ok((batch, true))
    }

    pub(crate) fn find(&self, id: &JobId) -> Option<Arc<Batch>> {
        self.book.lock().by_id.get(id).cloned()
    }

    /// A concept has got its turn.
    pub(crate) fn begin(&self, batch: &Batch, index: usize) {
        self.queued.fetch_sub(1, Ordering::SeqCst);
        self.running.fetch_add(1, Ordering::SeqCst);
        batch.set(index, Slot { state: JobState::Running, image: None });
    }

    /// A concept has ended, with its image or in a final state without one; `began` says whether it had its turn.
    pub(crate) fn end(&self, batch: &Batch, index: usize, ended: Result<Metadata, JobState>, began: bool) -> Progress {
        let counter = if began { &self.running } else { &self.queued };
        counter.fetch_sub(1, Ordering::SeqCst);
        let slot = match ended {
            Ok(image) => Slot { state: JobState::Done, image: Some(image) },
            Err(state) => Slot { state, image: None },
        };
        let progress = batch.set(index, slot);
        if progress.all.is_some() {
            self.close(batch);
        }
        progress
    }

    /// Waits until no concept is queued or running; no new ones must come.
    pub(crate) async fn idle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(crate) fn stats(&self) -> JobStats {
        JobStats {
            queued: self.queued.load(Ordering::SeqCst) as u64,
            running: self.running.load(Ordering::SeqCst) as u64,
        }
    }

    fn close(&self, batch: &Batch) {
        let mut book = self.book.lock();
        // A later job may have taken the place of one that was cancelled.
        if book.in_flight.get(&batch.fingerprint) == Some(&batch.id) {
            book.in_flight.remove(&batch.fingerprint);
        }
        batch.concepts.lock().clear();
        book.finished.push_back(batch.id.clone());
        while book.finished.len() > MAX_REMEMBERED {
            if let Some(oldest) = book.finished.pop_front() {
                book.by_id.remove(&oldest);
            }
        }
    }
}

impl Batch {
    /// A batch as it is accepted: `salt` makes the ids of equal requests at different times different.
    pub(crate) fn new(request: JobRequest, salt: &str, events: String) -> Self {
        let fingerprint = request.fingerprint();
        let named = |suffix: &str| Digest::of(format!("{fingerprint}/{salt}/{suffix}").as_bytes());
        let image_id = |(index, concept): (usize, &Concept)| {
            ImageId::for_content(concept.style.as_deref(), concept.title.as_deref(), &named(&index.to_string()))
        };
        let ids = request.concepts.iter().enumerate().map(image_id).collect();
        let slots = vec![Slot { state: JobState::Queued, image: None }; request.concepts.len()];
        Self {
            id: JobId::from_digest(&named("job")),
            thread_id: request.thread_id,
            concepts: Mutex::new(request.concepts.into_iter().map(Some).collect()),
            ids,
            cancelled: CancellationToken::new(),
            events,
            telling: tokio::sync::Mutex::default(),
            fingerprint,
            slots: Mutex::new(slots),
        }
    }

    /// Takes a concept out, to draw it.
    pub(crate) fn take(&self, index: usize) -> Option<Concept> {
        self.concepts.lock().get_mut(index)?.take()
    }

    /// Sets a slot and says how far the batch is; `all` is told to who set the last one.
    fn set(&self, index: usize, slot: Slot) -> Progress {
        let mut slots = self.slots.lock();
        if let Some(place) = slots.get_mut(index) {
            *place = slot;
        }
        let completed = slots.iter().filter(|slot| slot.state == JobState::Done).count();
        let over = slots.iter().all(|slot| slot.state.is_final());
        Progress { completed, all: over.then(|| slots.iter().filter_map(|slot| slot.image.clone()).collect()) }
    }

    /// The state as its caller sees it.
    pub(crate) fn snapshot(&self, public_base: &str) -> Job {
        let slots = self.slots.lock().clone();
        let count = |state| slots.iter().filter(|slot| slot.state == state).count();
        let state = if !slots.iter().all(|slot| slot.state.is_final()) {
            if count(JobState::Queued) == slots.len() { JobState::Queued } else { JobState::Running }
        } else if count(JobState::Cancelled) > 0 {
            JobState::Cancelled
        } else if count(JobState::Done) > 0 {
            JobState::Done
        } else {
            JobState::Failed
        };
        let image = |(index, (id, slot)): (usize, (&ImageId, &Slot))| JobImage {
            index,
            id: id.clone(),
            url: id.url(public_base),
            state: slot.state,
        };
        Job {
            job: self.id.clone(),
            url: format!("/generations/{}", self.id),
            thread_id: self.thread_id.clone(),
            state,
            total: slots.len(),
            completed: count(JobState::Done),
            failed: count(JobState::Failed),
            images: self.ids.iter().zip(&slots).enumerate().map(image).collect(),
            events: self.events.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
