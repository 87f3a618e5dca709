//! The verb's promises, with a scripted fetch and a clock that stands still.

use std::sync::atomic::{AtomicUsize, Ordering};

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use orbit_model::Forward;
use orbit_model::clock::Manual;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::*;
use crate::Purge;
use crate::tier::{Bounds, Memory};

mod lease;
mod others;

const KEY: &str = "/images/fox";

type Fetched = futures_util::future::BoxFuture<'static, Result<Response<Body>, Error>>;

struct Bench {
    cache: Cache,
    clock: Manual,
    fetches: Arc<AtomicUsize>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Policy::image(), Limits::default())
    }

    fn with(policy: Policy, limits: Limits) -> Self {
        let clock = Manual::new("2026-11-23T20:30:14Z".parse().unwrap());
        let tier = Memory::new(Bounds { max_bytes: 1 << 20, max_entries: None });
        let cache = Cache::new(policy, limits, Box::new(tier), None, Arc::new(clock.clone()));
        Self { cache, clock, fetches: Arc::default() }
    }

    async fn get(&self, answer: Answer) -> Result<Found, Error> {
        self.get_with(HeaderMap::new(), answer).await
    }

    async fn get_with(&self, headers: HeaderMap, answer: Answer) -> Result<Found, Error> {
        self.ask(Method::GET, headers, answer).await
    }

    async fn ask(&self, method: Method, headers: HeaderMap, answer: Answer) -> Result<Found, Error> {
        let key = CacheKey::new(KEY);
        let ask = Ask { key: &key, method: &method, headers: &headers };
        self.cache.get(ask, self.fetch(answer)).await
    }

    /// A fetch that is counted.
    fn fetch(&self, answer: Answer) -> impl Fn(Question) -> Fetched + Clone + Send + Sync + 'static {
        let fetches = Arc::clone(&self.fetches);
        move |question: Question| {
            let (fetches, answer) = (Arc::clone(&fetches), answer.clone());
            Box::pin(async move {
                fetches.fetch_add(1, Ordering::SeqCst);
                answer.give(question).await
            })
        }
    }

    /// Asks in a task of its own.
    fn spawn(self: &Arc<Self>, headers: HeaderMap, answer: Answer) -> JoinHandle<Result<Found, Error>> {
        let bench = Arc::clone(self);
        tokio::spawn(async move { bench.get_with(headers, answer).await })
    }

    async fn until_fetches(&self, count: usize) {
        while self.fetches() < count {
            tokio::task::yield_now().await;
        }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn entries(&self) -> u64 {
        self.cache.usage()[0].1.entries
    }
}

#[derive(Clone, Default)]
struct Answer {
    body: &'static str,
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    /// The fetch waits for this before it answers.
    gate: Option<Arc<Notify>>,
    /// The pieces of the body come from here.
    pieces: Option<Arc<Mutex<Option<Receiver<Bytes>>>>>,
    fails: bool,
}

fn image(body: &'static str) -> Answer {
    Answer { body, status: 200, headers: vec![("etag", "\"1\""), ("cache-control", "max-age=60")], ..Answer::default() }
}

/// An answer whose body comes piece by piece.
fn dripping() -> (Sender<Bytes>, Answer) {
    let (sender, receiver) = channel(1);
    (sender, Answer { pieces: Some(Arc::new(Mutex::new(Some(receiver)))), ..image("") })
}

impl Answer {
    fn with(self, headers: &[(&'static str, &'static str)]) -> Self {
        Self { headers: headers.to_vec(), ..self }
    }

    async fn give(self, question: Question) -> Result<Response<Body>, Error> {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        if self.fails {
            return Err(Error::Unavailable("down".to_owned()));
        }
        let asked = question.fields(&HeaderMap::new());
        let etag = asked.get("if-none-match").map(|etag| etag.to_str().unwrap().to_owned());
        let unchanged = etag.is_some_and(|etag| self.headers.contains(&("etag", &*etag)));
        let mut response = Response::builder().status(if unchanged { 304 } else { self.status });
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let pieces = self.pieces.and_then(|pieces| pieces.lock().take());
        let body = match pieces {
            Some(pieces) => Body::passing(StreamBody::new(stream::unfold(pieces, |mut pieces| async {
                pieces.recv().await.map(|piece| (Ok::<_, Error>(Frame::data(piece)), pieces))
            }))),
            None => Body::Whole(Bytes::from_static(if unchanged { b"" } else { self.body.as_bytes() })),
        };
        Ok(response.body(body).unwrap())
    }
}

async fn read(found: Found) -> Result<String, Error> {
    let bytes = found.body.collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

/// How a request was answered, and with what.
async fn seen(found: Result<Found, Error>) -> (Outcome, String) {
    let found = found.unwrap();
    (found.outcome, read(found).await.unwrap())
}

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[tokio::test]
async fn the_second_request_is_a_hit() {
    let bench = Bench::new();
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Miss);
    bench.advance(59);
    let found = bench.get(image("b")).await.unwrap();
    let (now, head) = (bench.clock.now(), Arc::clone(&found.head));
    assert_eq!((found.outcome, found.tier, bench.fetches()), (Outcome::Hit, Some("memory"), 1));
    assert_eq!((head.age(now).as_secs(), head.ttl_seconds(now)), (59, 1));
    assert_eq!(read(found).await.unwrap(), "a");
}

#[tokio::test]
async fn fifty_misses_make_one_fetch() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let answer = Answer { gate: Some(Arc::clone(&gate)), ..image("a") };
    let clients: Vec<_> = (0..50).map(|_| bench.spawn(HeaderMap::new(), answer.clone())).collect();
    // One permit: a second fetch would wait for ever, and so would the test.
    gate.notify_one();
    let mut misses = 0;
    for client in clients {
        let (outcome, body) = seen(client.await.unwrap()).await;
        misses += usize::from(outcome == Outcome::Miss);
        assert!(matches!(outcome, Outcome::Miss | Outcome::Coalesced) && body == "a");
    }
    assert_eq!((misses, bench.fetches()), (1, 1));
}

#[tokio::test]
async fn a_second_reader_gets_the_first_bytes_of_a_body_that_is_still_arriving() {
    let bench = Arc::new(Bench::new());
    let (pieces, answer) = dripping();
    pieces.send(Bytes::from_static(b"first ")).await.unwrap();
    let mut readers = [bench.get(answer.clone()).await.unwrap(), bench.get(answer).await.unwrap()];
    for reader in &mut readers {
        assert_eq!(reader.body.frame().await.unwrap().unwrap().into_data().unwrap(), "first ");
    }
    assert_eq!((readers[1].outcome, bench.entries()), (Outcome::Coalesced, 0));
    pieces.send(Bytes::from_static(b"last")).await.unwrap();
    drop(pieces);
    for reader in readers {
        assert_eq!(read(reader).await.unwrap(), "last");
    }
    assert_eq!(seen(bench.get(image("b")).await).await, (Outcome::Hit, "first last".to_owned()));
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_for_everyone_and_is_not_kept() {
    let bench = Arc::new(Bench::with(Policy::image(), Limits { max_body_bytes: 1 << 20, ..Limits::default() }));
    let (pieces, answer) = dripping();
    let found = bench.get(answer).await.unwrap();
    pieces.send(Bytes::from_static(b"half")).await.unwrap();
    let broken = Answer { fails: true, ..image("") };
    let second = bench.get(broken).await.unwrap();
    tokio::time::pause();
    // The upstream is silent from here on, and time runs when nothing else does.
    assert_eq!(read(found).await, Err(Error::Timeout));
    assert_eq!(read(second).await, Err(Error::Timeout));
    assert_eq!(bench.entries(), 0);
}

#[tokio::test]
async fn a_fill_that_nobody_reads_goes_on_only_if_little_is_missing() {
    for (finish_bytes, kept) in [(100, 1), (5, 0)] {
        let bench = Arc::new(Bench::with(Policy::image(), Limits { finish_bytes, ..Limits::default() }));
        let (pieces, answer) = dripping();
        let found = bench.get(answer.with(&[("cache-control", "max-age=60"), ("content-length", "11")])).await.unwrap();
        pieces.send(Bytes::from_static(b"first")).await.unwrap();
        drop(found);
        while pieces.capacity() == 0 && !pieces.is_closed() {
            tokio::task::yield_now().await;
        }
        // Where the fill was given up there is nobody to take it.
        let _ = pieces.send(Bytes::from_static(b"second")).await;
        drop(pieces);
        while !bench.cache.shared.flights.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.entries(), kept, "{finish_bytes}");
    }
}

#[tokio::test]
async fn a_body_that_grows_too_large_passes_to_its_readers_and_is_not_kept() {
    let limits = Limits { max_body_bytes: 8, ..Limits::default() };
    let bench = Arc::new(Bench::with(Policy::image(), limits));
    let (pieces, answer) = dripping();
    let found = bench.get(answer).await.unwrap();
    let reading = tokio::spawn(read(found));
    for piece in ["0123", "4567", "89ab", "cdef"] {
        pieces.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
    }
    drop(pieces);
    assert_eq!(reading.await.unwrap().unwrap(), "0123456789abcdef");
    assert_eq!(bench.entries(), 0);
}

#[tokio::test]
async fn those_who_join_and_want_another_variant_fetch_that_one_together() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let varying = [("vary", "accept"), ("cache-control", "max-age=60")];
    let [webp, avif] = ["image/webp", "image/avif"].map(|accept| fields(&[("accept", accept)]));
    let first = Answer { gate: Some(Arc::clone(&gate)), ..image("webp").with(&varying) };
    let leader = bench.spawn(webp.clone(), first);
    bench.until_fetches(1).await;
    let second = image("avif").with(&varying);
    let others: Vec<_> = (0..10).map(|_| bench.spawn(avif.clone(), second.clone())).collect();
    tokio::task::yield_now().await;
    gate.notify_one();
    assert_eq!(seen(leader.await.unwrap()).await.1, "webp");
    for other in others {
        assert_eq!(seen(other.await.unwrap()).await.1, "avif");
    }
    assert_eq!((bench.fetches(), bench.entries()), (2, 2));
    assert_eq!(seen(bench.get_with(webp, image("")).await).await, (Outcome::Hit, "webp".to_owned()));
    assert_eq!(seen(bench.get_with(avif, image("")).await).await, (Outcome::Hit, "avif".to_owned()));
}

#[tokio::test]
async fn who_waits_for_an_uncacheable_response_is_released_and_nobody_waits_again() {
    let bench = Arc::new(Bench::new());
    let gates: Vec<_> = (0..3).map(|_| Arc::new(Notify::new())).collect();
    let answer = |gate: &Arc<Notify>| Answer {
        gate: Some(Arc::clone(gate)),
        ..image("mine").with(&[("cache-control", "no-store")])
    };
    let leader = bench.spawn(HeaderMap::new(), answer(&gates[0]));
    bench.until_fetches(1).await;
    let waiting: Vec<_> = (0..5).map(|_| bench.spawn(HeaderMap::new(), answer(&gates[1]))).collect();
    tokio::task::yield_now().await;
    assert_eq!(bench.fetches(), 1);
    gates[0].notify_one();
    // All five fetch at the same time: not one of them has had an answer.
    bench.until_fetches(6).await;
    // And from now on a request does not wait for another at all.
    let known: Vec<_> = (0..5).map(|_| bench.spawn(HeaderMap::new(), answer(&gates[2]))).collect();
    bench.until_fetches(11).await;
    gates[1].notify_waiters();
    gates[2].notify_waiters();
    for client in waiting.into_iter().chain(known).chain([leader]) {
        assert_eq!(seen(client.await.unwrap()).await, (Outcome::Pass, "mine".to_owned()));
    }
    assert_eq!(bench.entries(), 0);
    // A response that may be kept after all is kept.
    bench.get(image("ours")).await.unwrap();
    assert_eq!(seen(bench.get(image("")).await).await, (Outcome::Hit, "ours".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_limit_for_anothers_fetch() {
    let bench = Arc::new(Bench::new());
    let never = Arc::new(Notify::new());
    let leader = bench.spawn(HeaderMap::new(), Answer { gate: Some(never), ..image("late") });
    bench.until_fetches(1).await;
    assert_eq!(seen(bench.get(image("own")).await).await.1, "own");
    leader.abort();
}

#[tokio::test]
async fn expired_responses_are_revalidated_once_for_all() {
    let bench = Arc::new(Bench::with(Policy::rfc(), Limits::default()));
    bench.get(image("a")).await.unwrap();
    bench.advance(61);
    let gate = Arc::new(Notify::new());
    let answer = Answer { gate: Some(Arc::clone(&gate)), ..image("a") };
    let clients: Vec<_> = (0..50).map(|_| bench.spawn(HeaderMap::new(), answer.clone())).collect();
    gate.notify_one();
    for client in clients {
        assert_eq!(seen(client.await.unwrap()).await.1, "a");
    }
    assert_eq!(bench.fetches(), 2);
}

#[tokio::test]
async fn a_request_that_must_not_reach_the_upstream_is_answered_from_what_is_stored_or_not_at_all() {
    let bench = Bench::with(Policy::rfc(), Limits::default());
    let only = fields(&[("cache-control", "only-if-cached")]);
    assert_eq!(bench.get_with(only.clone(), image("a")).await.unwrap_err(), Error::NotCached);
    bench.get(image("a")).await.unwrap();
    assert_eq!(seen(bench.get_with(only, image("b")).await).await, (Outcome::Hit, "a".to_owned()));
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
    assert_eq!((seen(bench.get(image("b")).await).await.1, bench.fetches()), ("a".to_owned(), 1));
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
    for what in [Purge::Key(&key), Purge::Path(&key), Purge::Tag("red"), Purge::All] {
        let bench = Arc::new(Bench::new());
        let gate = Arc::new(Notify::new());
        let answer = Answer { gate: Some(Arc::clone(&gate)), ..image("old") };
        let client = bench.spawn(HeaderMap::new(), answer);
        bench.until_fetches(1).await;
        let _ = bench.cache.purge(what, false);
        gate.notify_one();
        assert_eq!(seen(client.await.unwrap()).await.1, "old", "who asked before the purge is answered");
        assert_eq!(seen(bench.get(image("new")).await).await, (Outcome::Miss, "new".to_owned()), "{what:?}");
    }
}

#[tokio::test]
async fn who_asks_after_a_purge_does_not_join_the_fetch_from_before() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let answer = Answer { gate: Some(Arc::clone(&gate)), ..image("old") };
    let early = bench.spawn(HeaderMap::new(), answer);
    bench.until_fetches(1).await;
    let _ = bench.cache.purge(Purge::All, false);
    assert_eq!(seen(bench.get(image("new")).await).await.1, "new");
    gate.notify_one();
    early.await.unwrap().unwrap();
    assert_eq!(seen(bench.get(image("newer")).await).await.1, "new");
}

#[tokio::test]
async fn a_stale_response_is_served_and_revalidated_behind() {
    let bench = Bench::new();
    bench.get(image("a")).await.unwrap();
    bench.advance(61);
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Stale);
    let stored = || bench.cache.shared.near.stored(&CacheKey::new(KEY)).remove(0);
    while stored().head.usable(bench.clock.now()) != Use::Fresh {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen(bench.get(image("a")).await).await, (Outcome::Hit, "a".to_owned()));
    assert_eq!(bench.fetches(), 2);
}

#[tokio::test]
async fn a_failing_upstream_does_not_take_away_what_is_stored() {
    let down = Answer { fails: true, ..image("") };
    for failure in [down, Answer { status: 503, ..image("sorry").with(&[]) }] {
        let bench = Bench::new();
        let directives = "max-age=60, stale-while-revalidate=0, stale-if-error=100";
        bench.get(image("a").with(&[("cache-control", directives)])).await.unwrap();
        bench.advance(61);
        assert_eq!(seen(bench.get(failure.clone()).await).await, (Outcome::Stale, "a".to_owned()));
        bench.advance(100);
        let told = bench.get(failure).await.map(|found| found.head.status.as_u16());
        assert!(matches!(told, Ok(503) | Err(Error::Unavailable(_))), "{told:?}");
    }
}

#[tokio::test]
async fn an_error_is_shared_by_those_who_wait_but_not_kept() {
    let bench = Arc::new(Bench::new());
    let gate = Arc::new(Notify::new());
    let answer = Answer { gate: Some(Arc::clone(&gate)), status: 503, ..image("sorry").with(&[]) };
    let clients: Vec<_> = (0..5).map(|_| bench.spawn(HeaderMap::new(), answer.clone())).collect();
    gate.notify_one();
    for client in clients {
        assert_eq!(client.await.unwrap().unwrap().head.status, 503);
    }
    assert_eq!((bench.fetches(), bench.entries()), (1, 0));
}

#[tokio::test]
async fn a_soft_purge_asks_again_but_keeps_serving() {
    let bench = Bench::new();
    bench.get(image("a")).await.unwrap();
    assert_eq!(bench.cache.purge(Purge::Key(&CacheKey::new(KEY)), true)[0].dropped.entries, 1);
    assert_eq!(bench.cache.purge(Purge::All, true)[0].dropped.entries, 0, "it was marked before");
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Stale);
}

#[tokio::test]
async fn a_soft_purged_response_that_must_not_be_stale_is_not_served() {
    let bench = Bench::new();
    let strict = [("cache-control", "max-age=60, must-revalidate")];
    bench.get(image("a").with(&strict)).await.unwrap();
    let _ = bench.cache.purge(Purge::All, true);
    assert_eq!(seen(bench.get(image("b").with(&strict)).await).await.1, "b");
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
    let (key, headers) = (CacheKey::new(KEY), HeaderMap::new());
    let ask = Ask { key: &key, method: &Method::GET, headers: &headers };
    let broken = bench.cache.get(ask, |_| async { panic!("a bug in a fetch") }).await;
    assert!(matches!(broken, Err(Error::Unavailable(_))));
    assert_eq!(bench.get(image("a")).await.unwrap().outcome, Outcome::Miss);
}
