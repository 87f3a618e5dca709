//! What the openai backend says where it draws nothing.
//!
//! Its message goes to the caller, cut short and without the key, which some servers repeat. It is in no log: it may quote the prompt.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::Error;

/// The most of an error's body that is read, in bytes.
const MAX_BODY: usize = 64 << 10;
/// The most of a message that is handed on, in characters.
const MAX_MESSAGE: usize = 400;

/// Reads an answer that is no picture.
pub(super) async fn read(answer: Response<Incoming>, key: Option<&str>) -> Error {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let said = serde_json::from_slice(&body).ok().and_then(|json: Value| message(&json, key));
    let message = said.unwrap_or_else(|| format!("the backend answered with status {}", head.status.as_u16()));
    tracing::warn!(target: "orbit::origin", status = head.status.as_u16(), "the openai backend drew nothing");
    judge(head.status, &head.headers, message)
}

fn judge(status: StatusCode, headers: &HeaderMap, message: String) -> Error {
    match status.as_u16() {
        401 | 403 => Error::Refused("the backend does not accept the key; check OPENAI_API_KEY".to_owned()),
        429 | 503 => Error::Busy { message, retry_after: retry_after(headers) },
        300..=399 => Error::Failed("the backend redirects; give the base URL that it redirects to".to_owned()),
        408 | 425 => Error::Failed(message),
        400..=499 => Error::Refused(message),
        _ => Error::Failed(message),
    }
}

/// What an error says for people, in the forms that servers use.
pub(super) fn message(json: &Value, key: Option<&str>) -> Option<String> {
    let error = json.get("error");
    let places = [error.and_then(|error| error.get("message")), error, json.get("message"), json.get("detail")];
    let said = places.into_iter().flatten().find_map(Value::as_str)?;
    let hidden = match key {
        Some(key) => said.replace(key, "(hidden)"),
        None => said.to_owned(),
    };
    let text: String = hidden.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// When it wants to be asked again: seconds, or a date, which counts from the answer's own `Date`, so that no two clocks have to
/// agree (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
}
