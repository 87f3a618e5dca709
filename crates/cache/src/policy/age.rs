//! How old a response is when it arrives (RFC 9111 section 4.2.3).
//!
//! The larger of two guesses: the `Age` that caches before us counted, plus the time that the exchange took; and the time
//! since `Date`, which knows of caches that count nothing but takes both clocks to agree. A `Date` in the future says
//! nothing. `Date` has whole seconds, so the second guess counts whole seconds too: a response is not old for having
//! come late in its second.

use std::time::Duration;

use http::HeaderMap;
use http::header::AGE;
use jiff::Timestamp;
use orbit_model::clock::system_time;

use super::cache_control::delta_seconds;
use super::dates;

/// The age of a response that arrived at `now`, `delay` after it was asked for.
#[must_use]
pub fn on_arrival(headers: &HeaderMap, now: Timestamp, delay: Duration) -> Duration {
    let apparent = dates::of_response(headers, now)
        .and_then(|made| system_time(now).duration_since(made).ok())
        .map_or(Duration::ZERO, |apparent| Duration::from_secs(apparent.as_secs()));
    apparent.max(received(headers).unwrap_or_default().saturating_add(delay))
}

/// The `Age` of a response: the first of several counts, one that is no number is ignored (section 5.1).
#[must_use]
pub fn received(headers: &HeaderMap) -> Option<Duration> {
    let line = headers.get(AGE)?.to_str().ok()?;
    delta_seconds(line.split(',').next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T20:30:14.900Z";

    type Pairs = [(&'static str, &'static str)];

    fn age(pairs: &Pairs, delay: u64) -> u64 {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        on_arrival(&headers, NOW.parse().unwrap(), Duration::from_secs(delay)).as_secs()
    }

    #[test]
    fn the_larger_of_both_guesses_counts() {
        let (minute_ago, ahead) = ("Mon, 23 Nov 2026 20:29:14 GMT", "Mon, 23 Nov 2026 20:31:14 GMT");
        let table: &[(&Pairs, u64, u64)] = &[
            (&[], 0, 0),
            (&[], 5, 5),
            (&[("age", "30")], 5, 35),
            (&[("date", minute_ago)], 0, 60),
            (&[("date", minute_ago), ("age", "30")], 5, 60),
            (&[("date", minute_ago), ("age", "90")], 0, 90),
            (&[("date", ahead)], 0, 0),
            (&[("date", ahead), ("age", "7")], 0, 7),
            (&[("date", "foo")], 0, 0),
        ];
        for (pairs, delay, expected) in table {
            assert_eq!(age(pairs, *delay), *expected, "{pairs:?}");
        }
    }

    #[test]
    fn an_age_is_read_as_the_rfc_says() {
        let table: &[(&Pairs, u64)] = &[
            (&[("age", "7200")], 7200),
            (&[("age", "2147483647")], 2_147_483_647),
            (&[("age", "2147483649")], 1 << 31),
            (&[("age", "99999999999999999999")], 1 << 31),
            (&[("age", "7200, 0")], 7200),
            (&[("age", "0, 7200")], 0),
            (&[("age", "7200"), ("age", "0")], 7200),
            (&[("age", "0"), ("age", "7200")], 0),
            (&[("age", "abc")], 0),
            (&[("age", "-7200")], 0),
            (&[("age", "7200.0")], 0),
            (&[("age", "7200;foo=bar")], 0),
            (&[("age", "")], 0),
        ];
        for (pairs, expected) in table {
            assert_eq!(age(pairs, 0), *expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_response_of_this_second_is_not_old() {
        assert_eq!(on_arrival(&HeaderMap::new(), NOW.parse().unwrap(), Duration::ZERO), Duration::ZERO);
        let mut headers = HeaderMap::new();
        headers.insert("date", "Mon, 23 Nov 2026 20:30:14 GMT".parse().unwrap());
        assert_eq!(on_arrival(&headers, NOW.parse().unwrap(), Duration::ZERO), Duration::ZERO);
    }
}
