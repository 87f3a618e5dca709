//! A lifetime for responses that state none (RFC 9111 section 4.2.2).
//!
//! What has not changed for ten days will hardly change within the next: a tenth of the time since `Last-Modified`, a day
//! at the most. Only for status codes that allow it, or with `public`.

use std::time::Duration;

use http::header::LAST_MODIFIED;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use orbit_model::clock::system_time;

use super::{dates, status};

/// The share of the time since the last change, as a divisor; the value that section 4.2.2 names.
const SHARE: u32 = 10;
/// The longest such lifetime.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Whether a response may be given a lifetime that it does not state.
#[must_use]
pub fn is_allowed(status: StatusCode, public: bool) -> bool {
    public || status::is_heuristically_cacheable(status)
}

/// The lifetime of a response that was made at its `Date`, or at `now`; `None` without a usable `Last-Modified`.
#[must_use]
pub fn lifetime(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let changed = dates::field(headers, &LAST_MODIFIED, now)?;
    let made = dates::of_response(headers, now).unwrap_or_else(|| system_time(now));
    Some((made.duration_since(changed).unwrap_or_default() / SHARE).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_is_a_tenth_of_the_time_since_the_last_change() {
        let now: Timestamp = "2026-11-23T20:30:14Z".parse().unwrap();
        let table = [
            ("Mon, 23 Nov 2026 20:28:34 GMT", Some(10)),
            ("Sun, 22 Nov 2026 20:30:14 GMT", Some(8640)),
            ("Mon, 23 Nov 2020 20:30:14 GMT", Some(24 * 3600)),
            ("Mon, 23 Nov 2026 21:30:14 GMT", Some(0)),
            ("yesterday", None),
        ];
        for (modified, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_MODIFIED, modified.parse().unwrap());
            assert_eq!(lifetime(&headers, now).map(|age| age.as_secs()), expected, "{modified}");
        }
        assert_eq!(lifetime(&HeaderMap::new(), now), None);
    }

    #[test]
    fn public_allows_it_for_any_status() {
        let unknown = StatusCode::from_u16(599).unwrap();
        assert!(is_allowed(StatusCode::OK, false) && is_allowed(unknown, true) && !is_allowed(unknown, false));
    }
}
