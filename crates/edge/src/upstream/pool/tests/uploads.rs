//! Requests with bodies: whom they keep waiting, and for how long.

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
