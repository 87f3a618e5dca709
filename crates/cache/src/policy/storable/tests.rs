//! What is kept in both profiles, as tables.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

type Pairs = [(&'static str, &'static str)];

const NOW: &str = "2026-11-23T20:30:14Z";

fn map(pairs: &Pairs) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn store(request: &Pairs, status: u16, response: &Pairs, policy: &Policy) -> Result<(), Reason> {
    may_store(&Method::GET, &map(request), StatusCode::from_u16(status).unwrap(), &map(response), policy)
}

#[test]
fn what_is_personal_is_not_kept_by_either() {
    let table: &[(&Pairs, Reason)] = &[
        (&[("cache-control", "private, max-age=60")], Reason::Private),
        (&[("cache-control", "private=\"x\", max-age=60")], Reason::Private),
        (&[("cache-control", "max-age=60, no-store")], Reason::NoStore),
        (&[("cache-control", "max-age=60, No-StOrE")], Reason::NoStore),
        (&[("cache-control", "max-age=60"), ("cdn-cache-control", "private")], Reason::Private),
        (&[("cache-control", "max-age=60"), ("cdn-cache-control", "no-store")], Reason::NoStore),
        (&[("cache-control", "no-store"), ("cdn-cache-control", "max-age=\"60\"")], Reason::NoStore),
        (&[("set-cookie", "a=b"), ("last-modified", "Mon, 23 Nov 2020 20:30:14 GMT")], Reason::SetCookie),
        (&[("cache-control", "max-age=60"), ("vary", "*")], Reason::VaryAny),
        (&[("cache-control", "max-age=60"), ("vary", "foo, *")], Reason::VaryAny),
        (&[("cache-control", "max-age=60"), ("vary", "foo"), ("vary", "*")], Reason::VaryAny),
        (&[("cache-control", "no-cache, max-age=60")], Reason::Useless),
    ];
    for (response, reason) in table {
        for policy in [Policy::image(), Policy::rfc()] {
            assert_eq!(store(&[], 200, response, &policy), Err(*reason), "{response:?}");
        }
    }
}

#[test]
fn what_says_that_it_may_be_kept_is_kept_by_both() {
    let table: &[&Pairs] = &[
        &[("cache-control", "max-age=60")],
        &[("cache-control", "max-age=60"), ("vary", "accept")],
        &[("cache-control", "s-maxage=60")],
        &[("expires", "0")],
        &[("cache-control", "no-cache"), ("etag", "\"a\"")],
        &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=60")],
        &[("cache-control", "max-age=60, no-store, must-understand")],
        &[("cache-control", "max-age=60"), ("content-range", "rubbish")],
    ];
    for response in table {
        for policy in [Policy::image(), Policy::rfc()] {
            assert_eq!(store(&[], 200, response, &policy), Ok(()), "{response:?}");
        }
    }
}

#[test]
fn a_cookie_is_kept_only_by_a_plain_cache_and_with_a_lifetime() {
    let table: &[(&Pairs, bool)] = &[
        (&[("set-cookie", "a=b"), ("cache-control", "max-age=60")], true),
        (&[("set-cookie", "a=b"), ("cache-control", "s-maxage=60")], true),
        (&[("set-cookie", "a=b"), ("cache-control", "public"), ("etag", "\"a\"")], false),
        (&[("set-cookie", "a=b"), ("etag", "\"a\"")], false),
    ];
    for (response, kept) in table {
        assert_eq!(store(&[], 200, response, &Policy::rfc()).is_ok(), *kept, "{response:?}");
        assert_eq!(store(&[], 200, response, &Policy::image()), Err(Reason::SetCookie), "{response:?}");
    }
}

#[test]
fn a_response_to_credentials_is_kept_only_if_it_is_for_all() {
    let table = [
        ("max-age=60", Err(Reason::Authorization)),
        ("max-age=60, proxy-revalidate", Err(Reason::Authorization)),
        ("max-age=60, public", Ok(())),
        ("s-maxage=60", Ok(())),
        ("max-age=60, must-revalidate", Ok(())),
    ];
    for (line, expected) in table {
        for policy in [Policy::image(), Policy::rfc()] {
            let kept = store(&[("authorization", "FOO")], 200, &[("cache-control", line)], &policy);
            assert_eq!(kept, expected, "{line}");
            let head = Head::new(
                StatusCode::OK,
                map(&[("cache-control", line)]),
                &HeaderMap::new(),
                &policy,
                NOW.parse().unwrap(),
            );
            assert_eq!(may_answer(&map(&[("authorization", "FOO")]), &head), expected.is_ok(), "{line}");
            assert!(may_answer(&map(&[("cookie", "a=b")]), &head), "{line}");
        }
    }
}

#[test]
fn which_statuses_are_kept_depends_on_the_profile() {
    let fresh: &Pairs = &[("cache-control", "max-age=60")];
    let changed: &Pairs = &[("last-modified", "Sun, 22 Nov 2026 20:30:14 GMT")];
    let (yes, status, none) = (Ok(()), Err(Reason::Status), Err(Reason::NoLifetime));
    // With a lifetime and with nothing but a date of change in the plain profile; with a lifetime and with nothing in the
    // image profile.
    let table = [
        (200, [yes, yes, yes, yes]),
        (203, [yes, yes, yes, yes]),
        (204, [yes, yes, yes, yes]),
        (201, [yes, none, yes, none]),
        (202, [yes, none, yes, none]),
        (299, [yes, none, yes, none]),
        (206, [Err(Reason::Partial); 4]),
        (103, [status; 4]),
        (304, [status; 4]),
        (301, [yes, yes, status, status]),
        (302, [yes, none, status, status]),
        (303, [yes, none, status, status]),
        (307, [yes, none, status, status]),
        (308, [yes, yes, status, status]),
        (400, [yes, none, status, status]),
        (403, [yes, none, status, status]),
        (404, [yes, yes, yes, yes]),
        (405, [yes, yes, status, status]),
        (410, [yes, yes, yes, yes]),
        (414, [yes, yes, status, status]),
        (499, [yes, none, status, status]),
        (500, [yes, none, status, status]),
        (501, [yes, yes, status, status]),
        (503, [yes, none, status, status]),
        (599, [yes, none, status, status]),
    ];
    for (code, expected) in table {
        let (rfc, image) = (Policy::rfc(), Policy::image());
        let found = [
            store(&[], code, fresh, &rfc),
            store(&[], code, changed, &rfc),
            store(&[], code, fresh, &image),
            store(&[], code, &[], &image),
        ];
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn a_plain_cache_keeps_nothing_without_a_lifetime() {
    assert_eq!(store(&[], 200, &[], &Policy::rfc()), Err(Reason::NoLifetime));
    assert_eq!(store(&[], 200, &[("etag", "\"a\"")], &Policy::rfc()), Ok(()));
    let public: &Pairs = &[("cache-control", "public"), ("last-modified", "Sun, 22 Nov 2026 20:30:14 GMT")];
    assert_eq!(store(&[], 599, public, &Policy::rfc()), Ok(()));
}

#[test]
fn must_understand_asks_for_a_known_status() {
    let fresh: &Pairs = &[("cache-control", "max-age=60, no-store, must-understand")];
    assert_eq!(store(&[], 200, fresh, &Policy::rfc()), Ok(()));
    assert_eq!(store(&[], 599, fresh, &Policy::rfc()), Err(Reason::Status));
}

#[test]
fn a_client_may_ask_not_to_be_kept() {
    let (request, response): (&Pairs, &Pairs) = (&[("cache-control", "no-store")], &[("cache-control", "max-age=60")]);
    assert_eq!(store(request, 200, response, &Policy::rfc()), Err(Reason::NoStore));
    assert_eq!(store(request, 200, response, &Policy::image()), Ok(()));
}

#[test]
fn only_get_is_kept() {
    let fresh = map(&[("cache-control", "max-age=60"), ("content-location", "/a?b")]);
    for method in [Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS] {
        let kept = may_store(&method, &HeaderMap::new(), StatusCode::OK, &fresh, &Policy::rfc());
        assert_eq!(kept, Err(Reason::Method), "{method}");
    }
}

#[test]
fn what_one_request_forbids_says_nothing_of_the_response() {
    let fresh = map(&[("cache-control", "max-age=60")]);
    let own = map(&[("authorization", "x"), ("cache-control", "no-store")]);
    for method in [Method::GET, Method::HEAD] {
        assert!(may_store(&method, &own, StatusCode::OK, &fresh, &Policy::rfc()).is_err());
    }
    assert_eq!(may_store_for_anyone(StatusCode::OK, &fresh, &Policy::rfc()), Ok(()));
    let private = map(&[("cache-control", "private")]);
    assert_eq!(may_store_for_anyone(StatusCode::OK, &private, &Policy::rfc()), Err(Reason::Private));
}

proptest! {
    /// What is kept has a lifetime, or could not be aged.
    #[test]
    fn whatever_is_kept_has_a_lifetime(
        code in 200_u16..600,
        control in "(public|no-cache|max-age=60|s-maxage=5|must-understand|,| ){0,4}",
        etag: bool,
        modified: bool,
        plain: bool,
    ) {
        let mut response = HeaderMap::new();
        response.insert("cache-control", control.parse().unwrap());
        if etag {
            response.insert("etag", "\"a\"".parse().unwrap());
        }
        if modified {
            response.insert("last-modified", "Sun, 22 Nov 2026 20:30:14 GMT".parse().unwrap());
        }
        let policy = if plain { Policy::rfc() } else { Policy::image() };
        let status = StatusCode::from_u16(code).unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        if may_store(&Method::GET, &HeaderMap::new(), status, &response, &policy).is_ok() {
            prop_assert!(freshness::lifetime(status, &response, &policy, now).is_some());
        }
    }
}
