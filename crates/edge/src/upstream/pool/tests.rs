//! A pool in front of scripted servers on loopback, under a clock that is moved by hand.

use futures_util::future::join_all;
use http::header::HOST;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use orbit_cache::Error::{Timeout, Unavailable};
use tokio::sync::mpsc;

use super::super::Breaker;
use super::*;
use crate::Informational;

mod scripted;
mod tls_servers;
mod uploads;

use self::scripted::{Mode, Scripted};

/// Longer than the first break.
const BREAK: Duration = Duration::from_millis(1300);

/// A clock that stands until it is moved.
#[derive(Clone)]
struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    fn now(&self) -> Now {
        let clock = self.clone();
        Now::new(move || *clock.0.lock().unwrap())
    }
}

fn settings(servers: &[&Scripted]) -> Upstreams {
    let urls = servers.iter().map(|server| server.url()).collect();
    Upstreams { urls, health_interval: Duration::ZERO, ..Upstreams::default() }
}

fn pool(servers: &[&Scripted]) -> (Pool, Clock) {
    let clock = Clock::new();
    (Pool::with_clock(&settings(servers), clock.now()).unwrap(), clock)
}

async fn ask(pool: &Pool, method: Method, body: &'static str) -> Result<StatusCode, orbit_cache::Error> {
    let body = if body.is_empty() { Body::empty() } else { Body::from(body) };
    let request = Request::builder().method(method).uri("/a?b=c").body(body).unwrap();
    let response = pool.send(request).await?;
    let status = response.status();
    response.into_body().collect().await.map_err(|error| Unavailable(error.to_string()))?;
    Ok(status)
}

async fn get(pool: &Pool) -> Result<StatusCode, orbit_cache::Error> {
    ask(pool, Method::GET, "").await
}

#[tokio::test]
async fn requests_go_to_each_server_in_turn_over_kept_connections() {
    let (a, b, c) = (Scripted::start().await, Scripted::start().await, Scripted::start().await);
    let (pool, _) = pool(&[&a, &b, &c]);
    for _ in 0..9 {
        assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    }
    for server in [&a, &b, &c] {
        assert_eq!((server.asked(), server.connections()), (3, 1));
    }
}

#[tokio::test]
async fn no_client_sees_an_error_when_one_of_two_servers_dies_and_comes_back() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let (pool, clock) = pool(&[&a, &b]);
    a.set(Mode::Gone);
    for _ in 0..50 {
        assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    }
    assert_eq!((a.connections(), b.asked()), (5, 50), "the dead one is asked until its breaker opens");
    let dead = &pool.states()[0];
    assert_eq!((dead.breaker, dead.failures, dead.consecutive_failures), (Breaker::Open, 5, 5));
    assert_eq!(pool.states()[1].retries, 5);

    clock.pass(BREAK);
    for _ in 0..50 {
        assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    }
    assert_eq!(a.connections(), 6, "one trial a break");

    a.set(Mode::Answer(200));
    clock.pass(BREAK * 2);
    for _ in 0..10 {
        assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    }
    assert_eq!((a.asked(), pool.states()[0].breaker), (5, Breaker::Closed));
}

#[tokio::test]
async fn no_client_sees_an_error_when_a_server_dies_under_many_requests_at_once() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let (pool, _) = pool(&[&a, &b]);
    join_all((0..64).map(|_| get(&pool))).await;
    a.set(Mode::Gone);
    // First the connections that were kept are found closed, then new ones: those speak against the server.
    for _ in 0..2 {
        for answered in join_all((0..64).map(|_| get(&pool))).await {
            assert_eq!(answered, Ok(StatusCode::OK));
        }
    }
    let asked = a.connections();
    for answered in join_all((0..64).map(|_| get(&pool))).await {
        assert_eq!(answered, Ok(StatusCode::OK));
    }
    assert_eq!(a.connections(), asked, "its breaker is open");
}

#[tokio::test]
async fn a_server_where_nobody_listens_is_passed_over() {
    let living = Scripted::start().await;
    let mut settings = settings(&[&living]);
    settings.urls.insert(0, Scripted::nowhere().await);
    let pool = Pool::with_clock(&settings, Clock::new().now()).unwrap();
    for _ in 0..20 {
        assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    }
    assert_eq!((pool.states()[0].failures, living.asked()), (5, 20));
}

#[tokio::test]
async fn nothing_but_a_safe_request_without_a_body_is_sent_twice() {
    for (method, body) in [(Method::POST, ""), (Method::PUT, "x"), (Method::DELETE, ""), (Method::GET, "x")] {
        let (a, b) = (Scripted::start().await, Scripted::start().await);
        let (pool, _) = pool(&[&a, &b]);
        a.set(Mode::Drop);
        b.set(Mode::Drop);
        assert!(matches!(ask(&pool, method.clone(), body).await, Err(Unavailable(_))), "{method}");
        assert_eq!(a.asked() + b.asked(), 1, "{method} {body}");
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let (a, b) = (Scripted::start().await, Scripted::start().await);
        let (pool, _) = pool(&[&a, &b]);
        a.set(Mode::Drop);
        b.set(Mode::Drop);
        assert!(matches!(ask(&pool, method.clone(), "").await, Err(Unavailable(_))), "{method}");
        assert_eq!((a.asked(), b.asked()), (1, 1), "{method}: once more, and to the other");
    }
}

#[tokio::test]
async fn a_write_is_not_what_finds_out_whether_a_server_is_back() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let (pool, clock) = pool(&[&a, &b]);
    a.set(Mode::Gone);
    for _ in 0..10 {
        get(&pool).await.unwrap();
    }
    clock.pass(BREAK);
    for _ in 0..10 {
        assert_eq!(ask(&pool, Method::POST, "x").await, Ok(StatusCode::OK));
    }
    assert_eq!(a.connections(), 5);
}

#[tokio::test]
async fn answers_of_a_gateway_in_trouble_open_the_breaker_and_others_do_not() {
    for (status, opens) in
        [(502, true), (503, true), (504, true), (500, false), (501, false), (404, false), (429, false)]
    {
        let server = Scripted::start().await;
        let (pool, _) = pool(&[&server]);
        server.set(Mode::Answer(status));
        for _ in 0..30 {
            match get(&pool).await {
                Ok(answered) => assert_eq!(answered.as_u16(), status),
                Err(error) => assert!(opens, "{status}: {error}"),
            }
        }
        assert_eq!(server.asked(), if opens { 5 } else { 30 }, "{status}");
    }
}

#[tokio::test]
async fn it_fails_at_once_while_all_breakers_are_open_and_tries_with_one_request_after() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let (pool, clock) = pool(&[&a, &b]);
    for server in [&a, &b] {
        server.set(Mode::Answer(503));
    }
    while let Ok(status) = get(&pool).await {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!((a.asked(), b.asked()), (5, 5));
    let Err(Unavailable(message)) = get(&pool).await else { panic!("an open breaker lets nothing through") };
    assert!(message.contains(&a.url()) && message.contains("given a break"), "{message}");
    clock.pass(BREAK);
    for _ in 0..10 {
        let _ = get(&pool).await;
    }
    assert_eq!((a.asked(), b.asked()), (6, 6));
}

#[tokio::test]
async fn a_connection_that_was_closed_for_idleness_is_replaced_and_blames_nobody() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    server.set(Mode::AnswerOnce);
    for _ in 0..20 {
        assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    }
    let state = &pool.states()[0];
    assert_eq!((state.failures, state.breaker, state.retries), (0, Breaker::Closed, 10));
}

#[tokio::test]
async fn a_single_server_that_closes_new_connections_is_not_asked_twice() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    server.set(Mode::Drop);
    assert!(matches!(get(&pool).await, Err(Unavailable(_))));
    assert_eq!((server.asked(), pool.states()[0].retries), (1, 0));
}

#[tokio::test]
async fn retries_stay_within_their_budget() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let (pool, clock) = pool(&[&a, &b]);
    a.set(Mode::AnswerOnce);
    b.set(Mode::AnswerOnce);
    let mut errors = 0;
    for _ in 0..1000 {
        errors += usize::from(get(&pool).await.is_err());
    }
    let retries: u64 = pool.states().iter().map(|state| state.retries).sum();
    assert!(errors > 0 && (101..=300).contains(&retries), "{errors} errors, {retries} retries");
    clock.pass(Duration::from_secs(60));
    assert_eq!(get(&pool).await, Ok(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_in_time_fails_and_is_not_asked_again() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let (pool, _) = pool(&[&a, &b]);
    a.set(Mode::Hang);
    assert_eq!(get(&pool).await, Err(Timeout));
    assert_eq!((pool.states()[0].failures, b.asked()), (1, 0));
}

#[tokio::test]
async fn an_answer_that_is_no_http_counts_against_the_server() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    server.set(Mode::Nonsense);
    assert!(matches!(get(&pool).await, Err(Unavailable(_))));
    assert_eq!(pool.states()[0].failures, 1);
}

#[tokio::test]
async fn an_upload_that_breaks_off_does_not_count_against_the_server() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    for _ in 0..10 {
        let pieces = [Ok("some"), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let request = Request::post("/").header("content-length", 100).body(body).unwrap();
        assert!(pool.send(request).await.is_err());
    }
    assert_eq!((pool.states()[0].failures, pool.states()[0].breaker), (0, Breaker::Closed));
}

#[tokio::test]
async fn a_client_that_leaves_during_a_trial_does_not_keep_others_from_it() {
    let server = Scripted::start().await;
    let (pool, clock) = pool(&[&server]);
    server.set(Mode::Answer(502));
    while get(&pool).await.is_ok() {}
    clock.pass(BREAK);
    server.set(Mode::Hang);
    let trial = tokio::spawn({
        let pool = pool.clone();
        async move { get(&pool).await }
    });
    server.until_asked(6).await;
    assert_eq!(pool.states()[0].breaker, Breaker::HalfOpen);
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
    server.set(Mode::Answer(200));
    assert_eq!(get(&pool).await, Ok(StatusCode::OK));
}

#[tokio::test]
async fn a_server_whose_checks_fail_is_passed_over_unless_it_is_the_last() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let settings = Upstreams { health_path: Some("/healthz".to_owned()), ..settings(&[&a, &b]) };
    let pool = Pool::with_clock(&settings, Clock::new().now()).unwrap();
    a.set(Mode::Answer(404));
    pool.0.check().await;
    assert!(pool.states()[0].healthy, "one failed check may be chance");
    pool.0.check().await;
    assert_eq!(pool.states().iter().map(|state| state.healthy).collect::<Vec<_>>(), [false, true]);
    let before = a.asked();
    for _ in 0..4 {
        assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    }
    assert_eq!((a.asked(), pool.states()[1].requests), (before, 4), "checks are not counted as requests");
    b.set(Mode::Answer(404));
    pool.0.check().await;
    pool.0.check().await;
    assert_eq!(get(&pool).await, Ok(StatusCode::NOT_FOUND), "with nobody well, anybody is asked");
    a.set(Mode::Answer(200));
    pool.0.check().await;
    assert!(pool.states()[0].healthy);
}

#[tokio::test]
async fn a_single_server_is_checked_only_while_it_fails_and_then_tried_at_once() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    pool.0.check().await;
    assert_eq!(server.asked(), 0);
    server.set(Mode::Answer(502));
    while get(&pool).await.is_ok() {}
    pool.0.check().await;
    assert!(get(&pool).await.is_err(), "its check was answered with 502");
    server.set(Mode::Answer(200));
    pool.0.check().await;
    assert_eq!(get(&pool).await, Ok(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn servers_are_checked_from_the_first_request_until_the_pool_is_gone() {
    let (a, b) = (Scripted::start().await, Scripted::start().await);
    let settings = Upstreams { health_interval: Duration::from_secs(5), ..settings(&[&a, &b]) };
    let pool = Pool::new(&settings).unwrap();
    get(&pool).await.unwrap();
    a.until_asked(3).await;
    b.until_asked(3).await;
    assert!(b.heads().iter().any(|head| head.starts_with("HEAD / ") && head.contains("health check")));
    let (gone, ended) = (Arc::downgrade(&pool.0), pool.0.ended.token().clone());
    drop(pool);
    ended.cancelled().await;
    assert!(gone.upgrade().is_none());
}

#[tokio::test]
async fn the_name_that_was_asked_for_is_passed_on_and_chooses_no_server() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    let request = Request::get("http://elsewhere.example/a?b").header(HOST, "app.example").body(Body::empty()).unwrap();
    pool.send(request).await.unwrap();
    get(&pool).await.unwrap();
    let heads = server.heads();
    assert!(heads[0].starts_with("GET /a?b HTTP/1.1\r\n") && heads[0].contains("host: app.example\r\n"), "{heads:?}");
    assert!(heads[1].contains(&format!("host: {}\r\n", server.url().trim_start_matches("http://"))), "{heads:?}");
}

#[tokio::test]
async fn hints_and_progress_reach_the_client_and_what_concerns_one_connection_does_not() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    server.set(Mode::Hints);
    let (told, mut hints) = mpsc::unbounded_channel();
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(Informational::new(move |status, headers: &HeaderMap| {
        let _ = told.send((status.as_u16(), headers.clone()));
    }));
    assert_eq!(pool.send(request).await.unwrap().status(), StatusCode::OK);
    let (status, headers) = hints.recv().await.unwrap();
    assert_eq!((status, headers.len(), &headers["link"]), (103, 1, &http::HeaderValue::from_static("</a.css>")));
    assert_eq!(hints.recv().await.unwrap().0, 102);
    assert!(hints.recv().await.is_none());
}
