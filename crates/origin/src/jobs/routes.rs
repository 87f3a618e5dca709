//! `POST /generations`, `GET` and `DELETE /generations/{job}`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, StatusCode, Uri};
use orbit_model::{Job, JobFailure, JobId, JobRequest};

use super::Batch;
use super::batch::remembered;
use crate::routes::Segment;
use crate::{Error, Origin};

/// How long the answer to a cancellation waits for what it cancels.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// 202 for what will come, 200 for what has come already.
pub(crate) async fn post(State(origin): State<Origin>, request: Request) -> Result<Response, Error> {
    let request: JobRequest = origin.read_json(request, "the generation request").await?;
    let job = origin.with_events(origin.accept_anywhere(request).await?);
    let status = if job.state.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, [(LOCATION, job.url.clone())], Json(job)).into_response())
}

/// The ticket to its events and a generator's own words are for whom prompts are for: a job's name is no secret.
pub(crate) async fn get(
    State(origin): State<Origin>,
    Segment(id): Segment,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let job = origin.job(&id).await?;
    let job = if origin.trusts(&uri, &headers) { origin.with_events(job) } else { public(job) };
    Ok(([(CACHE_CONTROL, "no-store")], Json(job)).into_response())
}

fn public(mut job: Job) -> Job {
    for image in &mut job.images {
        image.error = image.error.as_ref().map(JobFailure::public);
    }
    job
}

/// Stops what has not been stored yet; what is stored stays.
pub(crate) async fn cancel(State(origin): State<Origin>, Segment(id): Segment) -> Result<Json<Job>, Error> {
    if let Some(batch) = origin.batch(&id)? {
        batch.cancelled.cancel();
        // What is stored already comes to its end; for that nobody waits long.
        let ends = batch.open().into_iter().map(|index| batch.ended(index));
        let _ = tokio::time::timeout(ANSWER_WITHIN, futures_util::future::join_all(ends)).await;
    } else {
        origin.cancel_elsewhere(&id).await?;
    }
    origin.job(&id).await.map(|job| Json(origin.with_events(job)))
}

impl Origin {
    /// A job as it is told to who may hear of it.
    fn with_events(&self, job: Job) -> Job {
        Job { events: self.with_ticket(job.events, &job.thread_id), ..job }
    }

    /// A job of this process.
    pub(crate) fn batch(&self, id: &str) -> Result<Option<Arc<Batch>>, Error> {
        let id: JobId = id.parse().ok().ok_or(Error::NotFound("job"))?;
        Ok(self.0.jobs.find(&id))
    }

    /// The state of a job of this process, or of one that the queue remembers.
    async fn job(&self, id: &str) -> Result<Job, Error> {
        let public_base = &self.config().public_base_url;
        if let Some(batch) = self.batch(id)? {
            return Ok(batch.snapshot(public_base));
        }
        let id: JobId = id.parse().ok().ok_or(Error::NotFound("job"))?;
        let queued = self.0.parts.queue.get(&id).await?.ok_or(Error::NotFound("job"))?;
        Ok(remembered(&queued, public_base))
    }
}
