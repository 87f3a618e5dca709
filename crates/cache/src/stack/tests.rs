//! The verb's promises, with a scripted fetch and a clock that stands still.

use std::sync::atomic::{AtomicUsize, Ordering};

use orbit_model::clock::Manual;
use tokio::sync::Notify;

use super::*;
use crate::Purge;
use crate::tier::{Bounds, Memory};

const KEY: &str = "/images/fox";

struct Bench {
    cache: Cache,
    clock: Manual,
    fetches: Arc<AtomicUsize>,
}

impl Bench {
    fn new() -> Self {
        let clock = Manual::new("2026-11-23T20:30:14Z".parse().unwrap());
        let tier = Memory::new(Bounds { max_bytes: 1 << 20, max_entries: None });
        let cache = Cache::new(Policy::image(), Box::new(tier), Arc::new(clock.clone()));
        Self { cache, clock, fetches: Arc::default() }
    }

    async fn get(&self, answer: Answer) -> Result<Found, Error> {
        let fetches = Arc::clone(&self.fetches);
        self.cache
            .get(&CacheKey::new(KEY), move |condition| async move {
                fetches.fetch_add(1, Ordering::SeqCst);
                answer.give(&condition).await
            })
            .await
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

#[derive(Clone, Default)]
struct Answer {
    body: &'static str,
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    /// The fetch waits for this before it answers.
    gate: Option<Arc<Notify>>,
    fails: bool,
}

fn image(body: &'static str) -> Answer {
    Answer { body, status: 200, headers: vec![("etag", "\"1\""), ("cache-control", "max-age=60")], ..Answer::default() }
}

impl Answer {
    async fn give(self, condition: &Condition) -> Result<Response<Bytes>, Error> {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        if self.fails {
            return Err(Error::Unavailable("down".to_owned()));
        }
        let unchanged =
            condition.etag.as_ref().is_some_and(|etag| self.headers.contains(&("etag", etag.to_str().unwrap())));
        let mut response = Response::builder().status(if unchanged { 304 } else { self.status });
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Bytes::from_static(if unchanged { b"" } else { self.body.as_bytes() })).unwrap())
    }
}

#[tokio::test]
async fn the_second_request_is_a_hit() {
    let bench = Bench::new();
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Miss);
    bench.advance(59);
    let found = bench.get(image("b")).await.unwrap();
    assert_eq!((found.outcome, found.entry.body.as_ref(), found.tier), (Outcome::Hit, &b"a"[..], Some("memory")));
    assert_eq!((found.entry.age(bench.clock.now()).as_secs(), found.entry.ttl_seconds(bench.clock.now())), (59, 1));
    assert_eq!(bench.cache.counts(), Counts { hits: 1, misses: 1, ..Counts::default() });
}

#[tokio::test]
async fn fifty_misses_make_one_fetch() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (bench, answer) = (Arc::clone(&bench), Answer { gate: Some(Arc::clone(&gate)), ..image("a") });
        clients.spawn(async move { bench.get(answer).await.unwrap().outcome });
    }
    // One permit: a second fetch would wait for ever, and so would the test.
    gate.notify_one();
    let outcomes = clients.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Miss).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Coalesced).count(), 49);
    assert_eq!(bench.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_outlives_the_client_that_began_it() {
    let bench = Bench::new();
    let gate = Arc::new(Notify::new());
    let answer = Answer { gate: Some(Arc::clone(&gate)), ..image("a") };
    {
        let mut request = Box::pin(bench.get(answer));
        assert!(futures_poll(&mut request).await.is_none());
    }
    gate.notify_one();
    let found = bench.get(image("b")).await.unwrap();
    assert_eq!((found.entry.body.as_ref(), bench.fetches()), (&b"a"[..], 1));
}

/// Polls a future once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = tokio::task::yield_now() => None,
    }
}

#[tokio::test]
async fn a_fill_that_a_purge_overtook_never_comes_back() {
    let key = CacheKey::new(KEY);
    for what in [Purge::Key(&key), Purge::Tag("red"), Purge::All] {
        let bench = Arc::new(Bench::new());
        let gate = Arc::new(Notify::new());
        let answer = Answer { gate: Some(Arc::clone(&gate)), ..image("old") };
        let client = tokio::spawn({
            let bench = Arc::clone(&bench);
            async move { bench.get(answer).await }
        });
        while bench.fetches() == 0 {
            tokio::task::yield_now().await;
        }
        let _ = bench.cache.purge(what, false);
        gate.notify_one();
        assert_eq!(
            client.await.unwrap().unwrap().entry.body.as_ref(),
            b"old",
            "who asked before the purge is answered"
        );
        let found = bench.get(image("new")).await.unwrap();
        assert_eq!((found.outcome, found.entry.body.as_ref()), (Outcome::Miss, &b"new"[..]), "{what:?}");
    }
}

#[tokio::test]
async fn who_asks_after_a_purge_does_not_join_the_fetch_from_before() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let answer = Answer { gate: Some(Arc::clone(&gate)), ..image("old") };
    let early = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move { bench.get(answer).await }
    });
    while bench.fetches() == 0 {
        tokio::task::yield_now().await;
    }
    let _ = bench.cache.purge(Purge::All, false);
    assert_eq!(bench.get(image("new")).await.unwrap().entry.body.as_ref(), b"new");
    gate.notify_one();
    early.await.unwrap().unwrap();
    assert_eq!(bench.get(image("newer")).await.unwrap().entry.body.as_ref(), b"new");
}

#[tokio::test]
async fn a_stale_response_is_served_and_revalidated_behind() {
    let bench = Bench::new();
    bench.get(image("a")).await.unwrap();
    bench.advance(61);
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Stale);
    while bench.cache.peek(&CacheKey::new(KEY)).unwrap().usable(bench.clock.now()) != Use::Fresh {
        tokio::task::yield_now().await;
    }
    let found = bench.get(image("a")).await.unwrap();
    assert_eq!((found.outcome, found.entry.body.as_ref(), bench.fetches()), (Outcome::Hit, &b"a"[..], 2));
}

#[tokio::test]
async fn a_failing_upstream_does_not_take_away_what_is_stored() {
    for failure in [Answer { fails: true, ..image("") }, Answer { status: 503, headers: vec![], ..image("sorry") }] {
        let bench = Bench::new();
        let headers = vec![("cache-control", "max-age=60, stale-while-revalidate=0, stale-if-error=100")];
        bench.get(Answer { headers, ..image("a") }).await.unwrap();
        bench.advance(61);
        let found = bench.get(failure.clone()).await.unwrap();
        assert_eq!((found.outcome, found.entry.body.as_ref()), (Outcome::Stale, &b"a"[..]));
        bench.advance(100);
        assert!(
            bench.get(failure).await.is_ok_and(|found| found.entry.status == 503) || bench.cache.counts().errors == 1
        );
    }
}

#[tokio::test]
async fn a_personal_response_answers_nobody_else() {
    let bench = Arc::new(Bench::new());
    let personal = Answer { headers: vec![("cache-control", "private")], ..image("mine") };
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (bench, answer) = (Arc::clone(&bench), personal.clone());
        clients.spawn(async move { bench.get(answer).await.unwrap().outcome });
    }
    assert!(clients.join_all().await.iter().all(|outcome| *outcome == Outcome::Miss));
    assert_eq!((bench.fetches(), bench.cache.usage().entries), (5, 0));
}

#[tokio::test]
async fn an_error_status_is_shared_by_those_who_wait_but_not_kept() {
    let bench = Bench::new();
    let gone = Answer { status: 404, ..image("no such image") };
    assert_eq!(bench.get(gone.clone()).await.unwrap().entry.status, 404);
    assert_eq!(bench.get(gone).await.unwrap().outcome, Outcome::Miss);
    assert_eq!(bench.fetches(), 2);
}

#[tokio::test]
async fn a_soft_purge_asks_again_but_keeps_serving() {
    let bench = Bench::new();
    bench.get(image("a")).await.unwrap();
    assert_eq!(bench.cache.purge(Purge::Key(&CacheKey::new(KEY)), true).dropped.entries, 1);
    assert_eq!(bench.cache.purge(Purge::All, true).dropped.entries, 0, "it was marked before");
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Stale);
}

#[tokio::test]
async fn a_soft_purged_response_that_must_not_be_stale_is_not_served() {
    let bench = Bench::new();
    let headers = vec![("cache-control", "max-age=60, must-revalidate")];
    bench.get(Answer { headers: headers.clone(), ..image("a") }).await.unwrap();
    let _ = bench.cache.purge(Purge::All, true);
    assert_eq!(bench.get(Answer { headers, ..image("b") }).await.unwrap().entry.body.as_ref(), b"b");
}

#[tokio::test]
async fn a_failed_revalidation_is_put_off_for_a_moment() {
    let bench = Bench::new();
    bench.get(image("a")).await.unwrap();
    bench.advance(61);
    let down = Answer { fails: true, ..image("") };
    for expected in [2, 2, 3] {
        assert_eq!(bench.get(down.clone()).await.unwrap().outcome, Outcome::Stale);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.fetches(), expected);
        if bench.fetches() == 2 {
            bench.clock.advance(Duration::from_millis(600));
        }
    }
}

#[tokio::test]
async fn what_the_upstream_was_asked_for_is_told() {
    let bench = Bench::new();
    let asked = |found: Found| {
        found.forwarded.map(|forwarded| (forwarded.reason, forwarded.status.map(|status| status.as_u16())))
    };
    assert_eq!(asked(bench.get(image("a")).await.unwrap()), Some((Forward::UriMiss, Some(200))));
    assert_eq!(asked(bench.get(image("a")).await.unwrap()), None);
    bench.advance(60 + 48 * 3600);
    assert_eq!(asked(bench.get(image("a")).await.unwrap()), Some((Forward::Stale, Some(304))));
}

#[tokio::test]
async fn an_absurd_age_does_no_harm() {
    let bench = Bench::new();
    let headers = vec![("age", "18446744073709551615"), ("etag", "\"1\"")];
    bench.get(Answer { headers: headers.clone(), ..image("a") }).await.unwrap();
    assert_eq!(bench.get(Answer { headers, ..image("a") }).await.unwrap().outcome, Outcome::Miss);
}

#[tokio::test]
async fn a_fetch_that_panics_fails_its_waiters_and_no_later_request() {
    let bench = Bench::new();
    let key = CacheKey::new(KEY);
    let broken = bench.cache.get(&key, |_| async { panic!("a bug in a fetch") }).await;
    assert!(matches!(broken, Err(Error::Unavailable(_))));
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Miss);
}
