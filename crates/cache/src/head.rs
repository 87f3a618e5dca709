//! The head of a response: all that is known of it but its body, with what policy made of it.
//!
//! Made once when the header arrives, then shared and never changed, but for two marks: a soft purge makes it stale, and
//! a failed revalidation is not tried again at once.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use headers::HeaderMapExt as _;
use http::header::{AGE, CONTENT_LENGTH, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use orbit_model::conditional::Validators;

use crate::policy::freshness::{Fault, Freshness, Use};
use crate::policy::vary::Vary;
use crate::policy::{Policy, hop_by_hop, request, validation};

/// How long a failed background revalidation is not tried again.
const RETRY_PAUSE_MILLIS: i64 = 1000;

/// A response without its body.
#[derive(Debug)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The end-to-end fields, without `Age`.
    pub headers: HeaderMap,
    /// What conditional requests are compared with.
    pub validators: Validators,
    /// Which requests it answers.
    pub vary: Vary,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// How long it may be used.
    pub freshness: Freshness,
    /// Set by a soft purge, never cleared: a revalidated response has a new head.
    soft_purged: AtomicBool,
    /// When the next background revalidation may be tried, in milliseconds since 1970.
    retry_at_millis: AtomicI64,
}

/// What a 304, or an answer to HEAD, says of a stored response.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// How long it took to come.
    pub delay: Duration,
    /// Its fields.
    pub fields: &'a HeaderMap,
    /// The fields of what was asked.
    pub request: &'a HeaderMap,
}

impl Head {
    /// Makes the head of a response to `request` that came at `now`; hop-by-hop fields are left out (RFC 9111 section 3.1).
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, request: &HeaderMap, policy: &Policy, now: Timestamp) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        (parts.status, parts.headers) = (status, headers);
        Self::after(Duration::ZERO, parts, request, policy, now)
    }

    /// The same of a response that took `delay` to come, which counts as age (RFC 9111 section 4.2.3).
    #[must_use]
    pub fn after(
        delay: Duration,
        response: http::response::Parts,
        request: &HeaderMap,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let (status, mut headers) = (response.status, response.headers);
        // What has no lifetime at all is never stored, so how it would age does not matter.
        let freshness = Freshness::after(delay, status, &headers, policy, now).unwrap_or_default();
        // `*` is never stored either.
        let vary = Vary::of(&headers, request, policy).unwrap_or_default();
        hop_by_hop::remove(&mut headers);
        headers.remove(AGE);
        Self::restore(status, headers, vary, now, freshness)
    }

    /// A head that was stored, as it was.
    #[must_use]
    pub fn restore(
        status: StatusCode,
        headers: HeaderMap,
        vary: Vary,
        fetched_at: Timestamp,
        freshness: Freshness,
    ) -> Self {
        let headers = compact(&headers);
        let validators = Validators {
            etag: headers.typed_get(),
            last_modified: headers
                .typed_get::<headers::LastModified>()
                .and_then(|at| Timestamp::try_from(std::time::SystemTime::from(at)).ok()),
        };
        Self {
            status,
            headers,
            validators,
            vary,
            fetched_at,
            freshness,
            soft_purged: AtomicBool::new(false),
            retry_at_millis: AtomicI64::new(i64::MIN),
        }
    }

    /// The head of the same bytes with the fields of an update, received at `now` (RFC 9111 section 4.3.4).
    #[must_use]
    pub fn freshened(&self, update: Update<'_>, policy: &Policy, now: Timestamp) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        (parts.status, parts.headers) = (self.status, validation::freshen(&self.headers, update.fields));
        Self::after(update.delay, parts, update.request, policy, now)
    }

    /// How old the response is at `now` (RFC 9111 section 4.2.3).
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Duration {
        let resident = now.duration_since(self.fetched_at);
        self.freshness.initial_age.saturating_add(Duration::try_from(resident).unwrap_or_default())
    }

    /// The age that counts for freshness: a soft purge makes a fresh response as old as one that has just become stale.
    fn counted_age(&self, now: Timestamp) -> Duration {
        let age = self.age(now);
        if self.is_soft_purged() { age.max(self.freshness.lifetime) } else { age }
    }

    /// Seconds of freshness left at `now`; 0 after a soft purge, negative once stale.
    #[must_use]
    pub fn ttl_seconds(&self, now: Timestamp) -> i64 {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        seconds(self.freshness.lifetime).saturating_sub(seconds(self.counted_age(now)))
    }

    /// What may be done with the response at `now`.
    #[must_use]
    pub fn usable(&self, now: Timestamp) -> Use {
        self.freshness.at(self.counted_age(now))
    }

    /// What may be done with it at `now` for a request with these directives (RFC 9111 section 5.2.1).
    #[must_use]
    pub fn usable_for(&self, request: &request::Directives, now: Timestamp) -> Use {
        request.accepts(&self.freshness, self.counted_age(now))
    }

    /// Whether it may be served at `now` although asking the upstream failed (RFC 9111 section 4.2.4, RFC 5861 section 4).
    #[must_use]
    pub fn serves_on(&self, fault: Fault, now: Timestamp) -> bool {
        self.freshness.serves_on(self.counted_age(now), fault)
    }

    /// Makes a fresh response stale from now on; `false` where a soft purge did so before.
    pub fn soft_purge(&self) -> bool {
        !self.soft_purged.swap(true, Ordering::Relaxed)
    }

    /// Whether a soft purge made it stale.
    #[must_use]
    pub fn is_soft_purged(&self) -> bool {
        self.soft_purged.load(Ordering::Relaxed)
    }

    /// Whether a background revalidation may be tried: not soon after one has failed.
    pub(crate) fn may_retry(&self, now: Timestamp) -> bool {
        now.as_millisecond() >= self.retry_at_millis.load(Ordering::Relaxed)
    }

    /// Notes that a revalidation failed at `now`.
    pub(crate) fn put_off(&self, now: Timestamp) {
        self.retry_at_millis.store(now.as_millisecond().saturating_add(RETRY_PAUSE_MILLIS), Ordering::Relaxed);
    }

    /// The value of `ETag`, to ask the upstream whether it still holds.
    #[must_use]
    pub fn etag(&self) -> Option<&HeaderValue> {
        self.headers.get(ETAG)
    }

    /// The value of `Last-Modified`, for the same.
    #[must_use]
    pub fn last_modified(&self) -> Option<&HeaderValue> {
        self.headers.get(LAST_MODIFIED)
    }

    /// How long the body is, where the header says it.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// The tags in `Cache-Tag` (parted by commas) and `Surrogate-Key` (by spaces); what both say, once.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let further = self.words("surrogate-key").filter(|tag| self.words("cache-tag").all(|known| known != *tag));
        self.words("cache-tag").chain(further)
    }

    fn words(&self, field: &'static str) -> impl Iterator<Item = &str> {
        let lines = self.headers.get_all(field).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split([',', ' '])).filter(|word| !word.is_empty())
    }
}

/// The same fields without room to spare, their values side by side in one allocation of their own: a value that came from
/// a connection may hold on to the whole buffer that it was read into.
#[must_use]
pub fn compact(headers: &HeaderMap) -> HeaderMap {
    let values: Bytes = headers.values().flat_map(HeaderValue::as_bytes).copied().collect::<Vec<u8>>().into();
    let mut compact = HeaderMap::with_capacity(headers.keys_len());
    let mut start = 0;
    for (name, value) in headers {
        let end = start + value.len();
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(values.slice(start..end)) {
            copy.set_sensitive(value.is_sensitive());
            compact.append(name, copy);
        }
        start = end;
    }
    // A map grows by doubling; its clone is as large as its content.
    compact.clone()
}

#[cfg(test)]
mod tests;
