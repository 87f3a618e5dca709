//! What the sources of a lifetime and the permissions to serve stale come to, as tables.

use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-23T20:30:14Z";
const DATE: &str = "Mon, 23 Nov 2026 20:30:14 GMT";
const LATER: &str = "Mon, 23 Nov 2026 20:31:14 GMT";
const DAY: u64 = 24 * 3600;

type Pairs = [(&'static str, &'static str)];

fn map(pairs: &Pairs) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).fold(
        HeaderMap::new(),
        |mut headers: HeaderMap, (name, value): (http::HeaderName, http::HeaderValue)| {
            headers.append(name, value);
            headers
        },
    )
}

fn of(status: u16, pairs: &Pairs, policy: &Policy) -> Option<Freshness> {
    Freshness::of(StatusCode::from_u16(status).unwrap(), &map(pairs), policy, NOW.parse().unwrap())
}

fn image(pairs: &Pairs) -> Freshness {
    of(200, pairs, &Policy::image()).unwrap()
}

#[test]
fn the_first_source_of_a_lifetime_counts() {
    let table: &[(&Pairs, u64)] = &[
        (&[("cache-control", "max-age=5, s-maxage=7"), ("expires", LATER)], 7),
        (&[("cache-control", "s-maxage=7"), ("cache-control", "max-age=5")], 7),
        (&[("cache-control", "max-age=5"), ("expires", LATER)], 5),
        (&[("cache-control", "max-age=5"), ("expires", "0")], 5),
        (&[("expires", LATER), ("date", DATE)], 60),
        (&[("expires", LATER)], 60),
        (&[("expires", LATER), ("date", "foo")], 60),
        (&[("expires", LATER), ("date", "Mon, 23 Nov 2026 20:32:14 GMT")], 0),
        (&[("expires", "0")], 0),
        (&[("expires", "rubbish"), ("expires", LATER)], 0),
        (&[("expires", "Sun, 21 Nov 2286 04:46:39 GMT")], 1 << 31),
        (&[("cache-control", "no-cache, max-age=5")], 0),
        (&[("cdn-cache-control", "max-age=9"), ("cache-control", "max-age=5")], 9),
        (&[("cdn-cache-control", "max-age=9"), ("cache-control", "s-maxage=5"), ("expires", "0")], 9),
        (&[("cdn-cache-control", "foo"), ("expires", LATER)], 3600),
        (&[("cdn-cache-control", "&"), ("expires", LATER)], 60),
        (&[("last-modified", "Sun, 22 Nov 2026 20:30:14 GMT")], 3600),
        (&[], 3600),
    ];
    for (pairs, seconds) in table {
        assert_eq!(image(pairs).lifetime.as_secs(), *seconds, "{pairs:?}");
    }
}

#[test]
fn a_plain_cache_has_no_lifetime_of_its_own() {
    let changed = ("last-modified", "Sun, 22 Nov 2026 20:30:14 GMT");
    let table: &[(u16, &Pairs, Option<u64>)] = &[
        (200, &[], None),
        (200, &[changed], Some(8640)),
        (200, &[("etag", "\"a\"")], Some(0)),
        (200, &[("cache-control", "no-cache"), ("etag", "\"a\"")], Some(0)),
        (404, &[changed], Some(8640)),
        (404, &[("expires", LATER)], Some(60)),
        (201, &[changed], None),
        (503, &[changed], None),
        (599, &[changed], None),
        (599, &[changed, ("cache-control", "public")], Some(8640)),
        (599, &[("expires", LATER)], Some(60)),
    ];
    for (status, pairs, seconds) in table {
        let lifetime = of(*status, pairs, &Policy::rfc()).map(|freshness| freshness.lifetime.as_secs());
        assert_eq!(lifetime, *seconds, "{status} {pairs:?}");
    }
}

#[test]
fn what_is_not_there_is_not_there_for_long() {
    for status in [404, 410] {
        let lifetime = |pairs: &Pairs| of(status, pairs, &Policy::image()).unwrap().lifetime.as_secs();
        assert_eq!(lifetime(&[]), 5);
        assert_eq!(lifetime(&[("cache-control", "max-age=31536000")]), 5);
        assert_eq!(lifetime(&[("cache-control", "max-age=2")]), 2);
        assert_eq!(lifetime(&[("cache-control", "no-cache")]), 0);
        let long = [("cache-control", "max-age=31536000, stale-while-revalidate=31536000, stale-if-error=31536000")];
        assert_eq!(of(status, &long, &Policy::image()).unwrap().at(Duration::from_secs(5)), Use::Expired);
    }
}

#[test]
fn a_stale_response_is_served_as_long_as_it_allows() {
    let freshness = image(&[("cache-control", "max-age=10, stale-while-revalidate=5, stale-if-error=20")]);
    let at = |seconds| freshness.at(Duration::from_secs(seconds));
    assert_eq!(
        [at(9), at(10), at(14), at(15), at(29), at(30)],
        [
            Use::Fresh,
            Use::StaleWhileRevalidate,
            Use::StaleWhileRevalidate,
            Use::StaleIfError,
            Use::StaleIfError,
            Use::Expired
        ]
    );
}

#[test]
fn the_response_and_the_policy_say_how_long_it_may_be_stale() {
    // The windows behind, on a server error and on a broken connection; first in the image profile, then in the plain one.
    let table: &[(&str, [u64; 3], [u64; 3])] = &[
        ("max-age=10", [DAY, DAY, DAY], [0, 0, DAY]),
        ("max-age=10, stale-if-error=60", [DAY, 60, 60], [0, 60, 60]),
        ("max-age=10, stale-while-revalidate=60", [60, DAY, DAY], [60, 0, DAY]),
        ("s-maxage=10", [0, 0, 0], [0, 0, 0]),
        ("s-maxage=10, stale-if-error=60", [0, 60, 60], [0, 60, 60]),
        ("s-maxage=10, stale-while-revalidate=60", [60, 0, 0], [60, 0, 0]),
        ("max-age=10, must-revalidate, stale-if-error=60, stale-while-revalidate=60", [0, 0, 0], [0, 0, 0]),
        ("max-age=10, proxy-revalidate", [0, 0, 0], [0, 0, 0]),
        ("max-age=10, no-cache", [0, 0, 0], [0, 0, 0]),
    ];
    for (line, in_image, in_rfc) in table {
        for (policy, windows) in [(Policy::image(), in_image), (Policy::rfc(), in_rfc)] {
            let freshness = of(200, &[("cache-control", *line)], &policy).unwrap();
            let found = [freshness.stale_while_revalidate, freshness.stale_if_error, freshness.stale_if_disconnected];
            assert_eq!(found.map(|window| window.as_secs()), *windows, "{line}");
        }
    }
}

#[test]
fn a_server_error_and_a_broken_connection_are_not_the_same() {
    let freshness = of(200, &[("cache-control", "max-age=10")], &Policy::rfc()).unwrap();
    let age = Duration::from_secs(11);
    assert_eq!(freshness.at(age), Use::StaleIfError);
    assert!(freshness.serves_on(age, Fault::Disconnected) && !freshness.serves_on(age, Fault::ServerError));
    assert!(freshness.serves_on(Duration::from_secs(9), Fault::ServerError));
    assert_eq!(Fault::of(StatusCode::BAD_GATEWAY), Some(Fault::ServerError));
    assert_eq!(Fault::of(StatusCode::NOT_FOUND), None);
}

#[test]
fn max_stale_is_forbidden_where_stale_use_is() {
    for line in ["s-maxage=10", "max-age=1, must-revalidate", "no-cache"] {
        assert!(image(&[("cache-control", line)]).must_revalidate, "{line}");
    }
    assert!(!image(&[("cache-control", "max-age=1")]).must_revalidate);
}

#[test]
fn the_time_of_the_exchange_makes_it_older() {
    let headers = map(&[("age", "30")]);
    let freshness = |delay| {
        let delay = Duration::from_secs(delay);
        Freshness::after(delay, StatusCode::OK, &headers, &Policy::image(), NOW.parse().unwrap()).unwrap()
    };
    assert_eq!(freshness(0).initial_age.as_secs(), 30);
    assert_eq!(freshness(5).initial_age.as_secs(), 35);
}

#[test]
fn what_a_disk_keeps_is_what_it_gives_back() {
    let freshness = image(&[("cache-control", "max-age=10, stale-if-error=20")]);
    let kept = serde_json::to_string(&freshness).unwrap();
    assert_eq!(serde_json::from_str::<Freshness>(&kept).unwrap(), freshness);
}

proptest! {
    #[test]
    fn a_response_never_becomes_more_useful_with_age(
        windows in proptest::array::uniform4(0_u64..100),
        ages in proptest::array::uniform2(0_u64..300),
    ) {
        let [lifetime, behind, on_error, disconnected] = windows.map(Duration::from_secs);
        let freshness = Freshness {
            lifetime,
            stale_while_revalidate: behind,
            stale_if_error: on_error,
            stale_if_disconnected: disconnected,
            ..Freshness::default()
        };
        let rank = |age| match freshness.at(age) {
            Use::Fresh => 0,
            Use::StaleWhileRevalidate => 1,
            Use::StaleIfError => 2,
            Use::Expired => 3,
        };
        let (younger, older) = (ages[0].min(ages[1]), ages[0].max(ages[1]));
        prop_assert!(rank(Duration::from_secs(younger)) <= rank(Duration::from_secs(older)));
        for fault in [Fault::ServerError, Fault::Disconnected] {
            let age = Duration::from_secs(older);
            prop_assert!(!freshness.serves_on(age, fault) || freshness.at(age) != Use::Expired);
        }
    }
}
