//! What is stored is served on a lease: without one, only after the upstream was asked.

use http::StatusCode;

use super::*;

/// An image that may be stale for long, and of which the upstream is asked no more than it must be.
fn lasting(body: &'static str, etag: &'static str) -> Answer {
    let control = "public, max-age=3600, stale-while-revalidate=3600, stale-if-error=3600";
    image(body).with(&[("etag", etag), ("cache-control", control)])
}

fn down() -> Answer {
    Answer { fails: true, ..image("") }
}

async fn filled() -> Bench {
    let bench = Bench::new();
    bench.get(lasting("a", "\"1\"")).await.unwrap();
    bench
}

#[tokio::test]
async fn while_a_lease_runs_what_is_fresh_is_a_hit_and_after_it_the_upstream_is_asked_each_time() {
    let bench = filled().await;
    bench.cache.lend(bench.clock.now() + Duration::from_secs(5));
    bench.advance(4);
    assert_eq!(seen(bench.get(down()).await).await, (Outcome::Hit, "a".to_owned()));
    bench.advance(1);
    for fetches in 2..4 {
        // It has not changed: what is stored is served, but not before it was asked about.
        assert_eq!(read(bench.get(lasting("-", "\"1\"")).await.unwrap()).await.unwrap(), "a");
        assert_eq!(bench.fetches(), fetches);
    }
    assert_eq!(read(bench.get(lasting("b", "\"2\"")).await.unwrap()).await.unwrap(), "b");
    bench.cache.lend(bench.clock.now() + Duration::from_secs(5));
    assert_eq!(seen(bench.get(down()).await).await, (Outcome::Hit, "b".to_owned()));
}

#[tokio::test]
async fn without_a_lease_nothing_stands_in_for_an_upstream_that_fails() {
    for stale_seconds in [0, 3_601] {
        let bench = filled().await;
        bench.advance(stale_seconds);
        bench.cache.end_lease();
        assert!(matches!(bench.get(down()).await, Err(Error::Unavailable(_))), "{stale_seconds}");
        let broken = Answer { status: 503, ..image("broken") }.with(&[("cache-control", "no-store")]);
        assert_eq!(bench.get(broken).await.unwrap().head.status, StatusCode::SERVICE_UNAVAILABLE, "{stale_seconds}");
        bench.cache.lend_for_good();
        assert_eq!(read(bench.get(down()).await.unwrap()).await.unwrap(), "a", "{stale_seconds}");
    }
}

#[tokio::test]
async fn without_a_lease_nobody_joins_a_fetch_that_began_before() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let slow = Answer { gate: Some(Arc::clone(&gate)), ..image("a") };
    let first = bench.spawn(HeaderMap::new(), slow);
    bench.until_fetches(1).await;
    bench.cache.end_lease();
    assert_eq!(read(bench.get(image("b")).await.unwrap()).await.unwrap(), "b");
    gate.notify_one();
    assert_eq!(read(first.await.unwrap().unwrap()).await.unwrap(), "a");
}

#[tokio::test]
async fn what_is_distrusted_is_asked_about_once_and_then_trusted_again() {
    let bench = filled().await;
    bench.advance(10);
    bench.cache.distrust(bench.clock.now());
    assert!(matches!(bench.get(down()).await, Err(Error::Unavailable(_))));
    bench.advance(1);
    assert_eq!(read(bench.get(lasting("-", "\"1\"")).await.unwrap()).await.unwrap(), "a");
    assert_eq!(seen(bench.get(down()).await).await, (Outcome::Hit, "a".to_owned()));
}

#[tokio::test]
async fn what_was_being_fetched_when_all_was_distrusted_is_not_kept() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let slow = Answer { gate: Some(Arc::clone(&gate)), ..image("a") };
    let first = bench.spawn(HeaderMap::new(), slow);
    bench.until_fetches(1).await;
    bench.cache.distrust(bench.clock.now());
    bench.advance(1);
    gate.notify_one();
    assert_eq!(read(first.await.unwrap().unwrap()).await.unwrap(), "a");
    assert_eq!(bench.entries(), 0);
}
