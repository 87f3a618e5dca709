//! `GET /cdn/failed`, `POST /cdn/failed`, `DELETE /cdn/failed/{id}`: purges that a CDN has not confirmed, for who may write.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode, Uri};
use orbit_model::{Letter, Letters};
use serde::Deserialize;

use super::Cdns;
use crate::routes::Segment;
use crate::{Error, Origin, error};

/// Which are to be sent once more: those of these numbers, all where none is named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Retry {
    ids: Vec<u64>,
}

pub(crate) async fn get(State(origin): State<Origin>, uri: Uri, headers: HeaderMap) -> Result<Response, Error> {
    // Names of images are told here, which a proxy must not hand to everybody.
    if !origin.trusts(&uri, &headers) {
        return Ok(error::refused(orbit_model::access::Refusal::Unauthorized));
    }
    Ok(list(origin.cdns()?.unconfirmed().await?))
}

pub(crate) async fn post(State(origin): State<Origin>, request: Request) -> Result<Response, Error> {
    let cdns = origin.cdns()?.clone();
    let Retry { ids } = origin.read_json_or_nothing(request, "the list of purges").await?;
    // In a task of its own: what was begun ends though the client leaves.
    origin.detached(async move { cdns.retry(&ids).await }).await.map(list)
}

pub(crate) async fn delete(State(origin): State<Origin>, Segment(id): Segment) -> Result<Response, Error> {
    let id = id.parse().ok().ok_or(Error::NotFound("purge"))?;
    match origin.cdns()?.forget(id).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Error::NotFound("purge")),
    }
}

fn list(letters: Vec<Letter>) -> Response {
    ([(CACHE_CONTROL, "private, no-store")], Json(Letters { letters })).into_response()
}

impl Origin {
    fn cdns(&self) -> Result<&Cdns, Error> {
        self.0.parts.cdns.as_ref().ok_or(Error::NotFound("CDN"))
    }
}
