//! From what the cache found to the HTTP answer.
//!
//! Conditional and range requests are decided on the stored response (RFC 9110 sections 13 and 14). What the cache did is
//! told in `X-Cache`, `Cache-Status` (RFC 9211), `Age` and `Server-Timing`. Nothing here asks the upstream.

use std::ops::Range;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_EXPOSE_HEADERS, AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use jiff::Timestamp;
use orbit_cache::{Entry, Found, Outcome};
use orbit_model::CacheStatus;
use orbit_model::conditional::{self, Decision};
use orbit_model::range::{self, Selection};

use crate::Error;

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const EXPOSED: &str = "X-Cache, Cache-Status, Server-Timing, Age, ETag, Content-Length";

/// Answers a GET or HEAD with a stored or just fetched response.
pub(crate) fn from_cache(request: &Request<Body>, found: &Found, now: Timestamp, took: Duration) -> Response {
    let entry = &*found.entry;
    let mut response = match decide(request, entry) {
        Plan::Whole => whole(entry),
        Plan::Part(part) => partial(entry, &part),
        Plan::NotModified => not_modified(entry),
        Plan::PreconditionFailed => Error::PreconditionFailed.into_response(),
        Plan::Unsatisfiable => unsatisfiable(entry),
    };
    if request.method() == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    describe(response.headers_mut(), found, now, took);
    response
}

/// The word in `X-Cache`.
pub(crate) fn x_cache(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "HIT",
        Outcome::Stale => "STALE",
        Outcome::Miss => "MISS",
        Outcome::Coalesced => "COALESCED",
    }
}

enum Plan {
    Whole,
    Part(Range<u64>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

fn decide(request: &Request<Body>, entry: &Entry) -> Plan {
    // Preconditions and ranges concern a representation that exists (RFC 9110 section 13.2.1).
    if entry.status != StatusCode::OK {
        return Plan::Whole;
    }
    match conditional::evaluate(request.method(), request.headers(), &entry.validators) {
        Decision::NotModified => return Plan::NotModified,
        Decision::PreconditionFailed => return Plan::PreconditionFailed,
        Decision::Proceed => {}
    }
    if request.method() != Method::GET {
        return Plan::Whole;
    }
    match range::select(request.headers(), &entry.validators, entry.body.len() as u64) {
        Selection::Whole => Plan::Whole,
        Selection::Part(part) => Plan::Part(part),
        Selection::Unsatisfiable => Plan::Unsatisfiable,
    }
}

fn whole(entry: &Entry) -> Response {
    let mut response = Response::new(Body::from(entry.body.clone()));
    *response.status_mut() = entry.status;
    *response.headers_mut() = entry.headers.clone();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(entry.body.len()));
    response
}

fn partial(entry: &Entry, part: &Range<u64>) -> Response {
    let body = entry.body.slice(range::indices(part, entry.body.len()));
    let mut response = whole(entry);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    insert_text(response.headers_mut(), CONTENT_RANGE, &range::header_value(part, entry.body.len() as u64));
    *response.body_mut() = Body::from(body);
    response
}

/// A 304 with the fields that the 200 would have (RFC 9110 section 15.4.5), but those of a body.
fn not_modified(entry: &Entry) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = entry.headers.clone();
    for name in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
        response.headers_mut().remove(name);
    }
    response
}

fn unsatisfiable(entry: &Entry) -> Response {
    let mut response = Error::Unsatisfiable.into_response();
    insert_text(response.headers_mut(), CONTENT_RANGE, &range::unsatisfied_value(entry.body.len() as u64));
    response
}

/// Says what the cache did, and makes the answer safe and readable for the page that asked.
fn describe(headers: &mut HeaderMap, found: &Found, now: Timestamp, took: Duration) {
    let word = x_cache(found.outcome);
    headers.insert(X_CACHE, HeaderValue::from_static(word));
    if let Ok(member) = HeaderValue::try_from(cache_status(found, now).to_string()) {
        headers.append(CACHE_STATUS, member);
    }
    if found.entry.status == StatusCode::OK && headers.get(CACHE_CONTROL).is_none_or(|value| value != "no-store") {
        headers.insert(AGE, HeaderValue::from(found.entry.age(now).as_secs()));
    }
    let mut timing = format!("cache;desc=\"{word}\";dur={:.3}", took.as_secs_f64() * 1e3);
    if let Some(forwarded) = found.forwarded {
        timing.push_str(&format!(", origin;dur={:.3}", forwarded.took.as_secs_f64() * 1e3));
    }
    insert_text(headers, SERVER_TIMING, &timing);
    headers.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'"));
    headers.entry(ACCEPT_RANGES).or_insert(HeaderValue::from_static("bytes"));
}

fn cache_status(found: &Found, now: Timestamp) -> CacheStatus {
    match found.forwarded {
        None => CacheStatus {
            ttl_seconds: Some(found.entry.ttl_seconds(now)),
            detail: found.tier,
            ..CacheStatus::default()
        },
        Some(forwarded) => CacheStatus {
            forward: Some(forwarded.reason),
            forward_status: forwarded.status.map(|status| status.as_u16()),
            stored: found.tier.is_some() && found.outcome != Outcome::Stale,
            collapsed: found.outcome == Outcome::Coalesced,
            ..CacheStatus::default()
        },
    }
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
