//! The response directives of `Cache-Control` (RFC 9111 section 5.2.2).
//!
//! Names are compared without case; of a repeated directive the first counts; a value may be quoted; a number too
//! large for us means "very long" (section 1.2.2), and one that is no number makes its directive stale at once (0 s).
//!
//! `no-cache` and `private` with field names are taken for the whole response: a cache that kept the rest would have to
//! send some fields to the first reader only. That is always safe, and sections 5.2.2.4 and 5.2.2.7 expect it.

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// The longest lifetime that a directive can give: 2^31 seconds, as section 1.2.2 asks.
pub const MAX_SECONDS: u64 = 1 << 31;

/// The response directives that a shared cache acts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// Seconds of freshness for any cache (section 5.2.2.1).
    pub max_age: Option<Duration>,
    /// Seconds of freshness for shared caches; comes before `max_age` (section 5.2.2.10).
    pub s_maxage: Option<Duration>,
    /// Store, but never serve without asking (section 5.2.2.4).
    pub no_cache: bool,
    /// Never store (section 5.2.2.5).
    pub no_store: bool,
    /// Never store in a shared cache (section 5.2.2.7).
    pub private: bool,
    /// May be stored where it otherwise could not be (section 5.2.2.9).
    pub public: bool,
    /// Store only if the status code is understood, and then in spite of `no-store` (section 5.2.2.3).
    pub must_understand: bool,
    /// Once stale, never serve without asking; lets responses to authorized requests be kept (section 5.2.2.2).
    pub must_revalidate: bool,
    /// Once stale, a shared cache never serves it without asking (section 5.2.2.8).
    pub proxy_revalidate: bool,
    /// RFC 5861 section 3.
    pub stale_while_revalidate: Option<Duration>,
    /// RFC 5861 section 4.
    pub stale_if_error: Option<Duration>,
    /// Whether these come from a field that is meant for caches as this one, so that `Expires` does not count (RFC 9213).
    pub targeted: bool,
}

impl Directives {
    /// Reads the directives of all `Cache-Control` lines.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            // Bytes that are no text stand inside some value; they must not hide a `private` beside it.
            for (name, value) in Members(&String::from_utf8_lossy(line.as_bytes())) {
                found.apply(name, || seconds(value));
            }
        }
        found
    }

    /// Notes one directive; `lifetime` reads its value, for those that have one.
    pub(super) fn apply(&mut self, name: &str, lifetime: impl FnOnce() -> Duration) {
        if let Some(flag) = self.flag(name) {
            *flag = true;
        } else if let Some(slot) = self.lifetime(name) {
            slot.get_or_insert_with(lifetime);
        }
    }

    /// Whether a directive of this name has seconds for a value.
    pub(super) fn is_lifetime(name: &str) -> bool {
        Self::default().lifetime(name).is_some()
    }

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        let is = |directive: &str| name.eq_ignore_ascii_case(directive);
        match () {
            () if is("no-store") => Some(&mut self.no_store),
            () if is("no-cache") => Some(&mut self.no_cache),
            () if is("private") => Some(&mut self.private),
            () if is("public") => Some(&mut self.public),
            () if is("must-understand") => Some(&mut self.must_understand),
            () if is("must-revalidate") => Some(&mut self.must_revalidate),
            () if is("proxy-revalidate") => Some(&mut self.proxy_revalidate),
            () => None,
        }
    }

    fn lifetime(&mut self, name: &str) -> Option<&mut Option<Duration>> {
        let is = |directive: &str| name.eq_ignore_ascii_case(directive);
        match () {
            () if is("max-age") => Some(&mut self.max_age),
            () if is("s-maxage") => Some(&mut self.s_maxage),
            () if is("stale-while-revalidate") => Some(&mut self.stale_while_revalidate),
            () if is("stale-if-error") => Some(&mut self.stale_if_error),
            () => None,
        }
    }

    /// Whether it may be kept although its request carried credentials (section 3.5).
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.public || self.s_maxage.is_some() || self.must_revalidate
    }
}

/// A delta-seconds; what is no number counts as 0, what is too large as [`MAX_SECONDS`] (section 1.2.2).
pub(super) fn seconds(value: Option<&str>) -> Duration {
    delta_seconds(value.unwrap_or_default()).unwrap_or_default()
}

/// A delta-seconds; `None` for what is no number.
pub(super) fn delta_seconds(digits: &str) -> Option<Duration> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS)))
}

/// Walks `name[=value]` members; commas inside quotes do not part them.
pub(super) struct Members<'a>(pub(super) &'a str);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.trim_start_matches([',', ' ', '\t']);
            if rest.is_empty() {
                return None;
            }
            let (member, rest) = rest.split_at(member_end(rest));
            self.0 = rest;
            let (name, value) = match member.split_once('=') {
                Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
                None => (member.trim(), None),
            };
            if !name.is_empty() {
                return Some((name, value));
            }
        }
    }
}

/// Where the first member ends. A quote that is never closed quotes nothing: it must not hide the directives after it.
fn member_end(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    if quoted { text.find(',').unwrap_or(text.len()) } else { text.len() }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).map_or(value, str::trim)
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
            (&["max-age=0060"], max_age(60)),
            (&["max-age=60, max-age=5"], max_age(60)),
            (&["max-age=60", "max-age=5"], max_age(60)),
            (&["public", "max-age=60"], max_age(60)),
            (&[", ,max-age=60,"], max_age(60)),
            (&["foo=\"a, max-age=5\", max-age=60"], max_age(60)),
            (&["foo=\"a\\\", max-age=5\", max-age=60"], max_age(60)),
            (&["foo=\"a, max-age=60"], max_age(60)),
            (&["max-age=99999999999999999999"], max_age(MAX_SECONDS)),
            (&["max-age=-1"], max_age(0)),
            (&["max-age=1.5"], max_age(0)),
            (&["max-age='60'"], max_age(0)),
            (&["max-age"], max_age(0)),
            (&["xmax-age=60"], None),
        ];
        for (lines, expected) in table {
            assert_eq!(read(lines).max_age, *expected, "{lines:?}");
        }
    }

    #[test]
    fn each_directive_is_found_under_its_name() {
        let flags =
            read(&["No-Store, private=\"x\", no-cache, proxy-revalidate, PUBLIC", "must-understand, must-revalidate"]);
        assert!(flags.no_store && flags.private && flags.no_cache && flags.proxy_revalidate && flags.public);
        assert!(flags.must_understand && flags.must_revalidate && !flags.targeted);
        let seconds = read(&["s-maxage=1, stale-while-revalidate=2, stale-if-error=3"]);
        let values = [seconds.s_maxage, seconds.stale_while_revalidate, seconds.stale_if_error];
        assert_eq!(values, [1, 2, 3].map(|seconds| Some(Duration::from_secs(seconds))));
        assert_eq!(read(&["immutable, foo=1"]), Directives::default());
    }

    #[test]
    fn nothing_odd_hides_the_directive_beside_it() {
        let mut headers = HeaderMap::new();
        headers.append(CACHE_CONTROL, http::HeaderValue::from_bytes(b"x=\"\xdc\", private").unwrap());
        assert!(Directives::of(&headers).private);
        assert!(read(&["x=\"open, private"]).private);
        assert!(!read(&["x=\"closed, private\""]).private);
    }

    proptest! {
        #[test]
        fn no_header_text_is_too_odd(text in "[ -~]{0,80}") {
            read(&[&text]);
        }

        #[test]
        fn what_is_written_is_read(max_age in 0..MAX_SECONDS, private: bool) {
            let line = format!("max-age={max_age}{}", if private { ", private" } else { "" });
            let read = read(&[&line]);
            prop_assert_eq!((read.max_age, read.private), (Some(Duration::from_secs(max_age)), private));
        }
    }
}
