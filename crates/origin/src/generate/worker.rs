//! One concept, from its turn to its event.
//!
//! 1. Wait for a turn, unless the job is cancelled or the server stops first.
//! 2. The generator draws.
//! 3. [`crate::ingest`] encodes and stores it, the moment it is there.
//! 4. The thread is told: progress or failure, and with the last one the end of the job.

use std::sync::Arc;

use orbit_model::{
    Concept, ConceptFailed, ConceptProgress, ConceptsGenerated, Event, JobState, Labels, Manifest, Metadata,
};
use orbit_store::Expect;

use super::Request;
use crate::ingest::Arrival;
use crate::jobs::{Batch, Progress};
use crate::{Error, Origin};

/// Pixels a side, where a concept does not say.
const DEFAULT_SIDE: u32 = 1024;
/// The sizes that may be asked for, a side.
const SIDES: std::ops::RangeInclusive<u32> = 16..=4096;

/// Why a concept has no image.
struct Failure {
    code: &'static str,
    message: String,
    state: JobState,
}

/// Takes one concept of a batch through to its end.
pub(crate) async fn work(origin: Origin, batch: Arc<Batch>, index: usize) {
    let jobs = &origin.0.jobs;
    let stop = async {
        tokio::select! {
            () = batch.cancelled.cancelled() => {}
            () = origin.0.stopping.cancelled() => {}
        }
    };
    tokio::pin!(stop);
    let turn = tokio::select! {
        biased;
        () = &mut stop => None,
        turn = jobs.turns.acquire() => turn.ok(),
    };
    let Some(turn) = turn else {
        return finish(&origin, &batch, index, Err(Failure::cancelled()), false).await;
    };
    jobs.begin(&batch, index);
    let drawn = tokio::select! {
        biased;
        () = &mut stop => Err(Failure::cancelled()),
        drawn = origin.draw(&batch, index) => drawn,
    };
    let stored = match drawn {
        Ok(arrival) => origin.keep(arrival).await,
        Err(failure) => Err(failure),
    };
    // Held until here: pictures that are drawn and wait to be stored are bounded by the turns too.
    drop(turn);
    finish(&origin, &batch, index, stored, true).await;
}

impl Origin {
    async fn draw(&self, batch: &Batch, index: usize) -> Result<Arrival, Failure> {
        let (Some(concept), Some(id)) = (batch.take(index), batch.ids.get(index)) else {
            return Err(Failure::new("internal", "the job has no such concept".to_owned()));
        };
        let (width, height) = size(&concept).map_err(|message| Failure::new("invalid", message))?;
        let (generator, named) = self.0.parts.models.find(concept.model.as_deref())?;
        let drawn = Request {
            concept: Concept { model: Some(named.to_owned()), ..concept.clone() },
            width,
            height,
            seed: concept.seed.unwrap_or(index as u64),
            previews: 0,
            inputs: Vec::new(),
            extra: serde_json::Map::new(),
        };
        let (previews, _) = tokio::sync::mpsc::channel(1);
        let source = generator.generate(drawn, previews).await?.bytes;
        let named = named.to_owned();
        let Concept { prompt, style, title, model, .. } = concept;
        let labels = Labels {
            thread_id: Some(batch.thread_id.clone()),
            style,
            title,
            prompt: Some(prompt),
            model: Some(model.unwrap_or(named)),
            generated: true,
        };
        Ok(Arrival { id: Some(id.clone()), source, labels })
    }

    async fn keep(&self, arrival: Arrival) -> Result<Manifest, Failure> {
        let place = self.0.pool.enter().await?;
        Ok(self.ingest(arrival, Expect::New, &place).await?.manifest)
    }
}

async fn finish(origin: &Origin, batch: &Batch, index: usize, stored: Result<Manifest, Failure>, began: bool) {
    let total = batch.ids.len();
    let (thread_id, job) = (batch.thread_id.clone(), batch.id.clone());
    let image = stored.map(|manifest| Metadata::public(&manifest, &origin.config().public_base_url));
    let _telling = batch.telling.lock().await;
    let ended = image.as_ref().map(Clone::clone).map_err(|failure| failure.state);
    let Progress { completed, all } = origin.0.jobs.end(batch, index, ended, began);
    let event = match image {
        Ok(image) => Event::ConceptProgress(Box::new(ConceptProgress {
            thread_id: thread_id.clone(),
            job: job.clone(),
            index,
            total,
            completed,
            image,
        })),
        Err(Failure { code, message, .. }) => Event::ConceptFailed(ConceptFailed {
            thread_id: thread_id.clone(),
            job: job.clone(),
            index,
            total,
            completed,
            code: code.to_owned(),
            message,
        }),
    };
    origin.tell(event).await;
    if let Some(images) = all {
        let failed = total - images.len();
        origin.tell(Event::ConceptsGenerated(ConceptsGenerated { thread_id, job, total, failed, images })).await;
    }
}

impl Origin {
    /// Tells the subscribers of a thread; what goes wrong is logged, because what happened has happened.
    pub(crate) async fn tell(&self, event: Event) {
        let name = event.name();
        if let Err(error) = self.0.parts.events.append(event, self.now()).await {
            tracing::error!(target: "orbit::origin", %error, event = name, "an event was not told");
        }
    }
}

/// The pixels that a concept asks for, as `WxH`.
pub(crate) fn size(concept: &Concept) -> Result<(u32, u32), String> {
    let Some(text) = &concept.size else { return Ok((DEFAULT_SIDE, DEFAULT_SIDE)) };
    let sides = text.split_once(['x', 'X']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides.filter(|(width, height)| SIDES.contains(width) && SIDES.contains(height)).ok_or_else(|| {
        format!("`size` must be WxH with {} to {} pixels a side, as in 1024x1024", SIDES.start(), SIDES.end())
    })
}

impl Failure {
    fn new(code: &'static str, message: String) -> Self {
        Self { code, message, state: JobState::Failed }
    }

    fn cancelled() -> Self {
        Self { code: "cancelled", message: "the job was cancelled".to_owned(), state: JobState::Cancelled }
    }
}

impl From<super::Error> for Failure {
    fn from(error: super::Error) -> Self {
        let code = match error {
            super::Error::Refused(_) => "refused",
            super::Error::Failed(_) | super::Error::Busy { .. } => "generator_failed",
            super::Error::Timeout(_) => "generator_timeout",
        };
        Self::new(code, error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Internal(source) = &error {
            tracing::error!(target: "orbit::origin", error = %source, "a generated image was not stored");
        }
        Self::new(error.code(), error.to_string())
    }
}
