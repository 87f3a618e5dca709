//! Conditional requests as one pure decision (RFC 9110 section 13).
//!
//! Validators and request headers go in, one [`Decision`] comes out. The precedence of section 13.2.2:
//!
//! 1. `If-Match`, by strong comparison: false -> 412.
//! 2. else `If-Unmodified-Since`: false -> 412.
//! 3. `If-None-Match`, by weak comparison: false -> 304 for GET and HEAD, 412 for the rest.
//! 4. else `If-Modified-Since`, for GET and HEAD: false -> 304.
//!
//! A precondition that cannot be parsed is ignored, as section 13.1 asks.

use headers::{ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince};
use http::{HeaderMap, Method};
use jiff::Timestamp;

use crate::clock::system_time;

/// What is known of the selected representation.
#[derive(Debug, Clone)]
pub struct Validators {
    /// The entity tag, where there is one.
    pub etag: Option<ETag>,
    /// When the representation last changed.
    pub last_modified: Option<Timestamp>,
}

/// What to answer before looking at the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Perform the method.
    Proceed,
    /// Answer 304 with the headers of the 200.
    NotModified,
    /// Answer 412.
    PreconditionFailed,
}

/// Evaluates the preconditions of a request on a representation that exists.
#[must_use]
pub fn evaluate(method: &Method, headers: &HeaderMap, validators: &Validators) -> Decision {
    let safe = method == Method::GET || method == Method::HEAD;
    if let Some(if_match) = headers.typed_get::<IfMatch>() {
        let passes = match &validators.etag {
            Some(etag) => if_match.precondition_passes(etag),
            None => if_match == IfMatch::any(),
        };
        if !passes {
            return Decision::PreconditionFailed;
        }
    } else if let (Some(since), Some(modified)) = (headers.typed_get::<IfUnmodifiedSince>(), validators.last_modified)
        && !since.precondition_passes(system_time(modified))
    {
        return Decision::PreconditionFailed;
    }
    if let Some(if_none_match) = headers.typed_get::<IfNoneMatch>() {
        let passes = match &validators.etag {
            Some(etag) => if_none_match.precondition_passes(etag),
            None => if_none_match != IfNoneMatch::any(),
        };
        return match (passes, safe) {
            (true, _) => Decision::Proceed,
            (false, true) => Decision::NotModified,
            (false, false) => Decision::PreconditionFailed,
        };
    }
    if safe
        && let (Some(since), Some(modified)) = (headers.typed_get::<IfModifiedSince>(), validators.last_modified)
        && !since.is_modified(system_time(modified))
    {
        return Decision::NotModified;
    }
    Decision::Proceed
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "2026-11-23T20:30:14.500Z";

    fn decide(method: Method, pairs: &[(&'static str, &str)]) -> Decision {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let validators = Validators { etag: "\"a,b\"".parse().ok(), last_modified: Some(MODIFIED.parse().unwrap()) };
        evaluate(&method, &headers, &validators)
    }

    #[test]
    fn the_precedence_of_rfc_9110_13_2_2_holds() {
        use Decision::{NotModified, PreconditionFailed, Proceed};
        let before = "Mon, 23 Nov 2026 20:30:13 GMT";
        let same = "Mon, 23 Nov 2026 20:30:14 GMT";
        let table: &[(&[(&str, &str)], Decision)] = &[
            (&[], Proceed),
            (&[("if-none-match", "\"a,b\"")], NotModified),
            (&[("if-none-match", "W/\"a,b\"")], NotModified),
            (&[("if-none-match", "\"x\", \"a,b\"")], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"x\"")], Proceed),
            (&[("if-none-match", "\"x\""), ("if-modified-since", same)], Proceed),
            (&[("if-modified-since", same)], NotModified),
            (&[("if-modified-since", before)], Proceed),
            (&[("if-modified-since", "not a date")], Proceed),
            (&[("if-match", "\"x\"")], PreconditionFailed),
            (&[("if-match", "W/\"a,b\"")], PreconditionFailed),
            (&[("if-match", "\"a,b\""), ("if-unmodified-since", before)], Proceed),
            (&[("if-unmodified-since", before)], PreconditionFailed),
            (&[("if-match", "*"), ("if-none-match", "\"a,b\"")], NotModified),
        ];
        for (pairs, decision) in table {
            assert_eq!(decide(Method::GET, pairs), *decision, "{pairs:?}");
        }
    }

    #[test]
    fn a_write_that_matches_if_none_match_fails() {
        assert_eq!(decide(Method::PUT, &[("if-none-match", "*")]), Decision::PreconditionFailed);
        assert_eq!(decide(Method::PUT, &[("if-modified-since", "Mon, 23 Nov 2026 20:30:14 GMT")]), Decision::Proceed);
    }

    #[test]
    fn nothing_matches_a_representation_without_a_tag_but_the_star() {
        let validators = Validators { etag: None, last_modified: None };
        let mut headers = HeaderMap::new();
        headers.insert("if-none-match", "\"x\"".parse().unwrap());
        assert_eq!(evaluate(&Method::GET, &headers, &validators), Decision::Proceed);
        headers.insert("if-none-match", "*".parse().unwrap());
        assert_eq!(evaluate(&Method::GET, &headers, &validators), Decision::NotModified);
    }
}
