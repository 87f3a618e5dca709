//! How long a response is fresh, how old it is, and how long it may be served stale (RFC 9111 section 4.2, RFC 5861).
//!
//! Lifetime, section 4.2.1: `s-maxage`, else `max-age`, else `Expires` minus `Date`, else the policy's default.
//! Age, section 4.2.3: the larger of the `Age` received and the response's apparent age, plus the time it stayed here.

use std::time::Duration;

use http::header::{AGE, DATE, EXPIRES};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use orbit_model::clock::system_time;

use super::Policy;
use super::cache_control::{self, Directives};

/// For how long a stored response may be used, in time since it was fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Its age when it was fetched.
    pub initial_age: Duration,
    /// The age until which it is fresh.
    pub lifetime: Duration,
    /// How long after that it may be served while it is revalidated behind.
    pub stale_while_revalidate: Duration,
    /// How long after that it may be served where the upstream fails.
    pub stale_if_error: Duration,
}

/// What may be done with a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Serve it.
    Fresh,
    /// Serve it and revalidate behind.
    StaleWhileRevalidate,
    /// Revalidate; serve it only if that fails.
    StaleIfError,
    /// Revalidate; never serve it without.
    Expired,
}

impl Freshness {
    /// Reads the freshness of a response fetched at `now`; `None` where neither it nor the policy gives a lifetime.
    #[must_use]
    pub fn of(_status: StatusCode, headers: &HeaderMap, policy: &Policy, now: Timestamp) -> Option<Self> {
        let directives = Directives::of(headers);
        let lifetime = lifetime(headers, &directives, now).or(policy.default_lifetime)?;
        let never_stale = directives.must_revalidate || directives.no_cache || directives.s_maxage.is_some();
        let stale = |own: Option<Duration>, usual| if never_stale { Duration::ZERO } else { own.unwrap_or(usual) };
        Some(Self {
            initial_age: initial_age(headers, now),
            lifetime: if directives.no_cache { Duration::ZERO } else { lifetime },
            stale_while_revalidate: stale(directives.stale_while_revalidate, policy.stale_while_revalidate),
            stale_if_error: stale(directives.stale_if_error, policy.stale_if_error),
        })
    }

    /// What may be done with the response at `age`.
    #[must_use]
    pub fn at(&self, age: Duration) -> Use {
        let stale_for = match age.checked_sub(self.lifetime) {
            None => return Use::Fresh,
            Some(stale_for) => stale_for,
        };
        if stale_for < self.stale_while_revalidate {
            Use::StaleWhileRevalidate
        } else if stale_for < self.stale_if_error {
            Use::StaleIfError
        } else {
            Use::Expired
        }
    }
}

/// Whether a response says itself how long it is fresh.
#[must_use]
pub fn is_explicit(headers: &HeaderMap) -> bool {
    let directives = Directives::of(headers);
    directives.s_maxage.is_some() || directives.max_age.is_some() || headers.contains_key(EXPIRES)
}

fn lifetime(headers: &HeaderMap, directives: &Directives, now: Timestamp) -> Option<Duration> {
    directives.s_maxage.or(directives.max_age).or_else(|| {
        let expires = headers.get(EXPIRES)?;
        // An invalid date, "0" above all, means already expired (section 5.3).
        let expires = expires.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
        let date = date(headers).unwrap_or_else(|| system_time(now));
        Some(expires.and_then(|at| at.duration_since(date).ok()).unwrap_or_default())
    })
}

fn initial_age(headers: &HeaderMap, now: Timestamp) -> Duration {
    let received = headers.get(AGE).and_then(|value| value.to_str().ok());
    let received = cache_control::seconds(received);
    let apparent = date(headers).and_then(|at| system_time(now).duration_since(at).ok()).unwrap_or_default();
    received.max(apparent)
}

fn date(headers: &HeaderMap) -> Option<std::time::SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T20:30:14Z";

    fn of(pairs: &[(&'static str, &str)]) -> Freshness {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Freshness::of(StatusCode::OK, &headers, &Policy::image(), NOW.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_first_source_of_a_lifetime_counts() {
        let date = "Mon, 23 Nov 2026 20:30:14 GMT";
        let later = "Mon, 23 Nov 2026 20:31:14 GMT";
        let table: &[(&[(&str, &str)], u64)] = &[
            (&[("cache-control", "max-age=5, s-maxage=7"), ("expires", later)], 7),
            (&[("cache-control", "max-age=5"), ("expires", later)], 5),
            (&[("expires", later), ("date", date)], 60),
            (&[("expires", later)], 60),
            (&[("expires", "0")], 0),
            (&[("cache-control", "no-cache, max-age=5")], 0),
            (&[], 3600),
        ];
        for (pairs, seconds) in table {
            assert_eq!(of(pairs).lifetime.as_secs(), *seconds, "{pairs:?}");
        }
    }

    #[test]
    fn a_response_is_as_old_as_its_age_or_its_date_says() {
        assert_eq!(of(&[("age", "30")]).initial_age.as_secs(), 30);
        assert_eq!(of(&[("date", "Mon, 23 Nov 2026 20:29:14 GMT")]).initial_age.as_secs(), 60);
        assert_eq!(of(&[("age", "90"), ("date", "Mon, 23 Nov 2026 20:29:14 GMT")]).initial_age.as_secs(), 90);
        assert_eq!(of(&[("age", "18446744073709551615")]).initial_age.as_secs(), 1 << 31);
        assert_eq!(of(&[("age", "soon"), ("date", "Tue, 24 Nov 2026 20:29:14 GMT")]).initial_age.as_secs(), 0);
    }

    #[test]
    fn stale_serving_counts_from_expiry_and_can_be_forbidden() {
        let free = of(&[("cache-control", "max-age=10, stale-while-revalidate=5, stale-if-error=20")]);
        let table = [(9, Use::Fresh), (10, Use::StaleWhileRevalidate), (15, Use::StaleIfError), (30, Use::Expired)];
        for (age, expected) in table {
            assert_eq!(free.at(Duration::from_secs(age)), expected, "{age}");
        }
        for directive in ["must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache"] {
            let strict = of(&[("cache-control", &format!("max-age=10, {directive}"))]);
            assert_eq!(strict.at(Duration::from_secs(10)), Use::Expired, "{directive}");
        }
    }
}
