//! The edge's errors, and the one place where they become HTTP answers.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use orbit_model::Problem;
use orbit_model::access::Refusal;

/// Why the edge does not serve what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such path.
    #[error("there is nothing under this path")]
    NotFound,
    /// A setting or a request that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The method is not for this path.
    #[error("only GET, HEAD and OPTIONS are answered here")]
    MethodNotAllowed,
    /// What the request asks of the image does not hold.
    #[error("the image is not the one that If-Match or If-Unmodified-Since names")]
    PreconditionFailed,
    /// The range that is asked for begins behind the end.
    #[error("the range begins behind the end of the image")]
    Unsatisfiable,
    /// The request may not write.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request has come round to the edge that sent it.
    #[error("this request has been through this edge before: name another server as its upstream")]
    Loop,
    /// The upstream gave no answer that can be passed on.
    #[error(transparent)]
    Upstream(#[from] orbit_cache::Error),
}

impl Error {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "invalid"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "conflict"),
            Self::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, "invalid"),
            Self::Refused(Refusal::Unauthorized) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Refused(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Loop => (StatusCode::LOOP_DETECTED, "loop"),
            Self::Upstream(orbit_cache::Error::NotCached) => (StatusCode::GATEWAY_TIMEOUT, "not_cached"),
            Self::Upstream(orbit_cache::Error::Timeout) => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            Self::Upstream(_) => (StatusCode::BAD_GATEWAY, "unavailable"),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let detail = match &self {
            // What the upstream said is for the log; it may name hosts and ports of ours.
            Self::Upstream(orbit_cache::Error::Unavailable(_)) => {
                "the upstream cannot be reached; try again".to_owned()
            }
            error => error.to_string(),
        };
        let body = serde_json::to_vec(&Problem::new(status, code, detail)).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.insert("content-security-policy", HeaderValue::from_static("default-src 'none'"));
        if matches!(self, Self::MethodNotAllowed) {
            headers.insert(http::header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        }
        if matches!(self, Self::Refused(Refusal::Unauthorized)) {
            headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
