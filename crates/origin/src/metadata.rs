//! `GET /images/{id}/meta` and `GET /images`: what is known of images, as JSON.
//!
//! The prompt is told only to who may write, as [`orbit_model::Access`] decides; with a token set, listing all images
//! without naming a thread needs it too, because a list of everything is for the operator.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::{HeaderMap, Uri};
use orbit_model::{ImageId, Manifest, Metadata, MetadataPage, ThreadId};
use serde::Deserialize;

use crate::{Error, Origin, error};

/// The parameters of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    thread_id: Option<ThreadId>,
    style: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn get(
    State(origin): State<Origin>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id: ImageId = id.parse().ok().ok_or(Error::NotFound("image"))?;
    let manifest = origin.store().manifest(&id).await?;
    let trusted = origin.0.parts.access.check(&uri, &headers).is_ok();
    Ok(json(&origin.metadata(&manifest, trusted)))
}

pub(crate) async fn list(
    State(origin): State<Origin>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Query(query) = query.map_err(|error| Error::Invalid(format!("the query: {}", error.body_text())))?;
    let access = &origin.0.parts.access;
    let checked = access.check(&uri, &headers);
    if let (Err(refusal), None, true) = (checked, &query.thread_id, access.has_token()) {
        return Ok(error::refused(refusal));
    }
    let limit = query.limit.unwrap_or(orbit_store::Query::DEFAULT_LIMIT);
    if limit == 0 || limit > orbit_store::Query::MAX_LIMIT {
        return Err(Error::Invalid(format!("the limit must be from 1 to {}", orbit_store::Query::MAX_LIMIT)));
    }
    let ListQuery { thread_id, style, cursor, .. } = query;
    let page = origin.store().list(&orbit_store::Query { thread_id, style, cursor, limit }).await?;
    let images = page.manifests.iter().map(|manifest| origin.metadata(manifest, checked.is_ok())).collect();
    Ok(json(&MetadataPage { images, next_cursor: page.next_cursor }))
}

impl Origin {
    /// The public face of a manifest, with the prompt for who may see it.
    pub(crate) fn metadata(&self, manifest: &Manifest, trusted: bool) -> Metadata {
        let base = &self.config().public_base_url;
        if trusted { Metadata::with_prompt(manifest, base) } else { Metadata::public(manifest, base) }
    }
}

fn json(body: &impl serde::Serialize) -> Response {
    ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (CACHE_CONTROL, "no-cache")], Json(body)).into_response()
}
