//! Problems in the shape that OpenAI's libraries read: `{"error": {...}}`, beside what every problem of ours says.
//!
//! The libraries try 408, 409, 429 and 5xx again by themselves; where we have tried already, `x-should-retry` tells them not to.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use orbit_model::access;
use orbit_model::{JobFailure, Problem};
use serde_json::{Value, json};

use crate::error::Verbatim;

/// Why a program gets no picture.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    /// The field that is wrong, where one is.
    param: Option<&'static str>,
    /// Whether the same request may succeed in a while.
    retry: bool,
}

impl Refusal {
    /// A field of the request makes no sense.
    pub(super) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        let (status, code) = (StatusCode::BAD_REQUEST, "invalid".to_owned());
        Self { status, code, message: message.into(), param: Some(param), retry: false }
    }

    /// The kind of error, in OpenAI's words.
    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// What the libraries read.
    pub(super) fn body(&self) -> Value {
        json!({ "message": self.message, "type": self.kind(), "param": self.param, "code": self.code })
    }
}

/// An image that will not come.
impl From<JobFailure> for Refusal {
    fn from(JobFailure { code, message }: JobFailure) -> Self {
        let status = match code.as_str() {
            "generator_busy" => StatusCode::TOO_MANY_REQUESTS,
            "generator_failed" => StatusCode::BAD_GATEWAY,
            "generator_timeout" => StatusCode::GATEWAY_TIMEOUT,
            "interrupted" => StatusCode::SERVICE_UNAVAILABLE,
            "internal" | "busy" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let retry = status == StatusCode::SERVICE_UNAVAILABLE;
        Self { status, code, message, param: None, retry }
    }
}

/// A request of one who may not write.
pub(crate) fn refused(refusal: access::Refusal) -> Response {
    let response = crate::error::refused(refusal);
    let (status, message) = (response.status(), refusal.to_string());
    let code = if status == StatusCode::UNAUTHORIZED { "unauthorized" } else { "forbidden" };
    let mut explained = Refusal { status, code: code.to_owned(), message, param: None, retry: false }.into_response();
    if let Some(challenge) = response.headers().get(WWW_AUTHENTICATE) {
        explained.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
    }
    explained
}

impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        let retry = matches!(error, crate::Error::Busy(_));
        Self { status: error.into_response().status(), code, message, param: None, retry }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem::new(self.status, &self.code, self.message.clone());
        let mut body = serde_json::to_value(problem).unwrap_or_default();
        body["error"] = self.body();
        let mut response = (self.status, axum::Extension(Verbatim), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let retry = HeaderValue::from_static(if self.retry { "true" } else { "false" });
        headers.insert(HeaderName::from_static("x-should-retry"), retry);
        if self.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
