//! `GET /images/{id}/meta` and `GET /images`: what is known of images, as JSON.
//!
//! The prompt, with its seed and whether there is a recipe, is told only to who may write, as [`orbit_model::Access`] decides, and so is a list that names no thread:
//! a list of everything is for the operator.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, VIA};
use http::{HeaderMap, Uri};
use orbit_model::{ImageId, Manifest, Metadata, MetadataPage, ThreadId};
use serde::Deserialize;

use crate::routes::Segment;
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
    Segment(id): Segment,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id: ImageId = id.parse().ok().ok_or(Error::NotFound("image"))?;
    let manifest = origin.store().manifest(&id).await?;
    Ok(json(&origin.metadata(&manifest, origin.trusts(&uri, &headers))))
}

pub(crate) async fn list(
    State(origin): State<Origin>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Query(query) = query.map_err(|error| Error::Invalid(format!("the query: {}", error.body_text())))?;
    if let (Err(refusal), None) = (origin.0.parts.access.check(&uri, &headers), &query.thread_id) {
        return Ok(error::refused(refusal));
    }
    let limit = query.limit.unwrap_or(orbit_store::Query::DEFAULT_LIMIT);
    if limit == 0 || limit > orbit_store::Query::MAX_LIMIT {
        return Err(Error::Invalid(format!("the limit must be from 1 to {}", orbit_store::Query::MAX_LIMIT)));
    }
    let ListQuery { thread_id, style, cursor, .. } = query;
    let page = origin.store().list(&orbit_store::Query { thread_id, style, cursor, limit }).await?;
    let trusted = origin.trusts(&uri, &headers);
    let images = page.manifests.iter().map(|manifest| origin.metadata(manifest, trusted)).collect();
    Ok(json(&MetadataPage { images, next_cursor: page.next_cursor }))
}

impl Origin {
    /// Whether the asker may see prompts: who may write, and without a token nobody behind a proxy, which asks under its
    /// own name for whoever came to it.
    pub(crate) fn trusts(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let access = &self.0.parts.access;
        access.check(uri, headers).is_ok() && (access.has_token() || !headers.contains_key(VIA))
    }

    /// The public face of a manifest, with the prompt and what goes with it for who may see them.
    pub(crate) fn metadata(&self, manifest: &Manifest, trusted: bool) -> Metadata {
        let base = &self.config().public_base_url;
        if trusted { Metadata::with_prompt(manifest, base) } else { Metadata::public(manifest, base) }
    }
}

fn json(body: &impl serde::Serialize) -> Response {
    ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (CACHE_CONTROL, "private, no-cache")], Json(body)).into_response()
}
