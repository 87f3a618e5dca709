//! `GET, HEAD, OPTIONS /images/{id}`: the stored bytes, or a variant of them.
//!
//! 1. The id is checked; what is none is not found, before any file is touched. The query is read.
//! 2. Without one: the manifest, and unless a condition may make it needless, the bytes in the same hop. With one:
//!    [`crate::variants`] finds or derives what is asked for.
//! 3. Preconditions (304, 412), then a range (206, 416), then the whole.
//! 4. Headers: validators, caching, CORS, tags for caches further out.

pub(crate) mod caching;

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use headers::{ETag, HeaderMapExt};
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use orbit_model::clock::http_date;
use orbit_model::conditional::{self, Decision, Validators};
use orbit_model::range::{self, Selection};
use orbit_model::variant::Target;
use orbit_model::{Digest, ImageId, Manifest, VariantQuery};

use self::caching::{MAX_AGE, PROVISIONAL, PROVISIONAL_MAX_AGE, lasting};
use crate::jobs::pending::{self, Pending};
use crate::routes::Segment;
use crate::variants::{Found, Shown};
use crate::{Error, Origin, error};

pub(crate) async fn get(
    State(origin): State<Origin>,
    Segment(segment): Segment,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id = ImageId::from_segment(&segment).ok().ok_or(Error::NotFound("image"))?;
    let text = uri.query().unwrap_or_default();
    let (query, wait) = (VariantQuery::parse(text)?, pending::wait(text)?);
    match origin.show(&id, &query, &method, &headers).await {
        Err(Error::NotFound(_)) => match origin.pending(&id, wait).await? {
            Pending::Come => origin.show(&id, &query, &method, &headers).await,
            Pending::Answer(answer) => Ok(answer),
        },
        answered => answered,
    }
}

impl Origin {
    /// Answers with an image, or with what a query makes of it.
    pub(crate) async fn show(
        &self,
        id: &ImageId,
        query: &VariantQuery,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        let mut answered = self.show_either(id, query, method, headers).await;
        if let (Ok(response), Some(time)) = (&mut answered, self.config().cdn_max_age) {
            caching::keep_further_out(response.headers_mut(), time);
        }
        answered
    }

    async fn show_either(
        &self,
        id: &ImageId,
        query: &VariantQuery,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        if query.is_empty() {
            return self.show_image(id, method, headers).await;
        }
        let answered = self.show_variant(id, query, method, headers).await;
        if matches!(answered, Err(Error::NotFound(_))) {
            return answered;
        }
        let mut response = answered.unwrap_or_else(IntoResponse::into_response);
        // On every answer, refusals too: a cache between here and there must not take one client's for another's.
        if query.variant.target == Some(Target::Auto) || query.preset.is_some() {
            response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        }
        Ok(response)
    }

    async fn show_image(&self, id: &ImageId, method: &Method, headers: &HeaderMap) -> Result<Response, Error> {
        let may_do_without =
            *method == Method::HEAD || headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
        let (manifest, bytes) = if may_do_without {
            (self.store().manifest(id).await?, None)
        } else {
            let (manifest, bytes) = self.store().read(id).await?;
            (manifest, Some(bytes))
        };
        self.note_use(&manifest);
        let answer = Answer::image(&manifest);
        if let Some(response) = answer.without_bytes(method, headers) {
            return Ok(response);
        }
        // Read together: the fields are those of these bytes, even if the image was replaced since the look before.
        let (manifest, bytes) = match bytes {
            Some(bytes) => (manifest, bytes),
            None => self.store().read(id).await?,
        };
        tracing::info!(target: "orbit::origin", "IMG: ⚡ Cache HIT (filesystem): {id}");
        Ok(Answer::image(&manifest).with_bytes(headers, &bytes))
    }

    async fn show_variant(
        &self,
        id: &ImageId,
        query: &VariantQuery,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        let mut looks = 0;
        loop {
            let found = self.find(id, query, headers).await?;
            self.note_use(&found.manifest);
            let answer = Answer::of(&found, self.now().as_second());
            if let Some(response) = answer.without_bytes(method, headers) {
                return Ok(response);
            }
            let bytes = match &found.shown {
                Shown::Fresh(_, bytes) | Shown::ThumbHash(bytes) => Ok(bytes.clone()),
                Shown::Stored(rendition) => self.store().blob(id, &rendition.file, rendition.bytes).await,
            };
            match bytes {
                Ok(bytes) => return Ok(answer.with_bytes(headers, &bytes)),
                // Changed between the manifest and the file: the second look finds the new ones.
                Err(orbit_store::Error::Corrupt { .. }) if looks == 0 => looks += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
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
    Answer::image(manifest).validators()
}

/// What is told of the bytes that are shown.
struct Answer<'a> {
    manifest: &'a Manifest,
    digest: Digest,
    media_type: &'static str,
    bytes: u64,
    cache_control: HeaderValue,
}

impl<'a> Answer<'a> {
    fn image(manifest: &'a Manifest) -> Self {
        Self {
            manifest,
            digest: manifest.image.digest,
            media_type: manifest.image.format.media_type(),
            bytes: manifest.image.bytes,
            cache_control: lasting(manifest),
        }
    }

    fn of(found: &'a Found, now: i64) -> Self {
        let manifest = &found.manifest;
        let (digest, media_type, bytes) = match &found.shown {
            Shown::Stored(rendition) | Shown::Fresh(rendition, _) => {
                (rendition.digest, rendition.format.media_type(), rendition.bytes)
            }
            Shown::ThumbHash(hash) => (Digest::of(hash), "application/octet-stream", hash.len() as u64),
        };
        let cache_control = match found.expires {
            // Not a second longer than the URL is good, and never stale.
            Some(end) => {
                let left =
                    (end.as_second() - now).clamp(0, if found.provisional { PROVISIONAL_MAX_AGE } else { MAX_AGE });
                let text = format!("public, max-age={left}, must-revalidate");
                HeaderValue::try_from(text).unwrap_or(PROVISIONAL)
            }
            None if found.provisional => PROVISIONAL,
            None => lasting(manifest),
        };
        Self { manifest, digest, media_type, bytes, cache_control }
    }

    fn validators(&self) -> Validators {
        Validators { etag: self.etag(), last_modified: Some(self.manifest.created_at) }
    }

    fn etag(&self) -> Option<ETag> {
        self.digest.etag().parse().ok()
    }

    /// The answer, where none of the bytes are needed for it.
    fn without_bytes(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        match conditional::evaluate(method, headers, &self.validators()) {
            Decision::NotModified => Some((StatusCode::NOT_MODIFIED, self.fields()).into_response()),
            Decision::PreconditionFailed => Some(error::precondition_failed()),
            Decision::Proceed => (*method == Method::HEAD).then(|| self.whole(Bytes::new())),
        }
    }

    fn with_bytes(&self, headers: &HeaderMap, bytes: &Bytes) -> Response {
        match range::select(headers, &self.validators(), bytes.len() as u64) {
            Selection::Whole => self.whole(bytes.clone()),
            Selection::Part(part) => self.partial(bytes, &part),
            Selection::Unsatisfiable => error::unsatisfiable(bytes.len() as u64),
        }
    }

    fn whole(&self, body: Bytes) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.headers_mut() = self.fields();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.bytes));
        response
    }

    fn partial(&self, bytes: &Bytes, part: &Range<u64>) -> Response {
        let body = bytes.slice(range::indices(part, bytes.len()));
        let media_type = [(CONTENT_TYPE, self.media_type)];
        let content_range = [(CONTENT_RANGE, range::header_value(part, bytes.len() as u64))];
        (StatusCode::PARTIAL_CONTENT, self.fields(), media_type, content_range, body).into_response()
    }

    /// The fields that a 200, a 206 and a 304 have in common (RFC 9110 section 15.4.5).
    fn fields(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(12);
        if let Some(etag) = self.etag() {
            headers.typed_insert(etag);
        }
        for (name, value) in [
            (ACCEPT_RANGES, "bytes"),
            (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
            (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
            (HeaderName::from_static("timing-allow-origin"), "*"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        if let Ok(modified) = HeaderValue::try_from(http_date(self.manifest.created_at)) {
            headers.insert(LAST_MODIFIED, modified);
        }
        caching::tag(&mut headers, &self.manifest.id, &self.manifest.labels);
        headers
    }
}
