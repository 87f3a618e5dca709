//! Dates as HTTP writes them (RFC 9110 section 5.6.7): three formats, in whatever case, and nothing else.
//!
//! The names of days and months are compared without case, as section 5.6.7 wants caches to; spaces, digits and `GMT` must
//! stand where the grammar has them. A day's name that is not that of its date is let pass. `60` as a leap second
//! counts as 59.

use std::time::SystemTime;

use http::header::DATE;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date; two-digit years are those from 1970 to 2069.
#[must_use]
pub fn parse(text: &str) -> Option<SystemTime> {
    read(text, |year| if year < 70 { 2000 + year } else { 1900 + year })
}

/// Reads a date at `now`; a two-digit year is that of this century, but for what would lie more than 50 years ahead.
#[must_use]
pub fn parse_at(text: &str, now: Timestamp) -> Option<SystemTime> {
    let this_year = TimeZone::UTC.to_datetime(now).year();
    read(text, |year| {
        let year = this_year - this_year % 100 + year;
        if year > this_year + 50 { year - 100 } else { year }
    })
}

/// The date in the first line of a field; `None` where there is none or it cannot be read.
#[must_use]
pub fn field(headers: &HeaderMap, name: &HeaderName, now: Timestamp) -> Option<SystemTime> {
    parse_at(headers.get(name)?.to_str().ok()?, now)
}

/// When the upstream made the response: its `Date` (RFC 9110 section 6.6.1).
#[must_use]
pub fn of_response(headers: &HeaderMap, now: Timestamp) -> Option<SystemTime> {
    field(headers, &DATE, now)
}

fn read(text: &str, century: impl FnOnce(i16) -> i16) -> Option<SystemTime> {
    let text = text.to_ascii_lowercase();
    let date = imf_fixdate(&text).or_else(|| rfc850(&text, century)).or_else(|| asctime(&text))?;
    let at = TimeZone::UTC.to_timestamp(date).ok()?;
    SystemTime::try_from(at).ok()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn imf_fixdate(text: &str) -> Option<civil::DateTime> {
    let (day_name, rest) = text.strip_suffix(" gmt")?.split_once(", ")?;
    let [day, month, year, time] = words(rest)?;
    let named = DAYS.iter().any(|name| day_name == &name[..3]);
    named.then(|| date(digits(year, 4)?, month, digits(day, 2)?, time))?
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`.
fn rfc850(text: &str, century: impl FnOnce(i16) -> i16) -> Option<civil::DateTime> {
    let (day_name, rest) = text.strip_suffix(" gmt")?.split_once(", ")?;
    let (day, rest) = rest.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let (year, time) = rest.split_once(' ')?;
    DAYS.contains(&day_name).then(|| date(century(digits(year, 2)?), month, digits(day, 2)?, time))?
}

/// `Sun Nov  6 08:49:37 1994`.
fn asctime(text: &str) -> Option<civil::DateTime> {
    let (day_name, rest) = text.split_once(' ')?;
    let (month, rest) = rest.split_once(' ')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let (time, year) = rest.strip_prefix(' ')?.split_once(' ')?;
    let day = day.strip_prefix(' ').map_or_else(|| digits(day, 2), |day| digits(day, 1))?;
    let named = DAYS.iter().any(|name| day_name == &name[..3]);
    named.then(|| date(digits(year, 4)?, month, day, time))?
}

fn date(year: i16, month: &str, day: i16, time: &str) -> Option<civil::DateTime> {
    let month = MONTHS.iter().position(|name| *name == month)?;
    let mut parts = time.split(':').map(|part| digits(part, 2).and_then(|part| i8::try_from(part).ok()));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let (month, day) = (i8::try_from(month + 1).ok()?, i8::try_from(day).ok()?);
    let second = if second == 60 { 59 } else { second };
    match parts.next() {
        Some(_) => None,
        None => civil::DateTime::new(year, month, day, hour, minute, second, 0).ok(),
    }
}

fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split(' ').collect::<Vec<_>>().try_into().ok()
}

fn digits(text: &str, count: usize) -> Option<i16> {
    let well_formed = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if well_formed { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rfc3339(at: SystemTime) -> String {
        Timestamp::try_from(at).unwrap().to_string()
    }

    #[test]
    fn the_three_formats_are_read_in_any_case() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "SUN, 06 NOV 1994 08:49:37 gMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text).map(rfc3339).as_deref(), Some("1994-11-06T08:49:37Z"), "{text}");
        }
        assert_eq!(parse("Sun, 21 Nov 2286 04:46:39 GMT").map(rfc3339).as_deref(), Some("2286-11-21T04:46:39Z"));
        assert_eq!(parse("Thu Aug 18 02:01:18 2050").map(rfc3339).as_deref(), Some("2050-08-18T02:01:18Z"));
        assert_eq!(parse("Tue, 30 Jun 2015 23:59:60 GMT").map(rfc3339).as_deref(), Some("2015-06-30T23:59:59Z"));
    }

    #[test]
    fn what_is_near_a_date_is_none() {
        for text in [
            "0",
            "",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18:00 GMT",
            "Thu, 18 Aug 2050 25:01:18 GMT",
            "Thu, 31 Feb 2050 02:01:18 GMT",
            "Thu, +8 Aug 2050 02:01:18 GMT",
            "Any, 18 Aug 2050 02:01:18 GMT",
            "Thursday, 18 Aug 2050 02:01:18 GMT",
            " Thu, 18 Aug 2050 02:01:18 GMT",
            "Thu Aug 8 02:01:18 2050",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_two_digit_year_is_never_more_than_50_years_ahead() {
        let now = "2026-11-23T20:30:14Z".parse().unwrap();
        for (year, full) in [("50", 2050), ("76", 2076), ("77", 1977), ("94", 1994), ("26", 2026), ("00", 2000)] {
            let at = parse_at(&format!("Sunday, 06-Nov-{year} 08:49:37 GMT"), now).map(rfc3339);
            assert_eq!(at, Some(format!("{full}-11-06T08:49:37Z")), "{year}");
        }
    }

    proptest! {
        #[test]
        fn what_is_formatted_is_read(seconds in 0..253_402_300_799_u64) {
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            prop_assert_eq!(parse(&httpdate::fmt_http_date(at)), Some(at));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn nothing_near_a_date_panics(text in "(sun|Sunday)?,? ?[0-9 :-]{0,12}(Nov| )?[0-9 :-]{0,14}( GMT)?") {
            let _ = parse(&text);
        }
    }
}
