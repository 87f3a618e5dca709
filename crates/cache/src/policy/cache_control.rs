//! The directives of `Cache-Control` (RFC 9111 section 5.2).
//!
//! Names are compared without case; of a repeated directive the first counts; a value may be quoted; a number too
//! large for us means "very long" (section 1.2.2), and one that is no number makes its directive stale at once (0 s).

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// The longest lifetime that a directive can give: 2^31 seconds, as section 1.2.2 asks.
const MAX_SECONDS: u64 = 1 << 31;

/// The response directives that a shared cache acts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// Seconds of freshness for any cache.
    pub max_age: Option<Duration>,
    /// Seconds of freshness for shared caches; comes before `max_age`.
    pub s_maxage: Option<Duration>,
    /// Store, but never serve without asking.
    pub no_cache: bool,
    /// Never store.
    pub no_store: bool,
    /// Never store in a shared cache.
    pub private: bool,
    /// Once stale, never serve without asking; `proxy-revalidate` means the same to us.
    pub must_revalidate: bool,
    /// RFC 5861 section 3.
    pub stale_while_revalidate: Option<Duration>,
    /// RFC 5861 section 4.
    pub stale_if_error: Option<Duration>,
}

impl Directives {
    /// Reads the directives of all `Cache-Control` lines.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            // Bytes that are no text stand inside some value; they must not hide a `private` beside it.
            for (name, value) in Members(&String::from_utf8_lossy(line.as_bytes())) {
                found.apply(name, value);
            }
        }
        found
    }

    fn apply(&mut self, name: &str, value: Option<&str>) {
        let is = |directive: &str| name.eq_ignore_ascii_case(directive);
        if is("no-store") {
            self.no_store = true;
        } else if is("no-cache") {
            // With field names it restricts those fields only; a cache may take it for the whole (section 5.2.2.4).
            self.no_cache = true;
        } else if is("private") {
            self.private = true;
        } else if is("must-revalidate") || is("proxy-revalidate") {
            self.must_revalidate = true;
        } else if is("max-age") {
            self.max_age.get_or_insert(seconds(value));
        } else if is("s-maxage") {
            self.s_maxage.get_or_insert(seconds(value));
        } else if is("stale-while-revalidate") {
            self.stale_while_revalidate.get_or_insert(seconds(value));
        } else if is("stale-if-error") {
            self.stale_if_error.get_or_insert(seconds(value));
        }
    }
}

/// A delta-seconds; what is no number counts as 0, what is too large as [`MAX_SECONDS`].
pub(super) fn seconds(value: Option<&str>) -> Duration {
    let digits = value.unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Duration::ZERO;
    }
    Duration::from_secs(digits.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS))
}

/// Walks `name[=value]` members; commas inside quotes do not part them.
struct Members<'a>(&'a str);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.trim_start_matches([',', ' ', '\t']);
            if rest.is_empty() {
                return None;
            }
            let mut quoted = false;
            let end = rest.find(|c| {
                quoted ^= c == '"';
                c == ',' && !quoted
            });
            let (member, rest) = rest.split_at(end.unwrap_or(rest.len()));
            self.0 = rest;
            let (name, value) = match member.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"').trim())),
                None => (member.trim(), None),
            };
            if !name.is_empty() {
                return Some((name, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> Directives {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, line.parse().unwrap());
        }
        Directives::of(&headers)
    }

    #[test]
    fn directives_are_read_as_the_rfc_says() {
        let max_age = |seconds| Some(Duration::from_secs(seconds));
        let table: &[(&[&str], Option<Duration>)] = &[
            (&["max-age=60"], max_age(60)),
            (&["MAX-AGE=60"], max_age(60)),
            (&["max-age=\"60\""], max_age(60)),
            (&["max-age = 60"], max_age(60)),
            (&["max-age=60, max-age=5"], max_age(60)),
            (&["public", "max-age=60"], max_age(60)),
            (&[", ,max-age=60,"], max_age(60)),
            (&["foo=\"a, max-age=5\", max-age=60"], max_age(60)),
            (&["max-age=99999999999999999999"], max_age(MAX_SECONDS)),
            (&["max-age=-1"], max_age(0)),
            (&["max-age=1.5"], max_age(0)),
            (&["max-age"], max_age(0)),
            (&["xmax-age=60"], None),
        ];
        for (lines, expected) in table {
            assert_eq!(read(lines).max_age, *expected, "{lines:?}");
        }
        let all = read(&["No-Store, private=\"x\", no-cache, proxy-revalidate, s-maxage=1, stale-while-revalidate=2"]);
        assert!(all.no_store && all.private && all.no_cache && all.must_revalidate);
        assert_eq!((all.s_maxage, all.stale_while_revalidate), (max_age(1), max_age(2)));
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing() {
        let mut headers = HeaderMap::new();
        headers.append(CACHE_CONTROL, http::HeaderValue::from_bytes(b"x=\"\xdc\", private").unwrap());
        assert!(Directives::of(&headers).private);
    }

    proptest! {
        #[test]
        fn no_header_text_is_too_odd(text in "[ -~]{0,80}") {
            read(&[&text]);
        }
    }
}
