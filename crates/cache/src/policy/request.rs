//! What a client asks of caches: the request directives of `Cache-Control` (RFC 9111 section 5.2.1), and `Pragma`
//! (section 5.4).
//!
//! They narrow or widen what [`Freshness`] allows. Only a policy that heeds them reads them; with the others a client
//! cannot make the cache ask its upstream.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

use super::Policy;
use super::cache_control::{Members, delta_seconds, seconds};
use super::freshness::{Freshness, Use};

/// The request directives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// Serve nothing stored without asking first (section 5.2.1.4).
    pub no_cache: bool,
    /// Store neither the request nor the response to it (section 5.2.1.5); what is stored already may answer.
    pub no_store: bool,
    /// Serve nothing older than this (section 5.2.1.1).
    pub max_age: Option<Duration>,
    /// How long past its freshness a response may be served; [`Duration::MAX`] without a value (section 5.2.1.2).
    pub max_stale: Option<Duration>,
    /// Serve only what stays fresh for this long (section 5.2.1.3).
    pub min_fresh: Option<Duration>,
    /// Do not ask the upstream: answer from what is stored, or 504 (section 5.2.1.7).
    pub only_if_cached: bool,
}

impl Directives {
    /// Reads the directives of all `Cache-Control` lines; where there are none, `Pragma: no-cache` counts (section 5.4).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        if !headers.contains_key(CACHE_CONTROL) {
            found.no_cache = members_of(headers, &PRAGMA, |name, _| name.eq_ignore_ascii_case("no-cache"));
            return found;
        }
        members_of(headers, &CACHE_CONTROL, |name, value| {
            found.apply(name, value);
            false
        });
        found
    }

    /// The directives that `policy` heeds: all, or none.
    #[must_use]
    pub fn heeded(headers: &HeaderMap, policy: &Policy) -> Self {
        if policy.request_directives { Self::of(headers) } else { Self::default() }
    }

    fn apply(&mut self, name: &str, value: Option<&str>) {
        let is = |directive: &str| name.eq_ignore_ascii_case(directive);
        if is("no-cache") {
            self.no_cache = true;
        } else if is("no-store") {
            self.no_store = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("max-age") {
            self.max_age.get_or_insert(seconds(value));
        } else if is("min-fresh") {
            self.min_fresh.get_or_insert(seconds(value));
        } else if is("max-stale") {
            let wanted = value.map_or(Some(Duration::MAX), delta_seconds);
            self.max_stale = self.max_stale.or(wanted);
        }
    }

    /// What may be done for this request with a stored response of `age`.
    ///
    /// What the client refuses is [`Use::Expired`]. What is stale but within its `max-stale` is served, and revalidated
    /// behind; `must-revalidate` and its kin overrule that.
    #[must_use]
    pub fn accepts(&self, freshness: &Freshness, age: Duration) -> Use {
        let stale_for = age.saturating_sub(freshness.lifetime);
        let left = freshness.lifetime.saturating_sub(age);
        let too_old = self.max_age.is_some_and(|max_age| match self.max_stale {
            Some(max_stale) => age.saturating_sub(max_age) > max_stale,
            // With `max-age` alone the client wants nothing stale either.
            None => age > max_age || age >= freshness.lifetime,
        });
        let too_short = self.min_fresh.is_some_and(|min_fresh| left < min_fresh);
        if self.no_cache || too_short || too_old {
            return Use::Expired;
        }
        let accepted = self.max_stale.is_some_and(|max_stale| stale_for <= max_stale);
        match freshness.at(age) {
            Use::StaleIfError | Use::Expired if accepted && !freshness.must_revalidate => Use::StaleWhileRevalidate,
            usable => usable,
        }
    }
}

/// Whether `found` holds for some member of a field.
fn members_of(headers: &HeaderMap, name: &http::HeaderName, mut found: impl FnMut(&str, Option<&str>) -> bool) -> bool {
    let lines = headers.get_all(name).iter();
    lines.into_iter().any(|line| {
        let text = String::from_utf8_lossy(line.as_bytes());
        Members(&text).any(|(name, value)| found(name, value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> Directives {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Directives::of(&headers)
    }

    #[test]
    fn directives_are_read_as_the_rfc_says() {
        let secs = |seconds| Some(Duration::from_secs(seconds));
        let all = read(&[("cache-control", "No-Cache, no-store, only-if-cached, max-age=1, max-stale=2, min-fresh=3")]);
        let expected = Directives {
            no_cache: true,
            no_store: true,
            only_if_cached: true,
            max_age: secs(1),
            max_stale: secs(2),
            min_fresh: secs(3),
        };
        assert_eq!(all, expected);
        assert_eq!(read(&[("cache-control", "max-stale")]).max_stale, Some(Duration::MAX));
        assert_eq!(read(&[("cache-control", "max-stale=x")]).max_stale, None);
        assert_eq!(read(&[("cache-control", "max-age=x")]).max_age, secs(0));
        assert_eq!(read(&[("cache-control", "nothing-to-see-here")]), Directives::default());
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        assert!(read(&[("pragma", "no-cache")]).no_cache);
        assert!(read(&[("pragma", "foo, No-Cache")]).no_cache);
        assert!(!read(&[("pragma", "foo")]).no_cache);
        assert!(!read(&[("pragma", "no-cache"), ("cache-control", "max-age=60")]).no_cache);
    }

    #[test]
    fn a_policy_may_heed_none_of_them() {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", "no-cache".parse().unwrap());
        assert!(Directives::heeded(&headers, &Policy::rfc()).no_cache);
        assert!(!Directives::heeded(&headers, &Policy::image()).no_cache);
    }

    #[test]
    fn a_client_narrows_and_widens_what_it_is_served() {
        use Use::{Expired, Fresh, StaleIfError, StaleWhileRevalidate};
        let secs = Duration::from_secs;
        let plain = Freshness { lifetime: secs(100), stale_if_disconnected: secs(50), ..Freshness::default() };
        let strict = Freshness { must_revalidate: true, stale_if_disconnected: Duration::ZERO, ..plain };
        let table = [
            ("foo", plain, 60, Fresh),
            ("no-cache", plain, 60, Expired),
            ("no-store", plain, 60, Fresh),
            ("max-age=60", plain, 60, Fresh),
            ("max-age=59", plain, 60, Expired),
            ("max-age=0", plain, 1, Expired),
            ("min-fresh=40", plain, 60, Fresh),
            ("min-fresh=41", plain, 60, Expired),
            ("min-fresh=0", plain, 120, StaleIfError),
            ("foo", plain, 120, StaleIfError),
            ("max-stale=20", plain, 120, StaleWhileRevalidate),
            ("max-stale=19", plain, 120, StaleIfError),
            ("max-stale", plain, 10_000, StaleWhileRevalidate),
            ("max-stale, max-age=10", plain, 120, StaleWhileRevalidate),
            ("max-stale=50, max-age=60", plain, 120, Expired),
            ("max-age=200", plain, 120, Expired),
            ("max-stale", strict, 120, Expired),
            ("max-stale", strict, 60, Fresh),
        ];
        for (line, freshness, age, expected) in table {
            let directives = read(&[("cache-control", line)]);
            assert_eq!(directives.accepts(&freshness, secs(age)), expected, "{line} at {age}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[ -~]{0,60}") {
            read(&[("cache-control", &text), ("pragma", &text)]);
        }
    }
}
