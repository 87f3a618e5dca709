//! One concept, from its turn to its event.
//!
//! 1. Where its image may be stored already, it is looked for.
//! 2. Wait for a turn, as often as it takes: a try that fails in passing is followed by another after a while.
//! 3. The generator draws; previews are shown the moment they come.
//! 4. [`crate::ingest`] encodes and stores it, the moment it is there, and the copies are filled.
//! 5. The thread is told: progress or failure, and with the last one the end of the job. Then the queue forgets it.
//!
//! A job that is cancelled ends at once. A server that stops leaves what is not stored in the queue, for the next run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use orbit_model::{
    Concept, ConceptFailed, ConceptPreview, ConceptProgress, ConceptStarted, ConceptsGenerated, Digest, Event,
    JobFailure, JobState, Labels, Manifest, Metadata,
};
use orbit_store::Expect;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Picture, Preview, Request};
use crate::ingest::Arrival;
use crate::jobs::{Batch, MAX_REMEMBERED, Moment, Progress};
use crate::{Error, Origin};

/// Pixels a side, where a concept does not say.
const DEFAULT_SIDE: u32 = 1024;
/// The sizes that may be asked for, a side.
const SIDES: std::ops::RangeInclusive<u32> = 16..=4096;
/// How long to wait before the second try, unless the backend says; it doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// How long the news of an image waits for the copies.
const FILL_TIME: Duration = Duration::from_secs(1);

/// Why a concept has no image.
pub(crate) struct Failure {
    state: JobState,
    reason: JobFailure,
    /// Whether another try may do, and when the backend wants it.
    passing: Option<Option<Duration>>,
}

/// What became of a concept.
enum Ended {
    Stored(Box<Manifest>),
    Failed(Failure),
    /// The server stops: the next run goes on.
    Left,
    /// Another node has the job.
    Lost,
}

/// An image that was drawn, or one that was there already.
enum Drawn {
    New(Box<Arrival>, Held),
    Found(Box<Manifest>),
}

/// Held until the image is stored and told of.
struct Held {
    /// Of those of its job that may be drawn at once.
    _job: OwnedSemaphorePermit,
    /// Of those that are drawn and not yet stored, which are megabytes each.
    _storing: OwnedSemaphorePermit,
}

/// Takes one concept of a batch through to its end.
pub(crate) async fn work(origin: Origin, batch: Arc<Batch>, index: usize) {
    let stopped = async {
        tokio::select! {
            () = batch.lost.cancelled() => Ended::Lost,
            () = batch.cancelled.cancelled() => Ended::Failed(Failure::cancelled()),
            () = origin.0.stopping.cancelled() => match batch.brief.waited_for {
                true => Ended::Failed(Failure::of(JobState::Cancelled, "interrupted", "the server was stopped")),
                false => Ended::Left,
            },
        }
    };
    let (ended, _held) = tokio::select! {
        biased;
        ended = stopped => (ended, None),
        drawn = draw(&origin, &batch, index) => match drawn {
            Err(failure) => (Ended::Failed(failure), None),
            Ok(Drawn::Found(manifest)) => (Ended::Stored(manifest), None),
            // Here nothing is broken off any more: what is drawn is stored.
            Ok(Drawn::New(arrival, held)) => {
                let stored = origin.keep(*arrival).await;
                (stored.map_or_else(Ended::Failed, |manifest| Ended::Stored(Box::new(manifest))), Some(held))
            }
        },
    };
    match ended {
        Ended::Stored(manifest) => finish(&origin, &batch, index, Ok(*manifest)).await,
        Ended::Failed(failure) => finish(&origin, &batch, index, Err(failure)).await,
        // The next run begins it anew, and this try does not count.
        Ended::Left => {
            origin.0.jobs.leave(&batch, index);
            origin.note_slot(&batch, index).await;
        }
        Ended::Lost => origin.0.jobs.lose(&batch, index),
    }
}

/// Draws until a try succeeds, or fails for good.
async fn draw(origin: &Origin, batch: &Batch, index: usize) -> Result<Drawn, Failure> {
    let (Some(concept), Some(id)) = (batch.concept(index), batch.ids.get(index)) else {
        return Err(Failure::new("internal", "the job has no such concept"));
    };
    if batch.may_be_stored
        && let Some(manifest) = origin.stored(id).await?
    {
        return Ok(Drawn::Found(Box::new(manifest)));
    }
    let permit = Arc::clone(&batch.permits).acquire_owned().await.map_err(Error::internal)?;
    loop {
        let turn = origin.0.jobs.turns.take(&batch.thread_id).await;
        let slot = origin.0.jobs.begin(batch, index);
        origin.note_slot(batch, index).await;
        origin.tell(started(origin, batch, index, slot.attempts)).await;
        match origin.attempt(batch, index, &concept).await {
            Ok(source) => {
                let arrival = Arrival { id: Some(id.clone()), source, labels: origin.labels(batch, index, concept)? };
                // The next may be drawn while this one is stored, unless too many are.
                let storing = Arc::clone(&origin.0.jobs.storing).acquire_owned().await.map_err(Error::internal)?;
                drop(turn);
                return Ok(Drawn::New(Box::new(arrival), Held { _job: permit, _storing: storing }));
            }
            Err(Failure { passing: Some(after), reason, .. })
                if slot.attempts < origin.config().generation_attempts =>
            {
                tracing::warn!(target: "orbit::origin", job = %batch.id, index, code = reason.code, "trying again");
                // Somebody else may draw meanwhile.
                drop(turn);
                tokio::time::sleep(after.unwrap_or(BACKOFF * (1 << slot.attempts.min(7) >> 1)).min(MAX_BACKOFF)).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

impl Origin {
    /// Asks the generator once, and shows its previews as they come.
    async fn attempt(&self, batch: &Batch, index: usize, concept: &Concept) -> Result<Bytes, Failure> {
        let (width, height) = size(concept).map_err(|message| Failure::new("invalid", &message))?;
        let (generator, model) = self.0.parts.models.find(concept.model.as_deref())?;
        let request = Request {
            concept: Concept { model: Some(model.to_owned()), ..concept.clone() },
            width,
            height,
            seed: seed(batch, index, concept),
            previews: batch.previews,
            inputs: batch.brief.inputs.clone(),
            extra: batch.brief.extra.clone(),
        };
        let time = self.config().generation_timeout;
        let (sender, mut previews) = mpsc::channel(4);
        let drawing = tokio::time::timeout(time, generator.generate(request, sender));
        tokio::pin!(drawing);
        let drawn = loop {
            tokio::select! {
                biased;
                Some(preview) = previews.recv() => self.show_preview(batch, index, preview).await,
                drawn = &mut drawing => break drawn.unwrap_or(Err(super::Error::Timeout(time))),
            }
        };
        let Picture { bytes, revised_prompt } = drawn?;
        batch.revise(index, revised_prompt);
        Ok(bytes)
    }

    fn labels(&self, batch: &Batch, index: usize, concept: Concept) -> Result<Labels, Failure> {
        let seed = seed(batch, index, &concept);
        let Concept { prompt, style, title, model, .. } = concept;
        let (_, named) = self.0.parts.models.find(model.as_deref())?;
        Ok(Labels {
            thread_id: Some(batch.thread_id.clone()),
            style,
            title,
            prompt: Some(prompt),
            seed: Some(seed),
            model: Some(named.to_owned()),
            generated: true,
        })
    }

    /// Lets the copies take in what everybody will ask for first; in a second they have, or do without.
    async fn fill_copies(&self, manifest: &Manifest) {
        let url = manifest.id.url("");
        let thumbnail = self.config().thumbnail.map(|width| format!("{url}?w={width}"));
        let paths: Vec<_> = [url].into_iter().chain(thumbnail).collect();
        let here = tokio::time::timeout(FILL_TIME, self.0.parts.copies.fill(&paths));
        let _ = tokio::join!(here, self.fill_edges(paths.clone()));
    }

    /// Shows a picture that is not finished; one that cannot be shown now is left out, for a better one follows.
    async fn show_preview(&self, batch: &Batch, index: usize, preview: Preview) {
        let Some(id) = batch.ids.get(index) else { return };
        let Preview { index: place, bytes } = preview;
        batch.moments.send(Moment::Preview { index, place, bytes: bytes.clone() }).ok();
        let Some(name) = self.keep_preview(id, place, bytes).await else { return };
        let (thread_id, job, total) = (batch.thread_id.clone(), batch.id.clone(), batch.ids.len());
        let (completed, url) = (batch.completed(), name.url(&self.config().public_base_url));
        let id = id.clone();
        let event = ConceptPreview { thread_id, job, index, total, completed, id, preview: place, url };
        self.tell(Event::ConceptPreview(event)).await;
    }

    /// The image of a job, or why there is none.
    async fn stored_or(
        &self,
        batch: &Batch,
        index: usize,
        missing: impl FnOnce() -> Failure,
    ) -> Result<Manifest, Failure> {
        let stored = match batch.ids.get(index) {
            Some(id) => self.stored(id).await?,
            None => None,
        };
        stored.ok_or_else(missing)
    }

    async fn keep(&self, arrival: Arrival) -> Result<Manifest, Failure> {
        let place = self.0.pool.enter().await?;
        let id = arrival.id.clone();
        match (self.ingest(arrival, Expect::New, &place).await, id) {
            // Another node, which was thought dead, has stored it before: its picture is the one.
            (Err(error @ Error::Conflict(_)), Some(id)) if self.nodes().is_some() => {
                Ok(self.stored(&id).await?.ok_or(error)?)
            }
            (stored, _) => Ok(stored?.manifest),
        }
    }

    /// Notes how far an image has come; what goes wrong is logged, because the manifest says it too.
    async fn note_slot(&self, batch: &Batch, index: usize) {
        if batch.brief.waited_for {
            return;
        }
        match self.0.parts.queue.set(&batch.id, index, &batch.slot(index)).await {
            // It was accepted at another node.
            Ok(()) | Err(orbit_store::Error::NotFound) => {}
            Err(error) => {
                tracing::error!(target: "orbit::origin", %error, job = %batch.id, index, "the queue took no note");
            }
        }
        self.note_shared(batch, index).await;
    }

    /// Tells the subscribers of a thread; what goes wrong is logged, because what happened has happened.
    pub(crate) async fn tell(&self, event: Event) {
        let name = event.name();
        if let Err(error) = self.0.parts.events.append(event, self.now()).await {
            tracing::error!(target: "orbit::origin", %error, event = name, "an event was not told");
        }
    }
}

/// Ends an image: the copies, then the thread, then the queue, and with the last one the job.
pub(crate) async fn finish(origin: &Origin, batch: &Batch, index: usize, stored: Result<Manifest, Failure>) {
    end(origin, batch, index, stored, true).await;
}

/// Ends an image whose end was told before, and what was told of it: a failure, or that it has come.
pub(crate) async fn finish_quietly(origin: &Origin, batch: &Batch, index: usize, told: Option<JobFailure>) {
    let stored = match told {
        Some(reason) => Err(Failure { state: JobState::Failed, reason, passing: None }),
        None => origin.stored_or(batch, index, || Failure::new("not_found", "the image was removed")).await,
    };
    end(origin, batch, index, stored, false).await;
}

/// Ends an image that is not drawn again, unless it is there.
pub(crate) async fn finish_interrupted(origin: &Origin, batch: &Batch, index: usize) {
    let failed = || Failure::new("interrupted", "the server was stopped while the image was being drawn");
    let stored = origin.stored_or(batch, index, failed).await;
    end(origin, batch, index, stored, true).await;
}

async fn end(origin: &Origin, batch: &Batch, index: usize, stored: Result<Manifest, Failure>, telling: bool) {
    let total = batch.ids.len();
    let (thread_id, job) = (batch.thread_id.clone(), batch.id.clone());
    if let Ok(manifest) = &stored {
        // Before it is told: whoever hears of it finds it in the nearest copy.
        origin.fill_copies(manifest).await;
    }
    let image = stored.map(|manifest| Metadata::public(&manifest, &origin.config().public_base_url));
    let _telling = batch.telling.lock().await;
    let ended = image.as_ref().map(Clone::clone).map_err(|failure| (failure.state, failure.reason.clone()));
    let Progress { completed, all } = origin.0.jobs.end(batch, index, ended);
    let event = match image {
        Ok(image) => Event::ConceptProgress(Box::new(ConceptProgress {
            thread_id: thread_id.clone(),
            job: job.clone(),
            index,
            total,
            completed,
            image,
        })),
        Err(Failure { reason, .. }) => {
            let JobFailure { code, message } = reason.public();
            let (thread_id, job) = (thread_id.clone(), job.clone());
            Event::ConceptFailed(ConceptFailed { thread_id, job, index, total, completed, code, message })
        }
    };
    if telling {
        origin.tell(event).await;
    }
    if let Some(images) = all.filter(|_| !batch.end_was_told) {
        let failed = total - images.len();
        origin.tell(Event::ConceptsGenerated(ConceptsGenerated { thread_id, job, total, failed, images })).await;
    }
    let is_over = batch.open().is_empty();
    // Last: a job with an image that the queue has no end of is looked at again by the next run.
    origin.note_slot(batch, index).await;
    batch.moments.send(Moment::Ended).ok();
    if is_over && let Err(error) = origin.0.parts.queue.trim(MAX_REMEMBERED).await {
        tracing::warn!(target: "orbit::origin", %error, "jobs that have ended were not forgotten");
    }
}

fn started(origin: &Origin, batch: &Batch, index: usize, attempt: u32) -> Event {
    let id = batch.ids[index].clone();
    Event::ConceptStarted(ConceptStarted {
        thread_id: batch.thread_id.clone(),
        job: batch.id.clone(),
        index,
        total: batch.ids.len(),
        completed: batch.completed(),
        url: id.url(&origin.config().public_base_url),
        id,
        attempt,
    })
}

/// The concept's seed, or one of its own: who asks twice without one wants two pictures.
fn seed(batch: &Batch, index: usize, concept: &Concept) -> u64 {
    let own = || {
        let digest = Digest::of(format!("{}/{index}", batch.id).as_bytes());
        // 52 bits: every language reads such a number from JSON without loss.
        u64::from_str_radix(&digest.hex()[..13], 16).unwrap_or_default()
    };
    concept.seed.unwrap_or_else(own)
}

/// The pixels that a concept asks for, as `WxH`; `auto` leaves it to us.
pub(crate) fn size(concept: &Concept) -> Result<(u32, u32), String> {
    let Some(text) = concept.size.as_deref().filter(|size| *size != "auto") else {
        return Ok((DEFAULT_SIDE, DEFAULT_SIDE));
    };
    let sides = text.split_once(['x', 'X']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides.filter(|(width, height)| SIDES.contains(width) && SIDES.contains(height)).ok_or_else(|| {
        format!("`size` must be WxH with {} to {} pixels a side, as in 1024x1024", SIDES.start(), SIDES.end())
    })
}

impl Failure {
    fn of(state: JobState, code: &str, message: &str) -> Self {
        let reason = JobFailure { code: code.to_owned(), message: message.to_owned() };
        Self { state, reason, passing: None }
    }

    fn new(code: &str, message: &str) -> Self {
        Self::of(JobState::Failed, code, message)
    }

    fn cancelled() -> Self {
        Self::of(JobState::Cancelled, "cancelled", "the job was cancelled")
    }
}

impl From<super::Error> for Failure {
    fn from(error: super::Error) -> Self {
        let (code, passing) = match &error {
            super::Error::Refused(_) => ("refused", None),
            super::Error::Failed(_) => ("generator_failed", Some(None)),
            super::Error::Busy { retry_after, .. } => ("generator_busy", Some(*retry_after)),
            super::Error::Timeout(_) => ("generator_timeout", Some(None)),
        };
        Self { passing, ..Self::new(code, &error.to_string()) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Internal(source) = &error {
            tracing::error!(target: "orbit::origin", error = %source, "a generated image was not stored");
        }
        Self::new(error.code(), &error.to_string())
    }
}
