//! One request at the edge.
//!
//! 1. Parse: a public image path, or one to pass on ([`crate::proxy`]).
//! 2. Preflight and other methods are answered without looking.
//! 3. `cache.get(key, fetch)`; the fetch is one request for the whole image to the upstream.
//! 4. Answer: 304, 206, HEAD or the whole, with what happened in the headers ([`crate::answer`]).
//! 5. One log line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN};
use http::header::{ACCESS_CONTROL_MAX_AGE, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use orbit_cache::policy::{Policy, hop_by_hop, storable};
use orbit_cache::tier::{Bounds, Memory, Noop};
use orbit_cache::{Cache, Condition, Found, Outcome, Tier};
use orbit_model::{Access, CacheKey, Clock};
use tokio_util::sync::CancellationToken;

use crate::loops::Marks;
use crate::{Config, Error, Upstream, answer, path};

/// The service that owns copies; clones share them.
#[derive(Debug, Clone)]
pub struct Edge {
    pub(crate) cache: Cache,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) access: Access,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    /// What this edge puts on each request to the upstream: one that bears it has come round.
    pub(crate) marks: Marks,
    pub(crate) started: Instant,
    /// Cancelled once, at shutdown: event streams that pass through end.
    pub(crate) stopping: CancellationToken,
}

impl Edge {
    /// An edge with an empty memory in front of `upstream`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the settings make no sense.
    pub fn new(
        config: Config,
        upstream: Arc<dyn Upstream>,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        config.validate()?;
        let tier: Box<dyn Tier> = match config.memory_bytes {
            0 => Box::new(Noop),
            max_bytes => Box::new(Memory::new(Bounds { max_bytes, max_entries: config.memory_max_images })),
        };
        let cache = Cache::new(Policy::image(), tier, Arc::clone(&clock));
        Ok(Self {
            cache,
            upstream,
            access,
            config,
            clock,
            marks: Marks::new(),
            started: Instant::now(),
            stopping: CancellationToken::new(),
        })
    }

    /// Ends the event streams that pass through, so that a graceful shutdown has an end.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// The cache, for its counters.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Whether a path is answered from the cache.
    #[must_use]
    pub fn owns(path: &str) -> bool {
        path.starts_with(path::PUBLIC_PREFIX)
    }

    /// Answers any request: images from the cache, the rest from the upstream.
    pub async fn handle(&self, request: Request<Body>) -> Response {
        if Self::owns(request.uri().path()) {
            return self.image(request).await;
        }
        if request.method().is_safe()
            && let Some(response) = self.health(request.uri().path()).await
        {
            return response;
        }
        self.pass_on(request).await
    }

    /// Answers a request under `/api/images/`.
    pub async fn image(&self, request: Request<Body>) -> Response {
        let started = Instant::now();
        let Some(key) = path::key(request.uri().path()) else { return Error::NotFound.into_response() };
        if self.marks.came_round(request.headers()) {
            return Error::Loop.into_response();
        }
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return preflight(),
            _ => return Error::MethodNotAllowed.into_response(),
        }
        if !storable::may_answer(request.headers()) {
            return self.pass_on_as(request, key.as_str()).await;
        }
        match self.cache.get(&key, self.fetch(&key, request.headers())).await {
            Ok(found) => {
                log(&key, &found, started.elapsed());
                answer::from_cache(&request, &found, self.clock.now(), started.elapsed())
            }
            Err(error) => {
                tracing::warn!(target: "orbit::edge", %key, %error, "[IMAGE CACHE] ERROR: {} - {error}", path::name(&key));
                Error::from(error).into_response()
            }
        }
    }

    /// The fetch of a key: one request for the whole image, its body taken in up to the limit, all within the timeout.
    fn fetch(&self, key: &CacheKey, client: &HeaderMap) -> impl FnOnce(Condition) -> FetchFuture + Send + use<> {
        let (upstream, config) = (Arc::clone(&self.upstream), self.config.clone());
        let (uri, mut headers) = (key.as_str().to_owned(), HeaderMap::new());
        self.marks.stamp(client, &mut headers);
        move |condition| {
            Box::pin(async move {
                let mut request = Request::get(uri).body(Body::empty()).map_err(unavailable)?;
                *request.headers_mut() = headers;
                if let Some(etag) = condition.etag {
                    request.headers_mut().insert(IF_NONE_MATCH, etag);
                }
                if let Some(last_modified) = condition.last_modified {
                    request.headers_mut().insert(IF_MODIFIED_SINCE, last_modified);
                }
                let exchange = async {
                    let (mut parts, body) = upstream.send(request).await?.into_parts();
                    hop_by_hop::remove(&mut parts.headers);
                    let body = take_in(body, config.max_fill_bytes, upstream.brings_own_buffers()).await?;
                    Ok(http::Response::from_parts(parts, body))
                };
                tokio::time::timeout(config.upstream_timeout, exchange)
                    .await
                    .unwrap_or(Err(orbit_cache::Error::Timeout))
            })
        }
    }
}

type FetchFuture = std::pin::Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, orbit_cache::Error>> + Send>>;

/// The largest body that is copied so as not to keep the buffer that it arrived in, in bytes.
const MAX_COPIED: usize = 256 << 10;

/// Collects a body into one piece. Unless it is `owned`, a small one is copied: as it arrived it may be a slice of a much larger buffer,
/// which would stay for as long as the slice is kept.
async fn take_in(body: Body, max_bytes: u64, owned: bool) -> Result<Bytes, orbit_cache::Error> {
    let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let collected = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            return orbit_cache::Error::TooLarge { max_bytes };
        }
        orbit_cache::Error::Unavailable(error.to_string())
    })?;
    let bytes = collected.to_bytes();
    Ok(if owned || bytes.len() > MAX_COPIED { bytes } else { Bytes::copy_from_slice(&bytes) })
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> orbit_cache::Error {
    orbit_cache::Error::Unavailable(error.to_string())
}

/// The answer to a CORS preflight: anyone may read, nobody may write here.
fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Range, If-None-Match, If-Modified-Since"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn log(key: &CacheKey, found: &Found, took: Duration) {
    let (name, status) = (path::name(key), found.entry.status.as_u16());
    match found.outcome {
        Outcome::Miss | Outcome::Coalesced => {
            let outcome = answer::x_cache(found.outcome);
            tracing::info!(target: "orbit::edge", status, ?took, "[IMAGE CACHE] {outcome}: {name} - Fetching from upstream");
        }
        outcome => {
            let outcome = answer::x_cache(outcome);
            tracing::info!(target: "orbit::edge", status, ?took, "[IMAGE CACHE] {outcome}: {name}");
        }
    }
}

#[cfg(test)]
mod tests;
