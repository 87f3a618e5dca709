//! From what the cache found to the HTTP answer.
//!
//! Conditional and range requests are decided on the stored response (RFC 9110 sections 13 and 14). What the cache did is
//! told in `X-Cache`, `Cache-Status` (RFC 9211), `Age` and `Server-Timing`. Nothing here asks the upstream.

mod ready;

use std::ops::Range;
use std::time::Duration;

use axum::response::IntoResponse as _;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use orbit_cache::{Found, Outcome, Question};
use orbit_model::CacheStatus;
use orbit_model::conditional::{self, Decision};
use orbit_model::range::{self, Selection};

use self::ready::{Form, Ready};
use crate::{Body, Error};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Answers a GET or HEAD with what the cache found; `took` is how long it took where it took asking.
pub(crate) fn from_cache<B>(
    request: &Request<B>,
    mut found: Found,
    now: Timestamp,
    took: Option<Duration>,
) -> Response<Body> {
    let plan = plan(request, &found);
    let body = std::mem::take(&mut found.body);
    let ready = took.is_none().then(|| plan.form()).flatten();
    let ready = ready.map(|form| Ready::new(&found.head, form, found.head.age(now)));
    let mut response = match ready.as_ref().and_then(Ready::fields) {
        Some(fields) => {
            let mut response = plan.bare(&found, body);
            *response.headers_mut() = fields;
            response
        }
        None => {
            let mut response = plan.answer(&found, body);
            describe(response.headers_mut(), &found, now, took);
            if let Some(ready) = ready {
                ready.keep(response.headers());
            }
            response
        }
    };
    if request.method() == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// The word in `X-Cache`.
pub(crate) fn x_cache(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "HIT",
        Outcome::Stale => "STALE",
        Outcome::Miss | Outcome::Pass => "MISS",
        Outcome::Coalesced => "COALESCED",
    }
}

/// The answer to a CORS preflight: anyone may read, nobody may write here.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Range, If-None-Match, If-Modified-Since"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

enum Plan {
    Whole,
    Part(Range<u64>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

impl Plan {
    /// The form of answers whose fields depend on nothing but the response and its age.
    fn form(&self) -> Option<Form> {
        match self {
            Self::Whole => Some(Form::Whole),
            Self::NotModified => Some(Form::NotModified),
            _ => None,
        }
    }

    /// The answer without its fields.
    fn bare(&self, found: &Found, body: orbit_cache::Body) -> Response<Body> {
        let (status, body) = match self {
            Self::NotModified => (StatusCode::NOT_MODIFIED, Body::empty()),
            _ => (found.head.status, Body::from(body)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
    }

    /// The answer with the fields of the response.
    fn answer(&self, found: &Found, body: orbit_cache::Body) -> Response<Body> {
        match (self, body.length()) {
            (Self::Part(part), Some(length)) => partial(found, body, part, length),
            (Self::NotModified, _) => not_modified(found, self.bare(found, body)),
            (Self::PreconditionFailed, _) => Error::PreconditionFailed.into_response().map(Body::from),
            (Self::Unsatisfiable, Some(length)) => unsatisfiable(length),
            (_, length) => whole(found, length, self.bare(found, body)),
        }
    }
}

fn plan<B>(request: &Request<B>, found: &Found) -> Plan {
    let head = &found.head;
    // Preconditions and ranges concern a representation that exists (RFC 9110 section 13.2.1).
    if head.status != StatusCode::OK || !request.headers().keys().any(Question::narrows) {
        return Plan::Whole;
    }
    match conditional::evaluate(request.method(), request.headers(), &head.validators) {
        Decision::NotModified => return Plan::NotModified,
        Decision::PreconditionFailed => return Plan::PreconditionFailed,
        Decision::Proceed => {}
    }
    // A body that passes is not cut: the upstream was asked for the range, and chose to send the whole.
    let length = match &found.body {
        orbit_cache::Body::Passing(_) => None,
        body => body.length(),
    };
    let Some(length) = length.filter(|_| request.method() == Method::GET) else { return Plan::Whole };
    match range::select(request.headers(), &head.validators, length) {
        Selection::Whole => Plan::Whole,
        Selection::Part(part) => Plan::Part(part),
        Selection::Unsatisfiable => Plan::Unsatisfiable,
    }
}

fn whole(found: &Found, length: Option<u64>, mut response: Response<Body>) -> Response<Body> {
    *response.headers_mut() = found.head.headers.clone();
    // A body that is still coming may yet break off; one that passes keeps the length that it came with.
    let is_here = matches!(response.body(), Body::Whole(_)) && found.outcome != Outcome::Pass;
    if let Some(length) = length.filter(|_| is_here) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

fn partial(found: &Found, body: orbit_cache::Body, part: &Range<u64>, length: u64) -> Response<Body> {
    let mut response = Response::new(Body::from(body.slice(part)));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    *response.headers_mut() = found.head.headers.clone();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    insert_text(response.headers_mut(), CONTENT_RANGE, &range::header_value(part, length));
    response
}

/// A 304 with the fields that the 200 would have (RFC 9110 section 15.4.5), but those of a body.
fn not_modified(found: &Found, mut response: Response<Body>) -> Response<Body> {
    *response.headers_mut() = found.head.headers.clone();
    for name in [CONTENT_LENGTH, CONTENT_TYPE] {
        response.headers_mut().remove(name);
    }
    response
}

fn unsatisfiable(length: u64) -> Response<Body> {
    let mut response = Error::Unsatisfiable.into_response().map(Body::from);
    insert_text(response.headers_mut(), CONTENT_RANGE, &range::unsatisfied_value(length));
    response
}

/// Says what the cache did.
fn describe(headers: &mut HeaderMap, found: &Found, now: Timestamp, took: Option<Duration>) {
    let word = x_cache(found.outcome);
    headers.insert(X_CACHE, HeaderValue::from_static(word));
    let status = cache_status(found, now).to_string();
    if let Ok(member) = HeaderValue::try_from(status) {
        headers.append(CACHE_STATUS, member);
    }
    // A response that comes straight from the upstream has no age but the one that it came with (RFC 9111 section 5.1).
    let straight = matches!(found.outcome, Outcome::Miss | Outcome::Pass);
    if !straight || !found.head.freshness.initial_age.is_zero() {
        headers.insert(AGE, HeaderValue::from(found.head.age(now).as_secs()));
    }
    match took {
        None => headers.insert(SERVER_TIMING, HeaderValue::from_static("cache;desc=\"HIT\";dur=0")),
        Some(took) => headers.insert(SERVER_TIMING, server_timing(word, took, found)),
    };
}

fn server_timing(word: &str, took: Duration, found: &Found) -> HeaderValue {
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    let mut timing = format!("cache;desc=\"{word}\";dur={:.3}", millis(took));
    if let Some(forwarded) = found.forwarded {
        timing.push_str(&format!(", origin;dur={:.3}", millis(forwarded.took)));
    }
    HeaderValue::try_from(timing).unwrap_or(HeaderValue::from_static("cache"))
}

fn cache_status(found: &Found, now: Timestamp) -> CacheStatus {
    match found.forwarded {
        None => {
            CacheStatus { ttl_seconds: Some(found.head.ttl_seconds(now)), detail: found.tier, ..CacheStatus::default() }
        }
        Some(forwarded) => CacheStatus {
            forward: Some(forwarded.reason),
            forward_status: forwarded.status.map(|status| status.as_u16()),
            stored: found.stored,
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
