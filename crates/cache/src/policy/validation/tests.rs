//! What is asked with, what an answer selects, and what it changes.

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};

use super::*;
use crate::Policy;

const OLD: &str = "Mon, 23 Nov 2026 20:29:14 GMT";
const NEW: &str = "Mon, 23 Nov 2026 20:30:14 GMT";

type Pairs = [(&'static str, &'static str)];

fn map(pairs: &Pairs) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// A stored response, made in the given second.
fn head(second: u8, pairs: &Pairs) -> Head {
    let now = format!("2026-11-23T20:30:{second:02}Z").parse().unwrap();
    Head::new(StatusCode::OK, map(pairs), &HeaderMap::new(), &Policy::rfc(), now)
}

#[test]
fn every_stored_tag_is_asked_for_and_the_date_of_the_selected() {
    let (strong, weak) = (head(1, &[("etag", "\"a\""), ("last-modified", OLD)]), head(2, &[("etag", "W/\"b\"")]));
    let (dated, bare, odd) = (head(3, &[("last-modified", NEW)]), head(4, &[]), head(5, &[("etag", "odd")]));
    let table: &[(&[&Head], Option<&str>, Option<&str>)] = &[
        (&[], None, None),
        (&[&bare], None, None),
        (&[&strong], Some("\"a\""), Some(OLD)),
        (&[&weak], Some("W/\"b\""), None),
        (&[&dated], None, Some(NEW)),
        (&[&odd], Some("odd"), None),
        (&[&strong, &weak, &bare], Some("\"a\", W/\"b\""), Some(OLD)),
        (&[&weak, &strong, &odd], Some("W/\"b\", \"a\""), None),
        (&[&strong, &strong], Some("\"a\""), Some(OLD)),
    ];
    for (stored, tags, modified) in table {
        let headers = conditions(stored);
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text(IF_NONE_MATCH).as_deref(), *tags);
        assert_eq!(text(IF_MODIFIED_SINCE).as_deref(), *modified);
    }
}

#[test]
fn a_304_selects_by_its_validator() {
    let a = head(1, &[("etag", "\"a\""), ("last-modified", OLD)]);
    let weak_a = head(2, &[("etag", "W/\"a\""), ("last-modified", NEW)]);
    let b = head(3, &[("etag", "\"b\""), ("last-modified", OLD)]);
    let bare = head(4, &[]);
    let table: &[(&Pairs, &[&Head], Option<usize>)] = &[
        (&[("etag", "\"a\"")], &[&a, &weak_a, &b], Some(0)),
        (&[("etag", "\"a\"")], &[&weak_a], None),
        (&[("etag", "\"a\"")], &[&bare], None),
        (&[("etag", "W/\"a\"")], &[&a, &weak_a, &b], Some(1)),
        (&[("etag", "W/\"a\"")], &[&a], Some(0)),
        (&[("etag", "\"c\"")], &[&a], None),
        (&[("etag", "\"c\""), ("last-modified", OLD)], &[&a], None),
        (&[("last-modified", OLD)], &[&a, &b, &bare], Some(1)),
        (&[("last-modified", NEW)], &[&a], None),
        (&[], &[&bare], Some(0)),
        (&[], &[&a], Some(0)),
        (&[], &[&a, &b], None),
        (&[], &[], None),
    ];
    for (answer, stored, expected) in table {
        assert_eq!(selected_by(&map(answer), stored), *expected, "{answer:?}");
    }
}

#[test]
fn a_304_updates_all_but_what_describes_the_bytes() {
    let names = [
        "test-header",
        "x-test-header",
        "content-foo",
        "content-location",
        "content-security-policy",
        "content-type",
        "clear-site-data",
        "expires",
        "cache-control",
        "cdn-cache-control",
        "set-cookie",
        "vary",
        "x-frame-options",
    ];
    let kept = ["content-encoding", "content-length", "content-md5", "content-range", "content-digest", "etag"];
    let updated = names.into_iter().map(|name| (name, "2"));
    for (name, expected) in updated.chain(kept.into_iter().map(|name| (name, "1"))) {
        let headers = freshen(&map(&[(name, "1"), ("other", "1")]), &map(&[(name, "2")]));
        assert_eq!(headers[name], expected, "{name}");
        assert_eq!(headers["other"], "1");
        assert_eq!(headers.get_all(name).iter().count(), 1);
    }
}

#[test]
fn all_lines_of_a_field_are_replaced_together() {
    let stored = map(&[("set-cookie", "a"), ("set-cookie", "b"), ("cache-control", "private")]);
    let headers = freshen(&stored, &map(&[("set-cookie", "c"), ("set-cookie", "d"), ("content-type", "image/png")]));
    assert_eq!(headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["c", "d"]);
    assert_eq!(
        (&headers[CACHE_CONTROL], &headers[CONTENT_TYPE]),
        (&"private".parse().unwrap(), &"image/png".parse().unwrap())
    );
}

#[test]
fn nothing_of_the_connection_of_a_304_touches_what_is_stored() {
    let stored = map(&[("x-kept", "1")]);
    let answer = map(&[("connection", "x-kept, x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=5")]);
    assert_eq!(freshen(&stored, &answer), stored);
}

#[test]
fn age_and_date_are_those_of_the_latest_answer() {
    let stored = map(&[("date", OLD), ("age", "9")]);
    assert!(freshen(&stored, &HeaderMap::new()).is_empty());
    let headers = freshen(&stored, &map(&[("date", NEW), ("age", "3")]));
    assert_eq!((&headers[DATE], &headers[AGE]), (&NEW.parse().unwrap(), &"3".parse().unwrap()));
}

#[test]
fn a_tag_comes_to_what_has_none() {
    assert_eq!(freshen(&HeaderMap::new(), &map(&[("etag", "\"a\"")]))[ETAG], "\"a\"");
}
