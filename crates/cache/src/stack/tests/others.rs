//! What one client asks for, or does, costs the others nothing.

use super::*;

/// A plain shared cache, as in front of anything, with a response of an hour that may be stale for another.
async fn filled() -> Bench {
    let bench = Bench::with(Policy::rfc(), Limits::default());
    bench.get(lasting("a")).await.unwrap();
    bench
}

fn lasting(body: &'static str) -> Answer {
    let control = "public, max-age=3600, stale-while-revalidate=3600";
    image(body).with(&[("etag", "\"1\""), ("cache-control", control)])
}

fn changed(body: &'static str) -> Answer {
    image(body).with(&[("etag", "\"2\""), ("cache-control", "max-age=3600")])
}

/// Lets what was started behind come to its end.
async fn settle(bench: &Bench, fetches: usize) {
    bench.until_fetches(fetches).await;
    while !bench.cache.shared.flights.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_clients_own_request_takes_nothing_away_from_the_others() {
    let private = image("mine").with(&[("cache-control", "max-age=60")]);
    for (method, pairs) in [
        (Method::GET, &[("authorization", "me"), ("cache-control", "no-cache")][..]),
        (Method::GET, &[("authorization", "me"), ("cache-control", "no-cache"), ("if-none-match", "\"1\"")]),
        (Method::GET, &[("cache-control", "no-cache, no-store")]),
        (Method::HEAD, &[("cache-control", "no-cache, no-store")]),
        (Method::HEAD, &[("cache-control", "no-cache"), ("authorization", "me")]),
    ] {
        for answer in [private.clone(), lasting("a")] {
            let bench = filled().await;
            read(bench.ask(method.clone(), fields(pairs), answer).await.unwrap()).await.unwrap();
            assert_eq!(bench.fetches(), 2, "it was asked for");
            let kept = seen(bench.get(image("b")).await).await;
            assert_eq!(kept, (Outcome::Hit, "a".to_owned()), "{method} {pairs:?}");
            assert!(bench.cache.shared.bypass.is_empty(), "{method} {pairs:?}");
        }
    }
}

#[tokio::test]
async fn what_an_upstream_itself_forbids_to_keep_is_gone_for_all() {
    let bench = filled().await;
    let private = image("mine").with(&[("cache-control", "private")]);
    bench.get_with(fields(&[("cache-control", "no-cache")]), private).await.unwrap();
    assert_eq!(bench.entries(), 0);
    assert!(!bench.cache.shared.bypass.is_empty());
}

#[tokio::test]
async fn a_revalidation_behind_is_for_all_whoever_came_by() {
    for (method, pairs) in [
        (Method::HEAD, &[][..]),
        (Method::GET, &[("cache-control", "no-store")]),
        (Method::HEAD, &[("cache-control", "no-store")]),
    ] {
        let bench = filled().await;
        bench.advance(3700);
        let stale = bench.ask(method.clone(), fields(pairs), changed("b")).await.unwrap();
        assert_eq!(stale.outcome, Outcome::Stale);
        settle(&bench, 2).await;
        assert_eq!(seen(bench.get(image("c")).await).await, (Outcome::Hit, "b".to_owned()), "{method} {pairs:?}");
    }
}

#[tokio::test]
async fn nobody_waits_for_one_who_wants_nothing_kept() {
    let bench = Arc::new(Bench::with(Policy::rfc(), Limits::default()));
    let gate = Arc::new(Notify::new());
    let held = Answer { gate: Some(Arc::clone(&gate)), ..image("mine") };
    let first = bench.spawn(fields(&[("cache-control", "no-store")]), held);
    bench.until_fetches(1).await;
    assert_eq!(seen(bench.get(image("a")).await).await, (Outcome::Miss, "a".to_owned()));
    gate.notify_one();
    assert_eq!(seen(first.await.unwrap()).await.1, "mine");
}

#[tokio::test]
async fn what_was_found_before_a_purge_is_not_made_fresh_after_it() {
    for age in [3700, 9000] {
        let bench = filled().await;
        bench.advance(age);
        let (key, headers) = (CacheKey::new(KEY), HeaderMap::new());
        let ask = Ask { key: &key, method: &Method::GET, headers: &headers };
        let Lookup::Other(looked) = bench.cache.look(ask) else { panic!("it is stale") };
        let _ = bench.cache.purge(Purge::Key(&key), false);
        // The upstream still has the old one: it would answer 304 to a condition.
        bench.cache.resolve(ask, looked, bench.fetch(lasting("whole"))).await.unwrap();
        settle(&bench, 2).await;
        assert_eq!(seen(bench.get(image("c")).await).await, (Outcome::Hit, "whole".to_owned()), "{age}");
    }
}

#[tokio::test]
async fn an_error_that_may_be_one_users_own_is_shown_to_nobody_else() {
    let bench = Arc::new(Bench::with(Policy::rfc(), Limits::default()));
    let gate = Arc::new(Notify::new());
    let held = Answer { status: 500, gate: Some(Arc::clone(&gate)), ..image("dear Alice").with(&[]) };
    let alice = bench.spawn(fields(&[("cookie", "alice")]), held);
    bench.until_fetches(1).await;
    let bob = bench.spawn(HeaderMap::new(), image("b"));
    tokio::task::yield_now().await;
    gate.notify_one();
    assert_eq!(seen(alice.await.unwrap()).await.1, "dear Alice");
    assert!(matches!(bob.await.unwrap(), Err(Error::Unavailable(_))));
    assert_eq!(bench.fetches(), 1);
}

#[tokio::test]
async fn a_body_that_panics_breaks_off_for_all_who_read_it() {
    let bench = Bench::new();
    let (key, headers) = (CacheKey::new(KEY), HeaderMap::new());
    let ask = Ask { key: &key, method: &Method::GET, headers: &headers };
    let fetch = |_question: Question| async {
        let pieces = stream::once(async { panic!("a body's bug") });
        Ok(Response::new(Body::passing(StreamBody::new(pieces.map(|()| Ok::<_, Error>(Frame::data(Bytes::new())))))))
    };
    let found = bench.cache.get(ask, fetch).await.unwrap();
    assert!(matches!(read(found).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_purge_of_a_path_overtakes_the_fetches_of_its_variants_and_no_others() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let ask = |key: &'static str, answer: Answer| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let (key, headers) = (CacheKey::new(key), HeaderMap::new());
            let ask = Ask { key: &key, method: &Method::GET, headers: &headers };
            seen(bench.cache.get(ask, bench.fetch(answer)).await).await
        })
    };
    let keys = [KEY, "/images/fox?w=1", "/images/fox?w=2&fm=auto", "/images/foxes?w=1", "/images/fo"];
    let old = Answer { gate: Some(Arc::clone(&gate)), ..image("old") };
    let fetches: Vec<_> = keys.into_iter().map(|key| ask(key, old.clone())).collect();
    bench.until_fetches(keys.len()).await;
    let _ = bench.cache.purge(Purge::Path(&CacheKey::new(KEY)), false);
    // Who asks after the purge does not join what was asked for before.
    assert_eq!(ask(keys[1], image("new")).await.unwrap(), (Outcome::Miss, "new".to_owned()));
    gate.notify_waiters();
    for fetch in fetches {
        assert_eq!(fetch.await.unwrap(), (Outcome::Miss, "old".to_owned()));
    }
    for (key, body) in keys.into_iter().zip(["newer", "new", "newer", "old", "old"]) {
        assert_eq!(ask(key, image("newer")).await.unwrap().1, body, "{key}");
    }
}
