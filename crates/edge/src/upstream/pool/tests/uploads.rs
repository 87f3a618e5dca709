//! Requests with bodies: whom they keep waiting, and for how long.

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

type Piece = std::io::Result<&'static str>;
type Sent = JoinHandle<Result<StatusCode, orbit_cache::Error>>;

/// Sends a body of ten bytes, which come in pieces.
fn upload(pool: &Pool) -> (Sent, mpsc::Sender<Piece>) {
    let (pieces, mut come) = mpsc::channel(1);
    let body = Body::from_stream(futures_util::stream::poll_fn(move |cx| come.poll_recv(cx)));
    let request = Request::post("/").header("content-length", 10).body(body).unwrap();
    let pool = pool.clone();
    let sent = tokio::spawn(async move { Ok(pool.send(request).await?.status()) });
    (sent, pieces)
}

/// Gives five bytes and waits until they are taken.
async fn half(pieces: &mpsc::Sender<Piece>) {
    pieces.send(Ok("first")).await.unwrap();
    // The channel has room for one piece.
    pieces.reserve().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_takes_long_keeps_nobody_from_a_server_that_is_back() {
    let server = Scripted::start().await;
    let (pool, clock) = pool(&[&server]);
    server.set(Mode::Answer(502));
    while get(&pool).await.is_ok() {}
    clock.pass(BREAK);
    server.set(Mode::Answer(200));
    let (sent, pieces) = upload(&pool);
    half(&pieces).await;
    assert_eq!(pool.states()[0].breaker, Breaker::HalfOpen);
    assert_eq!(get(&pool).await, Ok(StatusCode::OK));
    assert_eq!(pool.states()[0].breaker, Breaker::Closed);
    pieces.send(Ok("other")).await.unwrap();
    assert_eq!(sent.await.unwrap(), Ok(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_sent_is_answered_in_time_or_has_failed() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    server.set(Mode::Hang);
    assert_eq!(ask(&pool, Method::POST, "all of it").await, Err(Timeout));
    let (sent, pieces) = upload(&pool);
    half(&pieces).await;
    pieces.send(Ok("other")).await.unwrap();
    drop(pieces);
    assert_eq!(sent.await.unwrap(), Err(Timeout));
    assert_eq!((server.asked(), pool.states()[0].failures), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_client_may_take_any_time_over_its_body() {
    let server = Scripted::start().await;
    let (pool, _) = pool(&[&server]);
    let (sent, pieces) = upload(&pool);
    half(&pieces).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!sent.is_finished());
    pieces.send(Ok("other")).await.unwrap();
    assert_eq!(sent.await.unwrap(), Ok(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_of_a_body_has_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pool = Pool::new(&Upstreams { health_interval: Duration::ZERO, ..Upstreams::one(&url) }).unwrap();
    let endless = futures_util::stream::repeat_with(|| Piece::Ok("more than any connection holds"));
    let request = Request::post("/").body(Body::from_stream(endless)).unwrap();
    assert!(matches!(pool.send(request).await, Err(Timeout)));
    assert_eq!(pool.states()[0].failures, 1);
}
