//! `GET, HEAD, OPTIONS /images/{id}`: the stored bytes.
//!
//! 1. The id is checked; what is none is not found, before any file is touched.
//! 2. The manifest, and unless a condition may make it needless, the bytes in the same hop.
//! 3. Preconditions (304, 412), then a range (206, 416), then the whole.
//! 4. Headers: validators, caching, CORS, tags for caches further out.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use headers::{ETag, HeaderMapExt};
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use orbit_model::clock::http_date;
use orbit_model::conditional::{self, Decision, Validators};
use orbit_model::range::{self, Selection};
use orbit_model::{ImageId, Manifest};

use crate::routes::Segment;
use crate::{Error, Origin, error};

/// For an image that was written once and never replaced.
const IMMUTABLE: &str = "public, max-age=3600, immutable";
/// For one that was replaced: its URL has shown other bytes before.
const REPLACED: &str = "public, max-age=3600";

pub(crate) async fn get(
    State(origin): State<Origin>,
    Segment(segment): Segment,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id = ImageId::from_segment(&segment).ok().ok_or(Error::NotFound("image"))?;
    let may_do_without =
        method == Method::HEAD || headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
    let (manifest, bytes) = if may_do_without {
        (origin.store().manifest(&id).await?, None)
    } else {
        let (manifest, bytes) = origin.store().read(&id).await?;
        (manifest, Some(bytes))
    };
    match conditional::evaluate(&method, &headers, &validators(&manifest)) {
        Decision::NotModified => return Ok((StatusCode::NOT_MODIFIED, fields(&manifest)).into_response()),
        Decision::PreconditionFailed => return Ok(error::precondition_failed()),
        Decision::Proceed => {}
    }
    if method == Method::HEAD {
        return Ok(whole(&manifest, Bytes::new()));
    }
    // Read together: the fields are those of these bytes, even if the image was replaced since the look before.
    let (manifest, bytes) = match bytes {
        Some(bytes) => (manifest, bytes),
        None => origin.store().read(&id).await?,
    };
    tracing::info!(target: "orbit::origin", "IMG: ⚡ Cache HIT (filesystem): {id}");
    Ok(match range::select(&headers, &validators(&manifest), bytes.len() as u64) {
        Selection::Whole => whole(&manifest, bytes),
        Selection::Part(part) => partial(&manifest, &bytes, &part),
        Selection::Unsatisfiable => error::unsatisfiable(bytes.len() as u64),
    })
}

/// The answer to a CORS preflight.
pub(crate) async fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Range, If-None-Match, If-Modified-Since"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// What conditional requests on an image are compared with.
pub(crate) fn validators(manifest: &Manifest) -> Validators {
    Validators { etag: etag(manifest), last_modified: Some(manifest.created_at) }
}

fn etag(manifest: &Manifest) -> Option<ETag> {
    manifest.image.digest.etag().parse().ok()
}

fn whole(manifest: &Manifest, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.headers_mut() = fields(manifest);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(manifest.image.format.media_type()));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(manifest.image.bytes));
    response
}

fn partial(manifest: &Manifest, bytes: &Bytes, part: &Range<u64>) -> Response {
    let body = bytes.slice(range::indices(part, bytes.len()));
    let media_type = [(CONTENT_TYPE, manifest.image.format.media_type())];
    let content_range = [(CONTENT_RANGE, range::header_value(part, bytes.len() as u64))];
    (StatusCode::PARTIAL_CONTENT, fields(manifest), media_type, content_range, body).into_response()
}

/// The fields that a 200, a 206 and a 304 have in common (RFC 9110 section 15.4.5).
fn fields(manifest: &Manifest) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    if let Some(etag) = etag(manifest) {
        headers.typed_insert(etag);
    }
    let cache_control = if manifest.revision == 1 { IMMUTABLE } else { REPLACED };
    for (name, value) in [
        (CACHE_CONTROL, cache_control),
        (ACCEPT_RANGES, "bytes"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
        (HeaderName::from_static("timing-allow-origin"), "*"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let tag = manifest.labels.thread_id.as_ref().map(|thread| format!("thread:{thread}"));
    for (name, text) in
        [(LAST_MODIFIED, Some(http_date(manifest.created_at))), (HeaderName::from_static("cache-tag"), tag)]
    {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}
