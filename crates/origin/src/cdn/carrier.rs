//! Carries a driver's requests to its CDN and says what came of them. One connection a request, which is closed at once where nobody waits
//! any longer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use jiff::Timestamp;
use orbit_model::{Clock, PurgeRequest};

use super::driver::{Answer, Driver, Failure};
use crate::Fetcher;

/// How long a CDN may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes, and how much of it is shown, in characters.
const MAX_BYTES: usize = 64 << 10;
const MAX_SHOWN: usize = 200;
/// The longest that a CDN may have us wait.
const MAX_AFTER: Duration = Duration::from_secs(3600);

/// Sends requests; clones share nothing that changes.
#[derive(Debug, Clone)]
pub(super) struct Carrier {
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
}

impl Carrier {
    pub(super) fn new(fetcher: &Fetcher, clock: Arc<dyn Clock>) -> Self {
        Self { fetcher: fetcher.clone(), clock }
    }

    /// Tells a CDN of a purge; how much went, where it says so.
    pub(super) async fn carry(
        &self,
        driver: &dyn Driver,
        purge: &PurgeRequest,
        is_repeat: bool,
    ) -> Result<Option<u64>, Failure> {
        let now = self.clock.now();
        let requests = driver.compose(purge, is_repeat, now).map_err(Failure::Lasting)?;
        let mut gone = None;
        for request in requests {
            let answer = tokio::time::timeout(TIMEOUT, self.send(request)).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("it did not answer within {TIMEOUT:?}")));
            let answer = answer.map_err(|why| Failure::Passing { why, after: None })?;
            let count = judge(driver, &answer, now)?;
            gone = gone.map_or(count, |sum| Some(sum + count.unwrap_or_default()));
        }
        Ok(gone)
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Answer, String> {
        let uri = request.uri().clone();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("orbit/", env!("CARGO_PKG_VERSION"))));
        if !headers.contains_key(HOST)
            && let Some(Ok(host)) = uri.authority().map(|authority| HeaderValue::try_from(authority.as_str()))
        {
            headers.insert(HOST, host);
        }
        let addresses = tokio::net::lookup_host((host.as_str(), port)).await;
        let addresses = addresses.map_err(|error| format!("{host} cannot be looked up: {error}"))?.collect();
        let answer = self.fetcher.dialer().send(addresses, request.map(Full::new)).await;
        let answer = answer.map_err(|error| format!("it could not be reached: {}", describe(&error)))?;
        let (parts, body) = answer.into_parts();
        // A body that breaks off or is endless says no more than its status.
        let body = Limited::new(body, MAX_BYTES).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// What an answer means.
fn judge(driver: &dyn Driver, answer: &Answer, now: Timestamp) -> Result<Option<u64>, Failure> {
    let status = answer.status;
    if driver.is_confirmed(answer) {
        return driver.read(answer).map_err(|why| Failure::Passing { why: hide(driver, &why), after: None });
    }
    let why = hide(driver, &format!("it answered {}{}", status.as_u16(), excerpt(&answer.body)));
    let passes = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    if passes || driver.may_pass(answer) {
        return Err(Failure::Passing { why, after: retry_after(&answer.headers, now) });
    }
    Err(Failure::Lasting(why))
}

/// What `Retry-After` says: seconds, or a time.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(MAX_AFTER));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let after = at.duration_since(orbit_model::clock::system_time(now)).unwrap_or_default();
    Some(after.min(MAX_AFTER))
}

/// The beginning of a body, as one line.
fn excerpt(body: &Bytes) -> String {
    let text = String::from_utf8_lossy(body);
    let line: Vec<&str> = text.split_whitespace().collect();
    let shown: String = line.join(" ").chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect();
    if shown.is_empty() { shown } else { format!(": {shown}") }
}

/// The same without the token, should a CDN repeat it.
fn hide(driver: &dyn Driver, text: &str) -> String {
    driver.secret().map_or_else(|| text.to_owned(), |secret| text.replace(secret.text(), "(hidden)"))
}

/// An error with what caused it.
fn describe(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", describe(cause)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cdn_may_say_when_to_come_again_in_seconds_or_as_a_time() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let after =
            |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::try_from(text).unwrap())]), now);
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("999999"), Some(MAX_AFTER));
        let later = Timestamp::from_second(1_800_000_030).unwrap();
        assert_eq!(after(&orbit_model::clock::http_date(later)), Some(Duration::from_secs(30)));
        assert_eq!(after(&orbit_model::clock::http_date(Timestamp::UNIX_EPOCH)), Some(Duration::ZERO));
        assert_eq!((after("soon"), retry_after(&HeaderMap::new(), now)), (None, None));
    }

    #[test]
    fn a_body_is_shown_as_one_short_line() {
        assert_eq!(excerpt(&Bytes::from_static(b" a\r\n\tb\x1b[31m ")), ": a b[31m");
        assert_eq!(excerpt(&Bytes::from("x".repeat(999))).len(), MAX_SHOWN + 2);
        assert_eq!(excerpt(&Bytes::new()), "");
    }
}
