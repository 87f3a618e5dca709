//! One job: what was asked for, and how far each of its images has come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use orbit_model::{
    Concept, Digest, EventId, ImageId, Job, JobId, JobImage, JobRequest, JobState, Metadata, QueuedJob, Slot, ThreadId,
};
use orbit_store::redis::Claim;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::generate::Input;

/// Moments that one who waits may be behind; of previews nobody misses an old one.
const MOMENTS: usize = 64;

/// What a request for a job brings beside its concepts; it is for the backend, and lasts as long as the process.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Brief {
    /// The pictures to start from.
    pub(crate) inputs: Vec<Input>,
    /// Fields that mean something to the backend alone.
    pub(crate) extra: Map<String, Value>,
    /// Whether somebody takes the images from the answer: such a job is not gone on with after a restart, for then nobody
    /// waits any more.
    pub(crate) waited_for: bool,
}

/// What a node has of a job that all nodes know of; with it go the prompts.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    pub(crate) claim: Option<Claim>,
    /// The job as it was when it was taken, to put it on the board again.
    pub(crate) original: Option<QueuedJob>,
}

/// One job.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) id: JobId,
    pub(crate) thread_id: ThreadId,
    pub(crate) brief: Brief,
    pub(crate) previews: u8,
    /// The size of its first image, as it was asked for.
    pub(crate) size: Option<String>,
    /// What is still to be drawn, in order; each is taken out by who draws it, so that a finished job holds no prompts.
    concepts: Mutex<Vec<Option<Concept>>>,
    pub(crate) ids: Vec<ImageId>,
    pub(crate) cancelled: CancellationToken,
    /// The last event of the thread before the job.
    pub(crate) after: EventId,
    pub(crate) created_at: Timestamp,
    /// Held from the end of a concept until it is told, so that the end of the job is told last.
    pub(crate) telling: tokio::sync::Mutex<()>,
    /// Held while the queue takes note of it: who joins it is answered when it is as safe as for who brought it.
    pub(crate) accepting: Arc<tokio::sync::Mutex<()>>,
    /// By what this node runs a job that all nodes know of.
    pub(crate) tenure: Mutex<Tenure>,
    /// Held while it is found out whose the job is.
    pub(super) settling: tokio::sync::Mutex<()>,
    /// Whether there is something of it that the board could not be told.
    pub(crate) unsaved: AtomicBool,
    /// Cancelled where another node has the job: it is dropped without a word.
    pub(crate) lost: CancellationToken,
    /// Whether the queue could take no note of it.
    pub(crate) refused: AtomicBool,
    /// Whether its end was told before this process began.
    pub(crate) end_was_told: bool,
    /// Whether images of it may be stored already: of an equal job, or from before a restart.
    pub(crate) may_be_stored: bool,
    /// One permit for each of its concepts that may be drawn at once.
    pub(crate) permits: Arc<Semaphore>,
    /// What happens, for who waits for the answer; without anybody it is dropped.
    pub(crate) moments: broadcast::Sender<Moment>,
    pub(crate) waiters: Waiters,
    /// What backends made of prompts, by place.
    revised: Mutex<BTreeMap<usize, String>>,
    pub(super) fingerprint: Digest,
    /// Whether the finished job may be the answer to a later request.
    pub(super) reuse: bool,
    /// One slot a concept, in order; changed under the lock only.
    slots: Mutex<Vec<Filled>>,
    /// Changes whenever a slot does.
    changes: watch::Sender<()>,
}

/// How many wait for the answer of a job.
#[derive(Debug, Default)]
pub(crate) struct Waiters(AtomicUsize);

impl Waiters {
    pub(crate) fn enter(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// One leaves; whether it was the last.
    pub(crate) fn leave(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

/// Something that happens to an image of a job.
#[derive(Debug, Clone)]
pub(crate) enum Moment {
    /// A preview has come: its place among those of the image, and the bytes of its file as the backend sent them.
    Preview { index: usize, place: u8, bytes: Bytes },
    /// The image has come, or will not.
    Ended,
}

/// A slot, and what fills it.
#[derive(Debug, Clone, Default)]
struct Filled {
    slot: Slot,
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

impl Batch {
    /// A batch as it is accepted. Its name is its own by the time, and so are its images', unless every seed is named: then an
    /// equal request has the same images, whenever it comes.
    pub(crate) fn new(request: JobRequest, brief: Brief, after: EventId, now: Timestamp) -> Self {
        let fingerprint = fingerprint(&request, &brief);
        let seeded = request.is_seeded();
        let salt = if seeded { "seeded".to_owned() } else { now.to_string() };
        let named = |salt: &str, suffix: &str| Digest::of(format!("{fingerprint}/{salt}/{suffix}").as_bytes());
        let image_id = |(index, concept): (usize, &Concept)| {
            ImageId::for_content(concept.style.as_deref(), concept.title.as_deref(), &named(&salt, &index.to_string()))
        };
        let ids = request.concepts.iter().enumerate().map(image_id).collect();
        let slots = vec![Slot::default(); request.concepts.len()];
        let job = JobId::from_digest(&named(&now.to_string(), "job"));
        let queued = QueuedJob { job, request, ids, after, created_at: now, slots };
        Self { may_be_stored: seeded, ..Self::of(queued, brief) }
    }

    /// A batch that was accepted before, and goes on where it was.
    pub(crate) fn of(queued: QueuedJob, brief: Brief) -> Self {
        let fingerprint = fingerprint(&queued.request, &brief);
        let QueuedJob { job, request, ids, after, created_at, slots } = queued;
        let most = request.concurrency.unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            id: job,
            thread_id: request.thread_id,
            brief,
            previews: request.partial_images.unwrap_or(0),
            size: request.concepts.first().and_then(|concept| concept.size.clone()),
            concepts: Mutex::new(request.concepts.into_iter().map(Some).collect()),
            ids,
            cancelled: CancellationToken::new(),
            after,
            created_at,
            telling: tokio::sync::Mutex::default(),
            accepting: Arc::default(),
            tenure: Mutex::default(),
            settling: tokio::sync::Mutex::default(),
            unsaved: AtomicBool::new(false),
            lost: CancellationToken::new(),
            refused: AtomicBool::new(false),
            end_was_told: false,
            may_be_stored: true,
            permits: Arc::new(Semaphore::new(most)),
            moments: broadcast::Sender::new(MOMENTS),
            waiters: Waiters::default(),
            revised: Mutex::default(),
            fingerprint,
            reuse: request.reuse,
            slots: Mutex::new(slots.into_iter().map(|slot| Filled { slot, image: None }).collect()),
            changes: watch::Sender::default(),
        }
    }

    /// Under what this node has the job among others.
    pub(super) fn claim(&self) -> Option<Claim> {
        self.tenure.lock().claim.clone()
    }

    /// A concept, to draw it; it stays until its image has come or will not.
    pub(crate) fn concept(&self, index: usize) -> Option<Concept> {
        self.concepts.lock().get(index)?.clone()
    }

    /// How far one image has come.
    pub(crate) fn slot(&self, index: usize) -> Slot {
        self.slots.lock().get(index).map(|filled| filled.slot.clone()).unwrap_or_default()
    }

    /// How far each image has come.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        self.slots.lock().iter().map(|filled| filled.slot.clone()).collect()
    }

    /// How many images are stored.
    pub(crate) fn completed(&self) -> usize {
        self.slots.lock().iter().filter(|filled| filled.slot.state == JobState::Done).count()
    }

    /// Notes what the backend made of a prompt.
    pub(crate) fn revise(&self, index: usize, prompt: Option<String>) {
        self.revised.lock().extend(prompt.map(|prompt| (index, prompt)));
    }

    /// What the backend made of a prompt.
    pub(crate) fn revised(&self, index: usize) -> Option<String> {
        self.revised.lock().get(&index).cloned()
    }

    /// The images that are not final, by their places.
    pub(crate) fn open(&self) -> Vec<usize> {
        let slots = self.slots.lock();
        let open = |(index, filled): (usize, &Filled)| (!filled.slot.state.is_final()).then_some(index);
        slots.iter().enumerate().filter_map(open).collect()
    }

    /// An image that has come.
    pub(crate) fn image(&self, index: usize) -> Option<Metadata> {
        self.slots.lock().get(index)?.image.clone()
    }

    /// Sets a slot and says how far the batch is; `all` is told to who set the last one.
    pub(super) fn set(&self, index: usize, slot: Slot, image: Option<Metadata>) -> Progress {
        let mut slots = self.slots.lock();
        let is_final = slot.state.is_final();
        if let Some(place) = slots.get_mut(index) {
            *place = Filled { slot, image };
        }
        let completed = slots.iter().filter(|filled| filled.slot.state == JobState::Done).count();
        let over = slots.iter().all(|filled| filled.slot.state.is_final());
        let all = over.then(|| slots.iter().filter_map(|filled| filled.image.clone()).collect());
        drop(slots);
        if is_final && let Some(concept) = self.concepts.lock().get_mut(index) {
            *concept = None;
        }
        self.changes.send_replace(());
        Progress { completed, all }
    }

    /// Puts an image back that was being drawn when the last run ended; the tries that it had still count.
    pub(super) fn requeue(&self, index: usize) {
        let slot = self.slot(index);
        self.set(index, Slot { state: JobState::Queued, ..slot }, None);
    }

    /// Waits until an image is final.
    pub(crate) async fn ended(&self, index: usize) -> Slot {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            let slot = self.slot(index);
            if slot.state.is_final() || changes.changed().await.is_err() {
                return slot;
            }
        }
    }

    /// What a restart goes on with.
    pub(crate) fn queued(&self, request: JobRequest) -> QueuedJob {
        QueuedJob {
            job: self.id.clone(),
            request,
            ids: self.ids.clone(),
            after: self.after,
            created_at: self.created_at,
            slots: self.slots(),
        }
    }

    /// The state as its caller sees it.
    pub(crate) fn snapshot(&self, public_base: &str) -> Job {
        describe((&self.id, &self.thread_id, self.after), &self.ids, &self.slots(), public_base)
    }
}

/// The state of a job that only the queue remembers.
pub(crate) fn remembered(queued: &QueuedJob, public_base: &str) -> Job {
    describe((&queued.job, &queued.request.thread_id, queued.after), &queued.ids, &queued.slots, public_base)
}

fn describe(
    (id, thread_id, after): (&JobId, &ThreadId, EventId),
    ids: &[ImageId],
    slots: &[Slot],
    public_base: &str,
) -> Job {
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
        error: slot.failure.clone(),
    };
    Job {
        job: id.clone(),
        url: format!("/generations/{id}"),
        thread_id: thread_id.clone(),
        state,
        total: slots.len(),
        completed: count(JobState::Done),
        failed: count(JobState::Failed),
        images: ids.iter().zip(slots).enumerate().map(image).collect(),
        events: format!("/threads/{thread_id}/events?after={after}"),
    }
}

/// The identity of a request, what it brings for the backend included.
fn fingerprint(request: &JobRequest, brief: &Brief) -> Digest {
    let mut text = request.fingerprint().to_string();
    if *brief != Brief::default() {
        text.push_str(&Value::Object(brief.extra.clone()).to_string());
        for input in &brief.inputs {
            text.push_str(&format!("/{}/{}", input.field, Digest::of(&input.bytes)));
        }
    }
    Digest::of(text.as_bytes())
}
