//! Connections over memory, with scripted clients and a clock that stands still until everybody waits.

use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use orbit_edge::{Body, Informational};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

use super::*;
use crate::server::listener::any_place;
use crate::server::pulse::{LOOK, Looks, Patience};
use crate::server::service::{Response, ResponseFuture};

mod handshake;
mod multiplexed;

/// What the kernel holds of an answer that nobody reads, as it were.
const PIPE: usize = 64 << 10;

/// Answers by the path.
struct Scripted;

impl Handler for Scripted {
    fn at_once(&self, request: &mut Request<Incoming>) -> Option<Response> {
        (request.uri().path() == "/big").then(|| Response::new(Body::from(Bytes::from(vec![7; 10 * PIPE]))))
    }

    fn answer(&self, request: Request<axum::body::Body>) -> ResponseFuture {
        Box::pin(async move {
            match request.uri().path() {
                "/hint" => hint(&request),
                "/echo" => Response::new(Body::from(request.into_body())),
                "/never" => std::future::pending().await,
                "/upgrade" => upgrade(request),
                path => Response::new(Body::from(Bytes::from(path.to_owned()))),
            }
        })
    }
}

/// Tells where the way for hints is there.
fn hint(request: &Request<axum::body::Body>) -> Response {
    let way = request.extensions().get::<Informational>();
    if let Some(way) = way {
        let headers = HeaderMap::from_iter([(http::header::LINK, HeaderValue::from_static("</a>"))]);
        way.send(StatusCode::EARLY_HINTS, &headers);
    }
    Response::new(Body::from(Bytes::from(if way.is_some() { "told" } else { "not told" })))
}

/// Echoes what comes after the upgrade.
fn upgrade(mut request: Request<axum::body::Body>) -> Response {
    let upgraded = request.extensions_mut().remove::<OnUpgrade>().expect("a way to upgrade");
    tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded.await.unwrap()));
        tokio::io::copy(&mut from, &mut to).await
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
    response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
    response
}

/// The client's end of a connection, and the connection itself.
struct Client {
    stream: DuplexStream,
    pulse: Arc<Pulse>,
    ended: Pin<Box<JoinHandle<()>>>,
}

impl Client {
    fn connect(multiplexed: bool) -> Self {
        let limits = Limits { header_bytes: 4096, ..Limits::default() };
        let (stream, server) = tokio::io::duplex(PIPE);
        let serving = Serving::new(Arc::new(Scripted), None, &limits, CancellationToken::new());
        let looks = Arc::new(Looks::default());
        let pulse = Arc::new(Pulse::new(Arc::clone(&looks)));
        let patience = Patience::new(limits.header_timeout, limits.idle_timeout, limits.stall_timeout);
        let (served, looked) = (Arc::clone(&pulse), Arc::clone(&pulse));
        let ended = tokio::spawn(async move {
            let socket = Socket::new(server, Arc::clone(&served), any_place());
            serving.converse(socket, served, multiplexed).await;
        });
        tokio::spawn(async move {
            let mut look = tokio::time::interval(LOOK);
            loop {
                look.tick().await;
                looks.advance();
                looked.order(looked.verdict(patience));
            }
        });
        Self { stream, pulse, ended: Box::pin(ended) }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self
    }

    async fn get(&mut self, path: &str) -> &mut Self {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await
    }

    /// Reads up to and with these words.
    async fn until(&mut self, words: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(words.as_bytes()) {
            text.push(self.stream.read_u8().await.unwrap_or_else(|error| {
                panic!("{error} after {}", String::from_utf8_lossy(&text));
            }));
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Reads to the end of the connection.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        rest
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_one_after_the_other() {
    let mut client = Client::connect(false);
    assert!(client.get("/one").await.until("/one").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let both = client.get("/two").await.get("/three").await.until("/three").await;
    assert!(both.contains("\r\n\r\n/two"), "{both}");
}

#[tokio::test(start_paused = true)]
async fn who_never_finishes_a_header_is_cut_off() {
    for beginning in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut client = Client::connect(false);
        assert_eq!(client.send(beginning).await.rest().await, b"");
        client.ended.await.unwrap();
    }
    let mut client = Client::connect(false);
    client.get("/one").await.until("/one").await;
    assert_eq!(client.send("GET /tw").await.rest().await, b"");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends() {
    for multiplexed in [false, true] {
        let mut client = Client::connect(multiplexed);
        match multiplexed {
            false => drop(client.get("/one").await.until("/one").await),
            true => drop(client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await),
        }
        client.rest().await;
        client.ended.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_stops_is_cut_off() {
    let mut client = Client::connect(false);
    client.get("/big").await.until("\r\n\r\n").await;
    client.ended.await.unwrap();
    let mut left = Vec::new();
    client.stream.read_to_end(&mut left).await.unwrap();
    assert!(left.len() <= PIPE);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_it_all() {
    let mut client = Client::connect(false);
    client.get("/big").await.until("\r\n\r\n").await;
    let mut read = 0;
    while read < 10 * PIPE {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let mut piece = vec![0; PIPE / 2];
        read += client.stream.read(&mut piece).await.unwrap();
    }
    assert_eq!(read, 10 * PIPE);
}

#[tokio::test(start_paused = true)]
async fn an_uploader_who_stops_is_cut_off_and_a_slow_one_is_heard() {
    let upload = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";
    let mut client = Client::connect(false);
    client.send(upload).await;
    for byte in "slow".bytes() {
        tokio::time::sleep(Duration::from_secs(20)).await;
        client.send([byte]).await;
    }
    client.until("slow").await;
    client.send(upload).await.send("sl").await.rest().await;
    client.ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_take_its_time() {
    let mut client = Client::connect(false);
    client.get("/never").await;
    let waited = tokio::time::timeout(Duration::from_secs(3600), client.stream.read_u8()).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn too_large_a_header_is_told_so() {
    let mut client = Client::connect(false);
    let header = "x".repeat(8192);
    let answer = client.send(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {header}\r\n\r\n")).await.rest().await;
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
    let mut client = Client::connect(false);
    let fields = "x: y\r\n".repeat(101);
    let answer = client.send(format!("GET / HTTP/1.1\r\nhost: x\r\n{fields}\r\n")).await.rest().await;
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(start_paused = true)]
async fn a_hint_comes_before_the_answer() {
    let mut client = Client::connect(false);
    for _ in 0..2 {
        let answer = client.get("/hint").await.until("told").await;
        assert!(answer.starts_with("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_of_http_1_0_gets_no_hint() {
    let mut client = Client::connect(false);
    let answer = client.send("GET /hint HTTP/1.0\r\n\r\n").await.rest().await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("not told"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_hint_never_falls_into_another_answer() {
    let mut client = Client::connect(false);
    client.get("/big").await.get("/hint").await.until("\r\n\r\n").await;
    let mut body = vec![0; 10 * PIPE];
    client.stream.read_exact(&mut body).await.unwrap();
    assert!(body.iter().all(|&byte| byte == 7));
    let answer = client.until("told").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") || answer.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_carries_any_bytes() {
    let mut client = Client::connect(false);
    client.send("GET /upgrade HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n\0early").await;
    let answer = client.until("\0early").await;
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    client.ended.as_mut().await.unwrap();
    client.send("later").await.until("later").await;
}

#[tokio::test(start_paused = true)]
async fn at_the_end_an_open_request_is_answered_and_an_idle_connection_closed() {
    let mut idle = Client::connect(false);
    idle.get("/one").await.until("/one").await;
    let mut busy = Client::connect(false);
    busy.get("/big").await.until("\r\n\r\n").await;
    for client in [&mut idle, &mut busy] {
        client.pulse.order(Order::Finish);
    }
    assert_eq!(idle.rest().await, b"");
    assert_eq!(busy.rest().await.len(), 10 * PIPE);
}
