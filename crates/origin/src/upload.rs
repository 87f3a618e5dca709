//! `POST /images` and `PUT /images/{id}`: an image comes in.
//!
//! 1. A place in the pool, or 503 at once.
//! 2. The body, in whatever form ([`body`]), within its limits.
//! 3. [`crate::ingest`]: encode and store, or find that it is there already.
//! 4. 201, or 200 for what was there, with its metadata.

mod body;
pub(crate) mod labels;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use orbit_model::ImageId;
use orbit_model::conditional::{self, Decision, Validators};
use orbit_store::Expect;

pub(crate) use body::decode;

use crate::body::drain;
use crate::ingest::Arrival;
use crate::routes::Segment;
use crate::{Error, Origin, error, image};

pub(crate) async fn post(State(origin): State<Origin>, request: Request) -> Result<Response, Error> {
    origin.take_in(None, Expect::New, request).await
}

pub(crate) async fn put(
    State(origin): State<Origin>,
    Segment(id): Segment,
    request: Request,
) -> Result<Response, Error> {
    let id: ImageId = id.parse()?;
    match origin.expectation(&id, request.headers()).await? {
        Some(expect) => origin.take_in(Some(id), expect, request).await,
        None => {
            drain(request.into_body()).await;
            Ok(error::precondition_failed())
        }
    }
}

impl Origin {
    async fn take_in(&self, id: Option<ImageId>, expect: Expect, request: Request) -> Result<Response, Error> {
        let place = match self.0.pool.try_enter() {
            Ok(place) => place,
            Err(busy) => {
                drain(request.into_body()).await;
                return Err(busy);
            }
        };
        let upload = body::read(request, self.config(), &self.0.parts.fetcher).await?;
        let arrival = Arrival { id, source: upload.source, labels: upload.labels };
        let stored = self.ingest(arrival, expect, &place).await?;
        let status = if stored.is_new { StatusCode::CREATED } else { StatusCode::OK };
        let location = [(LOCATION, format!("/images/{}", stored.manifest.id))];
        Ok((status, location, Json(self.metadata(&stored.manifest, true))).into_response())
    }

    /// What a PUT expects to find under its id; `None` where its preconditions do not hold.
    async fn expectation(&self, id: &ImageId, headers: &HeaderMap) -> Result<Option<Expect>, Error> {
        let replaces = headers.contains_key(http::header::IF_MATCH);
        if !replaces && !headers.contains_key(http::header::IF_NONE_MATCH) {
            return Ok(Some(Expect::New));
        }
        let current = match self.store().manifest(id).await {
            Ok(manifest) => Some(manifest),
            Err(orbit_store::Error::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(current) = current else { return Ok((!replaces).then_some(Expect::New)) };
        let validators = Validators { last_modified: None, ..image::validators(&current) };
        Ok(match conditional::evaluate(&Method::PUT, headers, &validators) {
            Decision::Proceed if replaces => Some(Expect::Replacing(current.image.digest)),
            Decision::Proceed => Some(Expect::New),
            Decision::NotModified | Decision::PreconditionFailed => None,
        })
    }
}
