//! The origin's errors, and the one place where they become HTTP answers.
//!
//! Variants are named by what a caller can do. What went wrong inside is logged here, once, and never told.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use orbit_model::Problem;
use orbit_model::access::Refusal;

/// Seconds after which a caller who was told that the server is busy should try again.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Why the origin does not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It was to be made and was not; the text says why.
    #[error("{0}")]
    NotMade(String),
    /// The request makes no sense; the text says what would.
    #[error("{0}")]
    Invalid(String),
    /// The bytes are no image of an accepted type.
    #[error("{0}")]
    Unsupported(String),
    /// The name is taken by something else.
    #[error("{0}")]
    Conflict(String),
    /// Over a limit.
    #[error("{0}")]
    TooLarge(String),
    /// Try again soon; the text says what is the matter.
    #[error("{0}; try again in a second")]
    Busy(&'static str),
    /// The request did not arrive in time.
    #[error("the body did not arrive in time")]
    Timeout,
    /// Another server, which the request needs, does not do its part.
    #[error("{0}")]
    Unavailable(String),
    /// No room is left for what was brought.
    #[error("{0}")]
    Full(String),
    /// Our fault.
    #[error("something went wrong on the server; its log says what")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// There is more work than can be taken.
    pub(crate) fn busy() -> Self {
        Self::Busy("the server has as much work as it can take")
    }

    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// The same error for another who waited for the same.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::NotFound(what) => Self::NotFound(what),
            Self::NotMade(text) => Self::NotMade(text.clone()),
            Self::Invalid(text) => Self::Invalid(text.clone()),
            Self::Unsupported(text) => Self::Unsupported(text.clone()),
            Self::Conflict(text) => Self::Conflict(text.clone()),
            Self::TooLarge(text) => Self::TooLarge(text.clone()),
            Self::Busy(why) => Self::Busy(why),
            Self::Timeout => Self::Timeout,
            Self::Unavailable(text) => Self::Unavailable(text.clone()),
            Self::Full(text) => Self::Full(text.clone()),
            Self::Internal(source) => Self::internal(describe(source.as_ref())),
        }
    }

    /// The stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound(_) | Self::NotMade(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
            Self::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::Unavailable(_) => (StatusCode::BAD_GATEWAY, "unavailable"),
            Self::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl From<orbit_codec::Error> for Error {
    fn from(error: orbit_codec::Error) -> Self {
        let text = error.to_string();
        match error {
            orbit_codec::Error::Unsupported(_) => Self::Unsupported(text),
            orbit_codec::Error::Invalid(_) => Self::Invalid(text),
            orbit_codec::Error::TooLarge(_) => Self::TooLarge(text),
            orbit_codec::Error::Stopped(_) => Self::TooLarge(text),
            other => Self::internal(other),
        }
    }
}

impl From<orbit_store::Error> for Error {
    fn from(error: orbit_store::Error) -> Self {
        let text = error.to_string();
        match error {
            orbit_store::Error::NotFound => Self::NotFound("image"),
            orbit_store::Error::Conflict(_) => Self::Conflict(text),
            orbit_store::Error::Invalid(_) => Self::Invalid(text),
            orbit_store::Error::Busy(_) => Self::busy(),
            orbit_store::Error::Full(source) => {
                tracing::error!(target: "orbit::origin", error = describe(source.as_ref()), "no space is left");
                Self::Full(text)
            }
            // It may be over soon, and nobody but the operator can do anything about it.
            orbit_store::Error::Unavailable(_) => Self::Busy("a server that keeps what this needs does not answer"),
            other => Self::internal(other),
        }
    }
}

impl From<orbit_model::Error> for Error {
    fn from(error: orbit_model::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if let Self::Internal(source) = &self {
            tracing::error!(target: "orbit::origin", error = describe(source.as_ref()), "a request failed");
        }
        let mut response = problem(status, code, &self.to_string());
        if matches!(self, Self::Busy(_)) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }
}

/// The answer to a write that may not be.
pub(crate) fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Unauthorized | Refusal::NoTicket => {
            let mut response = problem(StatusCode::UNAUTHORIZED, "unauthorized", &refusal.to_string());
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Refusal::CrossSite | Refusal::ForeignHost => problem(StatusCode::FORBIDDEN, "forbidden", &refusal.to_string()),
    }
}

/// The answer to a precondition that does not hold.
pub(crate) fn precondition_failed() -> Response {
    problem(
        StatusCode::PRECONDITION_FAILED,
        "conflict",
        "the image is not the one that If-Match or If-None-Match names",
    )
}

/// Marks a refusal that has its own form on purpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verbatim;

/// A refusal that the router wrote before any of our code saw the request, in the form of all others.
pub(crate) fn explained(response: Response) -> Response {
    let status = response.status();
    let is_ours = response.headers().get(CONTENT_TYPE).is_some_and(|it| it == Problem::MEDIA_TYPE);
    if is_ours || response.extensions().get::<Verbatim>().is_some() {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("invalid", "this path does not know this method"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the request is longer than it may be"),
        StatusCode::BAD_REQUEST => ("invalid", "the request cannot be read"),
        _ => return response,
    };
    let mut explained = problem(status, code, detail);
    if let Some(allow) = response.headers().get(ALLOW) {
        explained.headers_mut().insert(ALLOW, allow.clone());
    }
    explained
}

/// The answer to a range that begins behind the end of `len` bytes.
pub(crate) fn unsatisfiable(len: u64) -> Response {
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let mut response = problem(status, "invalid", "the range begins behind the end of the image");
    if let Ok(range) = HeaderValue::try_from(orbit_model::range::unsatisfied_value(len)) {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    response
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let mut response = (status, Json(Problem::new(status, code, detail))).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error with its chain of causes, for the log.
fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", describe(cause)),
        None => error.to_string(),
    }
}
