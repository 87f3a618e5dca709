//! Jobs: batches of concepts, accepted at once and worked off in the background.
//!
//! - [`Jobs`]: the book of all that this process works on or remembers; a request equal to one in flight joins it, and what does
//!   not fit into the queue is refused as a whole.
//! - `shared`: jobs that any node may run; `keep` looks after them, `elsewhere` sees those of others.
//! - `batch`: one job; `turns`: who may draw next; `accept` and `resume`: the two ways in; `pending`: images that are not there
//!   yet; `routes`: HTTP.
//!
//! Each concept that is not final is a task of [`crate::generate::worker`].

mod accept;
mod batch;
mod elsewhere;
mod keep;
pub(crate) mod pending;
mod resume;
pub(crate) mod routes;
mod shared;
mod turns;

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orbit_model::{Digest, ImageId, JobFailure, JobId, JobState, JobStats, Metadata, Slot};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;

pub(crate) use batch::{Batch, Brief, Moment, Progress};
pub(crate) use turns::Turns;

use crate::Error;

/// Finished jobs that are remembered.
pub(crate) const MAX_REMEMBERED: usize = 1000;

/// All jobs of this process.
#[derive(Debug)]
pub(crate) struct Jobs {
    book: Mutex<Book>,
    pub(crate) turns: Turns,
    /// One permit for each image that may be drawn and not yet stored.
    pub(crate) storing: Arc<Semaphore>,
    /// One task for each concept that is not final.
    tasks: TaskTracker,
    /// Where they run.
    place: Mutex<Place>,
    queued: AtomicUsize,
    running: AtomicUsize,
    max_queued: usize,
    workers: usize,
    /// What the board knows of, or is to know of.
    pub(crate) shares: shared::Shares,
    /// Told when a concept has ended, and another may be taken.
    pub(crate) freed: Notify,
    /// Told when there is something that the board could not be told.
    pub(crate) unsaved: Notify,
}

/// Where concepts are worked on: not where requests are answered, so that what a generator sends in megabytes holds up none.
enum Place {
    /// Nowhere yet; what is to be worked on waits.
    Waiting(Vec<Pin<Box<dyn Future<Output = ()> + Send>>>),
    /// On the runtime of [`crate::Origin::tend`].
    Running(Handle),
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Waiting(_) => "Waiting",
            Self::Running(_) => "Running",
        })
    }
}

#[derive(Debug, Default)]
struct Book {
    by_id: HashMap<JobId, Arc<Batch>>,
    /// Jobs that are not final, by what they were asked for: whom an equal request joins.
    in_flight: HashMap<Digest, JobId>,
    /// The job of each image that was promised, and its place there.
    by_image: HashMap<ImageId, (JobId, usize)>,
    /// The last job of each kind that has brought all its images.
    done: HashMap<Digest, JobId>,
    finished: VecDeque<JobId>,
}

impl Jobs {
    pub(crate) fn new(workers: usize, max_queued: usize) -> Self {
        Self {
            book: Mutex::default(),
            turns: Turns::new(workers),
            storing: Arc::new(Semaphore::new(2 * workers)),
            tasks: TaskTracker::new(),
            place: Mutex::new(Place::Waiting(Vec::new())),
            queued: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            max_queued,
            workers,
            shares: shared::Shares::default(),
            freed: Notify::new(),
            unsaved: Notify::new(),
        }
    }

    /// Works on a concept, as soon as there is a runtime for it.
    pub(crate) fn work_on(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &mut *self.place.lock() {
            Place::Waiting(waiting) => waiting.push(Box::pin(work)),
            Place::Running(runtime) => drop(self.tasks.spawn_on(work, runtime)),
        }
    }

    /// Names the runtime for concepts, and begins with those that wait for it.
    pub(crate) fn begin_work(&self, runtime: &Handle) {
        let place = std::mem::replace(&mut *self.place.lock(), Place::Running(runtime.clone()));
        if let Place::Waiting(waiting) = place {
            waiting.into_iter().for_each(|work| drop(self.tasks.spawn_on(work, runtime)));
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
            return Err(Error::busy());
        }
        self.queued.fetch_add(count, Ordering::SeqCst);
        Ok((book.add(batch), true))
    }

    /// Enters a batch that was accepted before the process began: no limit counts for it.
    pub(crate) fn enter_again(&self, batch: Batch) -> Arc<Batch> {
        self.queued.fetch_add(batch.open().len(), Ordering::SeqCst);
        self.book.lock().add(batch)
    }

    pub(crate) fn find(&self, id: &JobId) -> Option<Arc<Batch>> {
        self.book.lock().by_id.get(id).cloned()
    }

    /// The finished job that an equal batch may be answered with, where it allows that.
    pub(crate) fn find_done(&self, batch: &Batch) -> Option<Arc<Batch>> {
        let book = self.book.lock();
        batch.reuse.then(|| book.by_id.get(book.done.get(&batch.fingerprint)?).cloned()).flatten()
    }

    /// The job that has promised an image, and the image's place in it.
    pub(crate) fn find_image(&self, id: &ImageId) -> Option<(Arc<Batch>, usize)> {
        let book = self.book.lock();
        let (job, index) = book.by_image.get(id)?;
        Some((Arc::clone(book.by_id.get(job)?), *index))
    }

    /// A concept has got its turn, for the first time or another.
    pub(crate) fn begin(&self, batch: &Batch, index: usize) -> Slot {
        let Slot { state, attempts, .. } = batch.slot(index);
        if state != JobState::Running {
            self.queued.fetch_sub(1, Ordering::SeqCst);
            self.running.fetch_add(1, Ordering::SeqCst);
        }
        let slot = Slot { state: JobState::Running, attempts: attempts + 1, failure: None };
        batch.set(index, slot.clone(), None);
        slot
    }

    /// Whether there are as many concepts here as can be drawn at once.
    pub(crate) fn is_crowded(&self) -> bool {
        self.queued.load(Ordering::SeqCst) + self.running.load(Ordering::SeqCst) >= self.workers
    }

    /// Forgets a batch that another node has.
    pub(crate) fn forget(&self, batch: &Batch) {
        let mut book = self.book.lock();
        if book.in_flight.get(&batch.fingerprint) == Some(&batch.id) {
            book.in_flight.remove(&batch.fingerprint);
        }
        book.by_image.retain(|_, (job, _)| *job != batch.id);
        book.by_id.remove(&batch.id);
    }

    /// A concept is another node's.
    pub(crate) fn lose(&self, batch: &Batch, index: usize) {
        let counter = if batch.slot(index).state == JobState::Running { &self.running } else { &self.queued };
        counter.fetch_sub(1, Ordering::SeqCst);
        self.freed.notify_one();
    }

    /// A concept is left to the next run, as it was before its try.
    pub(crate) fn leave(&self, batch: &Batch, index: usize) {
        let Slot { state, attempts, failure } = batch.slot(index);
        if state == JobState::Running {
            self.running.fetch_sub(1, Ordering::SeqCst);
            self.queued.fetch_add(1, Ordering::SeqCst);
            batch.set(index, Slot { state: JobState::Queued, attempts: attempts.saturating_sub(1), failure }, None);
        }
    }

    /// A concept has ended, with its image or in a final state without one.
    pub(crate) fn end(&self, batch: &Batch, index: usize, ended: Result<Metadata, (JobState, JobFailure)>) -> Progress {
        let before = batch.slot(index);
        let counter = if before.state == JobState::Running { &self.running } else { &self.queued };
        counter.fetch_sub(1, Ordering::SeqCst);
        self.freed.notify_one();
        let (slot, image) = match ended {
            Ok(image) => (Slot { state: JobState::Done, failure: None, ..before }, Some(image)),
            Err((state, failure)) => (Slot { state, failure: Some(failure), ..before }, None),
        };
        let progress = batch.set(index, slot, image);
        if progress.all.is_some() {
            self.book.lock().close(batch);
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
            waiting: self.book.lock().by_id.values().map(|batch| batch.waiters.count() as u64).sum(),
        }
    }
}

impl Book {
    fn add(&mut self, batch: Batch) -> Arc<Batch> {
        let batch = Arc::new(batch);
        self.in_flight.insert(batch.fingerprint, batch.id.clone());
        for (index, id) in batch.ids.iter().enumerate() {
            self.by_image.insert(id.clone(), (batch.id.clone(), index));
        }
        self.by_id.insert(batch.id.clone(), Arc::clone(&batch));
        batch
    }

    fn close(&mut self, batch: &Batch) {
        // A later job may have taken the place of one that was cancelled.
        if self.in_flight.get(&batch.fingerprint) == Some(&batch.id) {
            self.in_flight.remove(&batch.fingerprint);
        }
        if batch.completed() == batch.ids.len() {
            self.done.insert(batch.fingerprint, batch.id.clone());
        }
        self.finished.push_back(batch.id.clone());
        while self.finished.len() > MAX_REMEMBERED {
            let Some(oldest) = self.finished.pop_front().and_then(|oldest| self.by_id.remove(&oldest)) else {
                continue;
            };
            // What a later job has promised too is its own.
            self.by_image.retain(|_, (job, _)| *job != oldest.id);
            self.done.retain(|_, job| *job != oldest.id);
        }
    }
}

#[cfg(test)]
mod tests;
