//! A whole server on a free port: how it ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::body::Body;
use http::{HeaderValue, Request, StatusCode};
use hyper::upgrade::OnUpgrade;
use tokio::sync::Semaphore;

use super::*;

/// Upgrades whoever asks and holds on to the connection; answers anybody else once it is let.
struct Holding {
    asked: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
}

impl Handler for Holding {
    fn answer(&self, mut request: Request<Body>) -> ResponseFuture {
        let (asked, let_go) = (Arc::clone(&self.asked), Arc::clone(&self.let_go));
        Box::pin(async move {
            asked.add_permits(1);
            let mut response = http::Response::new(orbit_edge::Body::empty());
            let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
                let _free = let_go.acquire().await;
                return response;
            };
            tokio::spawn(async move {
                let _held = upgrade.await;
                std::future::pending::<()>().await;
            });
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("upgrade", HeaderValue::from_static("any"));
            response
        })
    }
}

#[test]
fn at_the_end_open_requests_are_answered_and_upgraded_connections_closed() {
    let server = Server::bind(Config { threads: 2, ..Config::at(([127, 0, 0, 1], 0).into()) }).unwrap();
    let address = server.address().unwrap();
    let (asked, let_go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let handler: Arc<dyn Handler> = Arc::new(Holding { asked: Arc::clone(&asked), let_go: Arc::clone(&let_go) });
    let drained = Arc::new(AtomicBool::new(false));
    let draining = Arc::clone(&drained);
    let drain: Drain = Arc::new(move || {
        draining.store(true, Relaxed);
        Box::pin(async {})
    });
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let running = std::thread::spawn(move || server.run(&handler, &drain, &stopping));
    let ask = |fields: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET / HTTP/1.1\r\nhost: x\r\n{fields}\r\n").unwrap();
        stream
    };
    let mut upgraded = ask("connection: upgrade\r\nupgrade: any\r\n");
    let mut open = ask("");
    runtime().unwrap().block_on(async { asked.acquire_many(2).await.unwrap().forget() });
    stop.cancel();
    let_go.add_permits(1);
    let mut answers = [String::new(), String::new()];
    open.read_to_string(&mut answers[0]).unwrap();
    upgraded.read_to_string(&mut answers[1]).unwrap();
    assert!(answers[0].starts_with("HTTP/1.1 200 OK\r\n"), "{}", answers[0]);
    assert!(answers[1].starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{}", answers[1]);
    running.join().unwrap().unwrap();
    assert!(drained.load(Relaxed));
}
