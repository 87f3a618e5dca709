//! A stored response, with what is needed to serve it again without parsing anything.
//!
//! Made once when a fill lands, then shared and never changed, but for one flag: a soft purge marks it as stale.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use headers::HeaderMapExt;
use http::header::{AGE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use orbit_model::conditional::Validators;

use crate::policy::freshness::{Freshness, Use};
use crate::policy::{Policy, hop_by_hop};

/// What an entry costs besides its bytes: the entry, its map slots and its counters.
const OVERHEAD_BYTES: u64 = 640;
/// How long a failed background revalidation is not tried again.
const RETRY_PAUSE_MILLIS: i64 = 1000;

/// A response as it is kept.
#[derive(Debug)]
pub struct Entry {
    /// The status.
    pub status: StatusCode,
    /// The end-to-end fields, without `Age`.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// What conditional requests are compared with.
    pub validators: Validators,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    freshness: Freshness,
    /// Set by a soft purge, never cleared: a revalidated response is a new entry.
    soft_purged: AtomicBool,
    /// When the next background revalidation may be tried, in milliseconds since 1970.
    retry_at_millis: AtomicI64,
}

impl Entry {
    /// Makes an entry of a response fetched at `now`; hop-by-hop fields are left out (RFC 9111 section 3.1).
    #[must_use]
    pub fn new(response: Response<Bytes>, policy: &Policy, now: Timestamp) -> Self {
        let (parts, body) = response.into_parts();
        // What has no lifetime at all is never stored, so how it would age does not matter.
        let freshness = Freshness::of(&parts.headers, policy, now).unwrap_or(Freshness {
            initial_age: Duration::ZERO,
            lifetime: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
        });
        let mut headers = parts.headers;
        hop_by_hop::remove(&mut headers);
        headers.remove(AGE);
        let validators = Validators {
            etag: headers.typed_get(),
            last_modified: headers
                .typed_get::<headers::LastModified>()
                .and_then(|at| Timestamp::try_from(std::time::SystemTime::from(at)).ok()),
        };
        Self {
            status: parts.status,
            headers,
            body,
            validators,
            fetched_at: now,
            freshness,
            soft_purged: AtomicBool::new(false),
            retry_at_millis: AtomicI64::new(i64::MIN),
        }
    }

    /// The same body with the fields of a 304 received at `now` (RFC 9111 section 4.3.4).
    #[must_use]
    pub fn revalidated(&self, not_modified: &HeaderMap, policy: &Policy, now: Timestamp) -> Self {
        let mut headers = self.headers.clone();
        for name in not_modified.keys().filter(|name| !describes_body(name)) {
            headers.remove(name);
            for value in not_modified.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        Self::new(response, policy, now)
    }

    /// How old the response is at `now` (RFC 9111 section 4.2.3).
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Duration {
        let resident = now.duration_since(self.fetched_at);
        self.freshness.initial_age.saturating_add(Duration::try_from(resident).unwrap_or_default())
    }

    /// Seconds of freshness left at `now`; 0 after a soft purge, negative once stale.
    #[must_use]
    pub fn ttl_seconds(&self, now: Timestamp) -> i64 {
        if self.soft_purged.load(Ordering::Relaxed) && self.freshness.at(self.age(now)) == Use::Fresh {
            return 0;
        }
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        seconds(self.freshness.lifetime).saturating_sub(seconds(self.age(now)))
    }

    /// What may be done with the response at `now`.
    #[must_use]
    pub fn usable(&self, now: Timestamp) -> Use {
        match self.freshness.at(self.age(now)) {
            // As if it had just become stale, which its own directives may forbid to serve.
            Use::Fresh if self.soft_purged.load(Ordering::Relaxed) => self.freshness.at(self.freshness.lifetime),
            usable => usable,
        }
    }

    /// Makes a fresh response stale from now on; `false` where a soft purge did so before.
    pub fn soft_purge(&self) -> bool {
        !self.soft_purged.swap(true, Ordering::Relaxed)
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

    /// Whether the response carries `tag` in `Cache-Tag` (commas) or `Surrogate-Key` (spaces).
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        ["cache-tag", "surrogate-key"].iter().any(|name| {
            let lines = self.headers.get_all(*name).iter().filter_map(|value| value.to_str().ok());
            lines.flat_map(|line| line.split([',', ' '])).any(|word| word == tag)
        })
    }

    /// What the entry costs a tier, in bytes: body, header fields and bookkeeping.
    #[must_use]
    pub fn cost(&self) -> u64 {
        let fields: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 48).sum();
        (self.body.len() + fields) as u64 + OVERHEAD_BYTES
    }
}

/// Fields that describe the stored bytes, which a 304 must not change.
fn describes_body(name: &HeaderName) -> bool {
    use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
    [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE].contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T20:30:14Z";

    fn entry(pairs: &[(&'static str, &str)]) -> Entry {
        let mut response = Response::new(Bytes::from_static(b"body"));
        for (name, value) in pairs {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        Entry::new(response, &Policy::image(), NOW.parse().unwrap())
    }

    #[test]
    fn a_304_brings_new_fields_but_does_not_describe_the_body() {
        let old = entry(&[("cache-control", "max-age=1"), ("content-length", "4"), ("x-a", "1")]);
        let mut fields = HeaderMap::new();
        fields.insert("cache-control", "max-age=9".parse().unwrap());
        fields.insert("content-length", "0".parse().unwrap());
        let later = "2026-11-23T21:30:14Z".parse().unwrap();
        let new = old.revalidated(&fields, &Policy::image(), later);
        assert_eq!(
            (new.headers["cache-control"].as_bytes(), new.headers["content-length"].as_bytes()),
            (&b"max-age=9"[..], &b"4"[..])
        );
        assert_eq!((new.usable(later), new.body.as_ref()), (Use::Fresh, &b"body"[..]));
    }

    #[test]
    fn tags_are_whole_words_of_either_header() {
        let entry = entry(&[("cache-tag", "thread-1,red"), ("surrogate-key", "blue green")]);
        for (tag, found) in [("red", true), ("green", true), ("re", false), ("thread-1", true), ("thread", false)] {
            assert_eq!(entry.has_tag(tag), found, "{tag}");
        }
    }
}
