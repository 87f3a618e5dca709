//! What stands before every route: who may write, and the headers that make each answer safe.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};

use crate::{Origin, body, error, openai};

/// Lets reads pass, and writes by who may write; then adds what no answer goes without (T-KEY-6).
pub(crate) async fn stand(State(origin): State<Origin>, request: Request, next: Next) -> Response {
    let checked = match request.method().is_safe() {
        true => Ok(()),
        false => origin.0.parts.access.check(request.uri(), request.headers()),
    };
    let mut response = match checked {
        Ok(()) => error::explained(next.run(request).await),
        Err(refusal) => {
            let for_openai = request.uri().path().starts_with("/v1/");
            body::drain(request.into_body()).await;
            if for_openai { openai::refused(refusal) } else { error::refused(refusal) }
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'"));
    response
}
