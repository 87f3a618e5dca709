//! Images that are not there yet: their ids and URLs exist from the moment a job is accepted.
//!
//! 1. A preview is answered while it is on the shelf.
//! 2. Who asks with `?wait=SECONDS` waits for the end of the image, and is served the moment it is stored; all who wait share the
//!    one signal.
//! 3. Until then 202, with the state and when to ask again; a cache keeps none of it.
//! 4. What will not come is not found, and the answer says why.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use orbit_model::{ImageId, JobId, JobState, Labels, Problem, Slot};

use super::Batch;
use crate::image::caching;
use crate::{Error, Origin};

/// The longest that a request waits.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// What there is in place of an image.
pub(crate) enum Pending {
    /// It has come while this was found out: look again.
    Come,
    /// It is not there.
    Answer(Response),
}

/// How long a request for an image waits for it: `?wait=SECONDS`, up to 30.
///
/// # Errors
/// [`Error::Invalid`] where that is no number.
pub(crate) fn wait(query: &str) -> Result<Duration, Error> {
    let Some((_, text)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "wait") else {
        return Ok(Duration::ZERO);
    };
    let seconds = text.parse::<u64>().ok();
    let seconds = seconds.ok_or_else(|| Error::Invalid(format!("`wait` must be whole seconds, not `{text}`")))?;
    Ok(Duration::from_secs(seconds).min(MAX_WAIT))
}

impl Origin {
    /// What is answered in place of an image that is not stored.
    pub(crate) async fn pending(&self, id: &ImageId, wait: Duration) -> Result<Pending, Error> {
        if let Some(bytes) = self.0.previews.get(id) {
            return Ok(Pending::Answer(preview(id, bytes)));
        }
        if let Some(bytes) = self.shown_elsewhere(id).await {
            return Ok(Pending::Answer(preview(id, bytes)));
        }
        let Some((batch, index)) = self.0.jobs.find_image(id) else { return self.elsewhere(id, wait).await };
        match self.wait(&batch, index, wait).await {
            Slot { state: JobState::Done, .. } => Ok(Pending::Come),
            slot if slot.state.is_final() => Err(not_coming(slot)),
            slot => Ok(Pending::Answer(not_yet(slot.state, &batch.id))),
        }
    }

    /// A preview of an image that another node draws.
    async fn shown_elsewhere(&self, name: &ImageId) -> Option<Bytes> {
        let nodes = self.nodes().filter(|_| name.as_str().contains("-preview-"))?;
        nodes.board.shown(name).await.ok().flatten().map(Bytes::from)
    }

    async fn wait(&self, batch: &Batch, index: usize, time: Duration) -> Slot {
        tokio::select! {
            biased;
            slot = batch.ended(index) => slot,
            () = tokio::time::sleep(time) => batch.slot(index),
            () = self.0.stopping.cancelled() => batch.slot(index),
        }
    }

    /// What there is in place of an image whose job another node runs, or only the queue remembers.
    async fn elsewhere(&self, id: &ImageId, wait: Duration) -> Result<Pending, Error> {
        let missing = || Error::NotFound("image");
        let (job, index) = self.0.parts.queue.find_image(id).await?.ok_or_else(missing)?;
        let queued = self.0.parts.queue.get(&job).await?.ok_or_else(missing)?;
        let slot = queued.slots.get(index).cloned().ok_or_else(missing)?;
        if slot.state.is_final() || self.nodes().is_none() {
            return Err(not_coming(slot));
        }
        let queued = self.ended_elsewhere(queued, index, wait).await?;
        match queued.slots.into_iter().nth(index).ok_or_else(missing)? {
            Slot { state: JobState::Done, .. } => Ok(Pending::Come),
            slot if slot.state.is_final() => Err(not_coming(slot)),
            slot => Ok(Pending::Answer(not_yet(slot.state, &job))),
        }
    }
}

/// What is done or was removed since is not found like any other; what failed says why.
fn not_coming(slot: Slot) -> Error {
    match slot.failure {
        Some(failure) => Error::NotMade(format!("the image was not made: {}", failure.public().message)),
        None => Error::NotFound("image"),
    }
}

fn not_yet(state: JobState, job: &JobId) -> Response {
    let detail = "the image is being drawn; ask again, or with ?wait=30";
    let problem =
        Problem { state: Some(state), job: Some(job.clone()), ..Problem::new(StatusCode::ACCEPTED, "pending", detail) };
    let headers = [
        (CONTENT_TYPE, Problem::MEDIA_TYPE),
        (CACHE_CONTROL, "no-store"),
        (RETRY_AFTER, "1"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (StatusCode::ACCEPTED, headers, axum::Json(problem)).into_response()
}

fn preview(id: &ImageId, bytes: Bytes) -> Response {
    let headers =
        [(CONTENT_TYPE, "image/webp"), (CACHE_CONTROL, "public, max-age=60"), (ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    let mut response = (headers, bytes).into_response();
    caching::tag(response.headers_mut(), id, &Labels::default());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_and_never_longer_than_thirty() {
        assert_eq!(wait("w=64").unwrap(), Duration::ZERO);
        assert_eq!(wait("w=64&wait=7").unwrap(), Duration::from_secs(7));
        assert_eq!(wait("wait=9000").unwrap(), MAX_WAIT);
        for query in ["wait=", "wait=-1", "wait=soon", "wait=1.5"] {
            assert!(matches!(wait(query), Err(Error::Invalid(_))), "{query}");
        }
    }
}
