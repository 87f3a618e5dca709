//! What is passed on, over real connections where it is about connections: WebSockets, loops, event streams.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orbit_model::Access;
use orbit_model::clock::Manual;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::{Config, Pool, ServiceUpstream, Upstream, Upstreams};

fn edge(upstream: Arc<dyn Upstream>) -> Edge {
    let clock = Manual::new("2026-11-23T20:30:14Z".parse().unwrap());
    Edge::new(Config::default(), upstream, Access::loopback_only(), Arc::new(clock)).unwrap()
}

fn pool(upstream: SocketAddr) -> Arc<dyn Upstream> {
    Arc::new(Pool::new(&Upstreams::one(&format!("http://{upstream}"))).unwrap())
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Answers connections with what an edge answers.
fn serve(listener: TcpListener, edge: Edge) {
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let edge = edge.clone();
            let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                let edge = edge.clone();
                async move { Ok::<_, std::convert::Infallible>(edge.handle(request.map(Body::new)).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(connection.with_upgrades());
        }
    });
}

/// An edge in front of an address, on a port of its own.
async fn served(upstream: SocketAddr) -> (Edge, SocketAddr) {
    let (edge, (listener, address)) = (edge(pool(upstream)), bind().await);
    serve(listener, edge.clone());
    (edge, address)
}

/// A server that tells the heads of the requests that it gets, agrees to change to `echo` where asked, and then echoes.
async fn echo_server() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let ((listener, address), (told, heads)) = (bind().await, mpsc::unbounded_channel());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let head = read_head(&mut stream).await;
                let agrees = head.contains("upgrade: echo") && head.contains("connection: upgrade");
                let _ = told.send(head);
                if !agrees {
                    let _ = stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n").await;
                    return;
                }
                let answer =
                    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\nx-a: 1\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                let (mut read, mut write) = tokio::io::split(stream);
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    (address, heads)
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap() > 0 {}
    head.to_ascii_lowercase()
}

async fn connect(address: SocketAddr, head: &str) -> (BufReader<TcpStream>, String) {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_head(&mut stream).await;
    (stream, answer)
}

const ASK: &str = "GET /ws?a=1 HTTP/1.1\r\nHost: app.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\
    Sec-WebSocket-Key: k\r\n\r\n";

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways() {
    let (upstream, mut heads) = echo_server().await;
    let (_edge, address) = served(upstream).await;
    let (mut stream, answer) = connect(address, ASK).await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    for line in ["connection: upgrade", "upgrade: echo", "x-a: 1"] {
        assert!(answer.contains(line), "{line} in {answer}");
    }
    let asked = heads.recv().await.unwrap();
    assert!(asked.starts_with("get /ws?a=1 http/1.1\r\n"), "{asked}");
    for line in ["host: app.example", "sec-websocket-key: k", "via: 1.1 orbit-edge-", "cdn-loop: orbit-edge-"] {
        assert!(asked.contains(line), "{line} in {asked}");
    }
    for message in ["ping", "pong"] {
        stream.write_all(message.as_bytes()).await.unwrap();
        let mut echo = [0; 4];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, message.as_bytes());
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_upgraded_connection_ends_when_the_edge_stops() {
    let (upstream, _heads) = echo_server().await;
    let (edge, address) = served(upstream).await;
    let (mut stream, answer) = connect(address, ASK).await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    edge.stop();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn clear_text_http_2_is_not_asked_for_and_a_refusal_is_passed_on() {
    let (upstream, mut heads) = echo_server().await;
    let (_edge, address) = served(upstream).await;
    let (_stream, answer) = connect(address, &ASK.replace("Upgrade: echo", "Upgrade: h2c")).await;
    assert!(answer.starts_with("http/1.1 426 "), "{answer}");
    let asked = heads.recv().await.unwrap();
    assert!(!asked.contains("upgrade:") && !asked.contains("connection:"), "{asked}");
}

#[test]
fn an_upgrade_is_a_get_of_http_1_that_names_it_in_connection_and_is_not_to_http() {
    let ask = |protocol: &str| Request::get("/").header("connection", "Upgrade").header("upgrade", protocol);
    let wanted = |request: http::request::Builder| upgrade::wanted(&request.body(Body::empty()).unwrap()).is_some();
    for protocol in ["websocket", "WebSocket", "a/1, b"] {
        assert!(wanted(ask(protocol)), "{protocol}");
    }
    for protocol in ["", "h2c", "websocket, H2C", "HTTP/2.0", "h2"] {
        assert!(!wanted(ask(protocol)), "{protocol}");
    }
    assert!(!wanted(ask("websocket").method("POST")));
    assert!(!wanted(ask("websocket").version(http::Version::HTTP_10)));
    assert!(!wanted(ask("websocket").header("upgrade", "another")));
    assert!(!wanted(Request::get("/").header("connection", "close").header("upgrade", "websocket")));
    let with_body =
        Request::get("/").header("connection", "upgrade").header("upgrade", "websocket").body(Body::from("x"));
    assert!(upgrade::wanted(&with_body.unwrap()).is_none());
}

#[tokio::test]
async fn two_edges_that_point_at_each_other_refuse_what_comes_round() {
    let ((one, at_one), (two, at_two)) = (bind().await, bind().await);
    serve(one, edge(pool(at_two)));
    serve(two, edge(pool(at_one)));
    for path in ["/anything", "/api/images/fox"] {
        let (_stream, answer) = connect(at_one, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert!(answer.starts_with("http/1.1 508 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_client_that_names_the_marks_as_hop_by_hop_cannot_hide_a_loop() {
    let edge = edge(Arc::new(ServiceUpstream::new(axum::Router::new())));
    let mut request = Request::get("/anything").header("connection", "via, cdn-loop").body(Body::empty()).unwrap();
    edge.marks.append(request.headers_mut());
    assert_eq!(edge.handle(request).await.status(), StatusCode::LOOP_DETECTED);
}
