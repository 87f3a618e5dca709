//! `POST /generations`, `GET` and `DELETE /generations/{job}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use orbit_model::{Concept, Job, JobId, JobRequest};

use super::Batch;
use crate::generate::worker;
use crate::routes::Segment;
use crate::{Error, Origin};

/// The most concepts in one request.
const MAX_CONCEPTS: usize = 100;
/// The longest prompt, in bytes.
const MAX_PROMPT: usize = 32 << 10;
/// The longest style, title or model, in bytes.
const MAX_SHORT: usize = 200;

pub(crate) async fn post(State(origin): State<Origin>, request: Request) -> Result<Response, Error> {
    let request: JobRequest = origin.read_json(request, "the generation request").await?;
    check(&request)?;
    let job = origin.accept(request).await?;
    Ok((StatusCode::ACCEPTED, [(LOCATION, job.url.clone())], Json(job)).into_response())
}

pub(crate) async fn get(State(origin): State<Origin>, Segment(id): Segment) -> Result<Response, Error> {
    let batch = origin.batch(&id)?;
    let job = batch.snapshot(&origin.config().public_base_url);
    Ok(([(CACHE_CONTROL, "no-store")], Json(job)).into_response())
}

/// Stops what has not been stored yet; what is stored stays.
pub(crate) async fn cancel(State(origin): State<Origin>, Segment(id): Segment) -> Result<Json<Job>, Error> {
    let batch = origin.batch(&id)?;
    batch.cancelled.cancel();
    Ok(Json(batch.snapshot(&origin.config().public_base_url)))
}

impl Origin {
    /// Accepts a job, or joins an equal one in flight; its images have their ids and URLs from now on.
    pub(crate) async fn accept(&self, request: JobRequest) -> Result<Job, Error> {
        if self.0.stopping.is_cancelled() {
            return Err(Error::Busy);
        }
        let last = *self.0.parts.events.subscribe(&request.thread_id).await?.borrow();
        let events = format!("/threads/{}/events?after={last}", request.thread_id);
        let batch = Batch::new(request, &self.now().to_string(), events);
        let (batch, is_new) = self.0.jobs.enter(batch)?;
        if is_new {
            for index in 0..batch.ids.len() {
                self.0.jobs.tasks.spawn(worker::work(self.clone(), Arc::clone(&batch), index));
            }
        }
        Ok(batch.snapshot(&self.config().public_base_url))
    }

    fn batch(&self, id: &str) -> Result<Arc<Batch>, Error> {
        let id: JobId = id.parse().ok().ok_or(Error::NotFound("job"))?;
        self.0.jobs.find(&id).ok_or(Error::NotFound("job"))
    }
}

fn check(request: &JobRequest) -> Result<(), Error> {
    let count = request.concepts.len();
    if count == 0 || count > MAX_CONCEPTS {
        return Err(Error::Invalid(format!("send from 1 to {MAX_CONCEPTS} concepts, not {count}")));
    }
    for (index, concept) in request.concepts.iter().enumerate() {
        check_concept(concept).map_err(|what| Error::Invalid(format!("concept {index}: {what}")))?;
    }
    Ok(())
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
