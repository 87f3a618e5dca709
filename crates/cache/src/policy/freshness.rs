//! How long a response is fresh, and how long it may be served stale (RFC 9111 sections 4.2.1 and 4.2.4, RFC 5861).
//!
//! Lifetime: `s-maxage`, else `max-age`, else `Expires` minus `Date`, else the policy's default, else the heuristic.
//!
//! Stale: `must-revalidate`, `proxy-revalidate` and `no-cache` forbid it. `s-maxage` forbids it too (section 5.2.2.10),
//! except for what the same response permits by a `stale-while-revalidate` or `stale-if-error` of its own. Where
//! nothing forbids it, a response may stand in for an upstream that cannot be reached; for one that answers with a server
//! error only where the response or the policy permits it.

use std::time::Duration;

use http::header::{ETAG, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use orbit_model::clock::system_time;
use serde::{Deserialize, Serialize};

use super::cache_control::{Directives, MAX_SECONDS};
use super::{Policy, age, dates, heuristic, status, targeted};

/// For how long a stored response may be used, as ages; a tier that outlives the process keeps it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// Its age when it was fetched.
    pub initial_age: Duration,
    /// The age until which it is fresh.
    pub lifetime: Duration,
    /// How long after that it may be served while it is revalidated behind.
    pub stale_while_revalidate: Duration,
    /// How long after that it may be served where the upstream answers with a server error.
    pub stale_if_error: Duration,
    /// How long after that it may be served where the upstream cannot be reached or breaks off.
    pub stale_if_disconnected: Duration,
    /// Whether stale use is forbidden, so that a client's `max-stale` cannot allow it either.
    pub must_revalidate: bool,
}

/// What may be done with a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Serve it.
    Fresh,
    /// Serve it and revalidate behind.
    StaleWhileRevalidate,
    /// Revalidate; serve it only if that fails, and [`Freshness::serves_on`] allows it for how it failed.
    StaleIfError,
    /// Revalidate; never serve it without.
    Expired,
}

/// How a revalidation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The upstream answered 500, 502, 503 or 504 (RFC 5861 section 4).
    ServerError,
    /// The upstream could not be reached, did not answer in time or broke off (RFC 9111 section 4.2.4).
    Disconnected,
}

impl Fault {
    /// The fault that a response stands for, if its status is one.
    #[must_use]
    pub fn of(status: StatusCode) -> Option<Self> {
        status::is_server_fault(status).then_some(Self::ServerError)
    }
}

impl Freshness {
    /// Reads the freshness of a response that arrived at `now` as soon as it was asked for; `None` where neither it nor the
    /// policy gives a lifetime.
    #[must_use]
    pub fn of(status: StatusCode, headers: &HeaderMap, policy: &Policy, now: Timestamp) -> Option<Self> {
        Self::after(Duration::ZERO, status, headers, policy, now)
    }

    /// The same of a response that arrived `delay` after it was asked for (RFC 9111 section 4.2.3).
    #[must_use]
    pub fn after(
        delay: Duration,
        status: StatusCode,
        headers: &HeaderMap,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Self> {
        let directives = targeted::directives(headers);
        let lifetime = lifetime(status, headers, policy, now)?;
        let must_revalidate = directives.must_revalidate || directives.proxy_revalidate || directives.no_cache;
        let usual = |window: Duration| if directives.s_maxage.is_some() { Duration::ZERO } else { window };
        // What is said not to be there is not said for longer than the policy's short while.
        let is_negative = policy.negative_lifetime.is_some() && status::is_negative(status);
        let stale = |own: Option<Duration>, default: Duration| match own {
            _ if must_revalidate || is_negative => Duration::ZERO,
            Some(own) => own,
            None => usual(default),
        };
        let on_error = if policy.stale_on_server_error { policy.stale_if_error } else { Duration::ZERO };
        Some(Self {
            initial_age: age::on_arrival(headers, now, delay),
            lifetime: if directives.no_cache { Duration::ZERO } else { lifetime },
            stale_while_revalidate: stale(directives.stale_while_revalidate, policy.stale_while_revalidate),
            stale_if_error: stale(directives.stale_if_error, on_error),
            stale_if_disconnected: stale(directives.stale_if_error, policy.stale_if_error),
            must_revalidate: must_revalidate || is_negative || directives.s_maxage.is_some(),
        })
    }

    /// What may be done with the response at `age`.
    #[must_use]
    pub fn at(&self, age: Duration) -> Use {
        if age < self.lifetime {
            Use::Fresh
        } else if self.within(self.stale_while_revalidate, age) {
            Use::StaleWhileRevalidate
        } else if self.within(self.stale_if_error.max(self.stale_if_disconnected), age) {
            Use::StaleIfError
        } else {
            Use::Expired
        }
    }

    /// Whether the response may be served at `age` although asking the upstream failed.
    #[must_use]
    pub fn serves_on(&self, age: Duration, fault: Fault) -> bool {
        let window = match fault {
            Fault::ServerError => self.stale_if_error,
            Fault::Disconnected => self.stale_if_disconnected,
        };
        age < self.lifetime || self.within(window, age)
    }

    fn within(&self, window: Duration, age: Duration) -> bool {
        age.saturating_sub(self.lifetime) < window
    }
}

/// Whether a response says itself how long it is fresh.
#[must_use]
pub fn is_explicit(headers: &HeaderMap) -> bool {
    let directives = targeted::directives(headers);
    let expires = !directives.targeted && headers.contains_key(EXPIRES);
    directives.s_maxage.is_some() || directives.max_age.is_some() || expires
}

/// The lifetime of a response to GET, where it or the policy gives one (RFC 9111 section 4.2.1).
///
/// What cannot be fresh but can be asked for again by its validator has a lifetime of 0, if the policy guesses lifetimes
/// at all: storing it saves the upstream the body.
#[must_use]
pub fn lifetime(status: StatusCode, headers: &HeaderMap, policy: &Policy, now: Timestamp) -> Option<Duration> {
    let directives = targeted::directives(headers);
    let own = explicit(headers, &directives, now);
    if status::is_negative(status)
        && let Some(longest) = policy.negative_lifetime
    {
        return Some(own.unwrap_or(longest).min(longest));
    }
    if own.is_some() || !heuristic::is_allowed(status, directives.public) {
        return own;
    }
    let has_validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
    let guess = || heuristic::lifetime(headers, now).or_else(|| has_validator.then_some(Duration::ZERO));
    let guess = if policy.heuristic { guess() } else { None };
    let asked_each_time = (directives.no_cache && has_validator).then_some(Duration::ZERO);
    policy.default_lifetime.or(guess).or(asked_each_time)
}

fn explicit(headers: &HeaderMap, directives: &Directives, now: Timestamp) -> Option<Duration> {
    directives.s_maxage.or(directives.max_age).or_else(|| {
        let expires = (!directives.targeted && headers.contains_key(EXPIRES)).then_some(EXPIRES)?;
        let made = dates::of_response(headers, now).unwrap_or_else(|| system_time(now));
        // An invalid date, "0" above all, means already expired (section 5.3).
        let left = dates::field(headers, &expires, now).and_then(|at| at.duration_since(made).ok()).unwrap_or_default();
        Some(left.min(Duration::from_secs(MAX_SECONDS)))
    })
}

#[cfg(test)]
mod tests;
