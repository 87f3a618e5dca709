//! The fetch that the edge hands to the cache: one request to the upstream.
//!
//! It keeps what of the client's request the upstream may see, for a fetch outlives the client that began it. In profile image
//! that is little, so that what one client sends does not shape what others get (T-KEY-3); in profile rfc it is everything but
//! the fields of one connection.

use std::sync::Arc;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, ACCESS_CONTROL_EXPOSE_HEADERS};
use http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use orbit_cache::policy::hop_by_hop;
use orbit_cache::{Body, Error, Question};

use crate::target::Target;
use crate::upstream::Affinity;
use crate::{Edge, Informational, Profile};

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const EXPOSED: &str = "X-Cache, Cache-Status, Server-Timing, Age, ETag, Content-Length";

/// A request to the upstream, to be asked one way or another; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Fetch(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    edge: Edge,
    uri: String,
    method: Method,
    headers: HeaderMap,
    /// Where interim answers go: to the client that began it.
    informational: Option<Informational>,
}

impl Fetch {
    /// The fetch of a resource for a client's request.
    pub(crate) fn new(edge: &Edge, request: &Request<()>, target: &Target) -> Self {
        let mut headers = request.headers().clone();
        hop_by_hop::remove(&mut headers);
        Self(Arc::new(Parts {
            edge: edge.clone(),
            uri: target.path().to_owned(),
            method: request.method().clone(),
            headers,
            informational: request.extensions().get().cloned(),
        }))
    }

    /// Asks the upstream.
    pub(crate) async fn ask(self, question: Question) -> Result<Response<Body>, Error> {
        let edge = &self.0.edge;
        let response = edge.upstream.send(self.request(question)?).await?;
        let (mut parts, body) = response.into_parts();
        hop_by_hop::remove(&mut parts.headers);
        if edge.config.profile == Profile::Image {
            dress(&mut parts.headers);
        }
        let body = match edge.upstream.brings_own_buffers() {
            true => self.take_in(body).await?,
            false => Body::passing(body),
        };
        Ok(Response::from_parts(parts, body))
    }

    fn request(&self, question: Question) -> Result<Request<AxumBody>, Error> {
        let parts = &*self.0;
        let method = match question {
            Question::Whole(_) => Method::GET,
            Question::AsAsked => parts.method.clone(),
        };
        let mut headers = question.fields(&parts.headers);
        if parts.edge.config.profile == Profile::Image {
            headers = self.sparse(headers);
        }
        parts.edge.marks.stamp(&parts.headers, &mut headers);
        let mut request = Request::new(AxumBody::empty());
        *request.method_mut() = method;
        *request.uri_mut() = parts.uri.parse().map_err(|error| unavailable(format!("{}: {error}", parts.uri)))?;
        *request.headers_mut() = headers;
        if parts.edge.follows() {
            request.extensions_mut().insert(Affinity::of(&parts.uri));
        }
        if let Some(informational) = &parts.informational {
            request.extensions_mut().insert(informational.clone());
        }
        Ok(request)
    }

    /// What the upstream sees of a client that asks for an image: what the policy forwards, conditions and ranges.
    fn sparse(&self, headers: HeaderMap) -> HeaderMap {
        let policy = self.0.edge.config.profile.policy();
        let passes = |name: &HeaderName| policy.forwards(name) || Question::narrows(name) || *name == AUTHORIZATION;
        let passing = headers.iter().filter(|(name, _)| passes(name));
        passing.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Takes in a body that is there already: its buffer is its own, so it can be kept as it is.
    async fn take_in(&self, body: AxumBody) -> Result<Body, Error> {
        let limits = &self.0.edge.config.limits;
        let limit = usize::try_from(limits.max_body_bytes).unwrap_or(usize::MAX);
        // A stream without an end in sight, of events above all.
        if http_body::Body::size_hint(&body).exact().is_none() {
            return Ok(Body::passing(body));
        }
        let collected = Limited::new(body, limit).collect();
        let collected = tokio::time::timeout(limits.max_silence, collected).await.map_err(|_elapsed| Error::Timeout)?;
        let bytes: Bytes = collected.map_err(unavailable)?.to_bytes();
        Ok(Body::Whole(bytes))
    }
}

/// The fields that make an image safe and readable for the page that shows it.
fn dress(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'"));
    headers.entry(ACCEPT_RANGES).or_insert(HeaderValue::from_static("bytes"));
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    Error::Unavailable(error.to_string())
}
