//! What a head remembers, how it ages, and what a 304 makes of it.

use super::*;

const FETCHED: &str = "2026-11-23T20:30:14Z";
const DATE: &str = "Mon, 23 Nov 2026 20:30:14 GMT";

fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn after(seconds: i64) -> Timestamp {
    let fetched: Timestamp = FETCHED.parse().unwrap();
    fetched + jiff::SignedDuration::from_secs(seconds)
}

fn head(pairs: &[(&'static str, &str)], policy: &Policy) -> Head {
    Head::new(StatusCode::OK, map(pairs), &HeaderMap::new(), policy, after(0))
}

#[test]
fn a_head_keeps_what_is_end_to_end_and_counts_its_age_itself() {
    let fields =
        [("age", "30"), ("connection", "x-hop"), ("x-hop", "1"), ("x-open", "1"), ("cache-control", "max-age=60")];
    let head = head(&fields, &Policy::rfc());
    assert_eq!(head.headers, map(&[("x-open", "1"), ("cache-control", "max-age=60")]));
    assert_eq!(head.age(after(12)), Duration::from_secs(42));
    assert_eq!((head.ttl_seconds(after(12)), head.ttl_seconds(after(50))), (18, -20));
}

#[test]
fn a_clock_that_goes_back_makes_nothing_younger_than_it_came() {
    assert_eq!(head(&[("age", "30")], &Policy::image()).age(after(-100)), Duration::from_secs(30));
}

#[test]
fn a_soft_purge_makes_it_stale_whatever_its_lifetime() {
    let head = head(&[("cache-control", "max-age=3600")], &Policy::image());
    assert_eq!((head.usable(after(1)), head.ttl_seconds(after(1))), (Use::Fresh, 3599));
    assert!(head.soft_purge() && !head.soft_purge());
    assert_eq!((head.usable(after(1)), head.ttl_seconds(after(1))), (Use::StaleWhileRevalidate, 0));
    assert!(head.serves_on(Fault::ServerError, after(1)));
}

#[test]
fn a_client_and_a_fault_have_their_say() {
    let head = head(&[("cache-control", "max-age=60")], &Policy::rfc());
    let no_cache = request::Directives { no_cache: true, ..request::Directives::default() };
    assert_eq!(head.usable_for(&request::Directives::default(), after(1)), Use::Fresh);
    assert_eq!(head.usable_for(&no_cache, after(1)), Use::Expired);
    assert!(head.serves_on(Fault::Disconnected, after(61)) && !head.serves_on(Fault::ServerError, after(61)));
}

#[test]
fn a_304_makes_it_as_young_as_the_304_is() {
    let policy = Policy::rfc();
    let old = head(&[("cache-control", "max-age=60"), ("date", DATE), ("age", "50"), ("x-kept", "1")], &policy);
    let now = after(100);
    assert_eq!(old.usable(now), Use::StaleIfError);
    let freshened = |fields: &HeaderMap, delay| {
        let update = Update { delay: Duration::from_secs(delay), fields, request: &HeaderMap::new() };
        old.freshened(update, &policy, now)
    };
    for answer in [map(&[]), map(&[("date", "Mon, 23 Nov 2026 20:31:54 GMT")])] {
        let fresh = freshened(&answer, 0);
        assert_eq!((fresh.usable(now), fresh.ttl_seconds(now)), (Use::Fresh, 60), "{answer:?}");
        assert_eq!(fresh.headers["x-kept"], "1");
    }
    assert_eq!(freshened(&map(&[("age", "20")]), 0).ttl_seconds(now), 40);
    assert_eq!(freshened(&map(&[("age", "20")]), 5).ttl_seconds(now), 35, "the time it took to come counts");
}
