//! Byte ranges as one pure decision (RFC 9110 section 14).
//!
//! Headers, validators and a length go in, one [`Selection`] comes out. One range is honoured; a list of
//! several, another unit, or a range that cannot be parsed gets the whole body, as section 14.2 allows.
//! `If-Range` compares strongly (section 13.1.5); where it does not hold, `Range` is ignored.

use std::ops::Range;

use headers::{HeaderMapExt, IfRange};
use http::HeaderMap;
use http::header::RANGE;

use crate::clock::system_time;
use crate::conditional::Validators;

/// The part of a body that answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// 200 with all bytes.
    Whole,
    /// 206 with these bytes; never empty, never past the end.
    Part(Range<u64>),
    /// 416: the range begins past the end.
    Unsatisfiable,
}

/// Selects what to send of a body of `len` bytes.
#[must_use]
pub fn select(headers: &HeaderMap, validators: &Validators, len: u64) -> Selection {
    let Some(value) = headers.get(RANGE) else { return Selection::Whole };
    let Some((first, last)) = value.to_str().ok().and_then(parse_one) else { return Selection::Whole };
    if !if_range_holds(headers, validators) {
        return Selection::Whole;
    }
    let part = match (first, last) {
        (Some(first), Some(last)) => first..last.saturating_add(1).min(len),
        (Some(first), None) => first..len,
        (None, Some(suffix)) => len.saturating_sub(suffix)..len,
        (None, None) => return Selection::Whole,
    };
    if part.is_empty() { Selection::Unsatisfiable } else { Selection::Part(part) }
}

/// Reads `bytes=first-last` with either side empty; `None` for anything else, a list of ranges included.
///
/// The `headers` crate calls a suffix that is longer than the body unsatisfiable; section 14.1.2 calls it the whole.
fn parse_one(value: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, set) = value.split_once('=')?;
    let (first, last) = set.trim().split_once('-')?;
    let number = |text: &str| match text {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    let (first, last) = (number(first)?, number(last)?);
    let ordered = !matches!((first, last), (Some(first), Some(last)) if first > last);
    (unit.eq_ignore_ascii_case("bytes") && ordered).then_some((first, last))
}

/// The value of `Content-Range` for a part of a body of `len` bytes.
#[must_use]
pub fn header_value(part: &Range<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", part.start, part.end.saturating_sub(1))
}

/// The value of `Content-Range` where no part of a body of `len` bytes can be had.
#[must_use]
pub fn unsatisfied_value(len: u64) -> String {
    format!("bytes */{len}")
}

/// The part as indices into a body in memory of `len` bytes; never past its end.
#[must_use]
pub fn indices(part: &Range<u64>, len: usize) -> Range<usize> {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(len);
    index(part.start)..index(part.end)
}

fn if_range_holds(headers: &HeaderMap, validators: &Validators) -> bool {
    let Some(value) = headers.get(http::header::IF_RANGE) else { return true };
    // A date holds only where it is the very one that the response bears, not where it is later.
    let date = value.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
    if let Some(date) = date {
        return validators.last_modified.is_some_and(|at| system_time(at) == date);
    }
    let tag = headers.typed_get::<IfRange>();
    tag.is_some_and(|tag| !tag.is_modified(validators.etag.as_ref(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(pairs: &[(&'static str, &str)]) -> Selection {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        let validators = Validators { etag: "\"e\"".parse().ok(), last_modified: "2026-11-23T20:30:14Z".parse().ok() };
        select(&headers, &validators, 10)
    }

    #[test]
    fn one_range_is_selected_and_bounded_by_the_length() {
        let table = [
            ("bytes=0-3", Selection::Part(0..4)),
            ("bytes=0-0", Selection::Part(0..1)),
            ("bytes=4-", Selection::Part(4..10)),
            ("bytes=-3", Selection::Part(7..10)),
            ("bytes=-300", Selection::Part(0..10)),
            ("bytes=9-99999", Selection::Part(9..10)),
            ("bytes=0-18446744073709551615", Selection::Part(0..10)),
            ("bytes=10-", Selection::Unsatisfiable),
            ("bytes=10-20", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("BYTES=0-3", Selection::Part(0..4)),
            ("bytes=3-2", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("bytes=+1-2", Selection::Whole),
            ("bytes=0-1,3-4", Selection::Whole),
            ("pages=0-1", Selection::Whole),
            ("bytes", Selection::Whole),
        ];
        for (value, selection) in table {
            assert_eq!(pick(&[("range", value)]), selection, "{value}");
        }
        assert_eq!(pick(&[]), Selection::Whole);
    }

    #[test]
    fn a_range_counts_only_while_if_range_holds() {
        for (value, holds) in [
            ("\"e\"", true),
            ("W/\"e\"", false),
            ("\"f\"", false),
            ("Mon, 23 Nov 2026 20:30:14 GMT", true),
            ("Mon, 23 Nov 2026 20:30:13 GMT", false),
            ("rubbish", false),
        ] {
            let whole = pick(&[("range", "bytes=0-3"), ("if-range", value)]) == Selection::Whole;
            assert_eq!(whole, !holds, "{value}");
        }
    }

    #[test]
    fn a_part_never_reaches_past_the_body() {
        assert_eq!(indices(&(2..4), 10), 2..4);
        assert_eq!(indices(&(2..u64::MAX), 10), 2..10);
        assert_eq!(unsatisfied_value(10), "bytes */10");
    }

    #[test]
    fn content_range_names_the_last_byte() {
        assert_eq!(header_value(&(0..4), 10), "bytes 0-3/10");
    }
}
