//! The HTTP server: one listening socket, a single-threaded runtime on each of several threads.
//!
//! Every thread accepts from the same socket and keeps its connections to itself, so a request never moves between
//! cores. HTTP/1.1 and, with prior knowledge, HTTP/2. A connection that stays silent is closed.
//!
//! At shutdown nothing new is accepted, open requests finish within the grace period, and idle connections close. The
//! threads end together: what one began another may wait for.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send a request's header, and how long a connection may wait for its next request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often an HTTP/2 connection on which nothing happens is asked whether anybody is there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// The beginning of an HTTP/2 connection with prior knowledge (RFC 9113 section 3.4); no HTTP/1.1 method is `PRI`.
const PREFACE: &[u8] = b"PRI";
/// How long open requests have to finish at shutdown.
const GRACE: Duration = Duration::from_secs(10);
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Answers one request.
pub(crate) type Handler = Arc<dyn Fn(Request<Body>) -> ResponseFuture + Send + Sync>;
/// The answer to come.
pub(crate) type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What must end before the threads do, apart from open requests.
pub(crate) type Drain = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A socket that listens and does not answer yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    threads: usize,
}

impl Server {
    /// Listens on `address`; `threads` of 0 takes one a core.
    pub(crate) fn bind(address: SocketAddr, threads: usize) -> Result<Self> {
        let explain =
            || format!("cannot listen on {address}: choose another address with --listen, or port 0 for a free one");
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        // The port may be bound again at once after a restart; another process that listens still keeps us out.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into()).with_context(explain)?;
        socket.listen(BACKLOG).with_context(explain)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self { listener: socket.into(), threads: if threads == 0 { cores } else { threads } })
    }

    /// Where it listens, with the port that was picked.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers requests until `stop` is cancelled and what was begun has ended, `drain` included.
    pub(crate) fn run(self, handler: &Handler, drain: &Drain, stop: &CancellationToken) -> Result<()> {
        let together = Arc::new(Barrier::new(self.threads));
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for number in 0..self.threads {
                let listener = self.listener.try_clone()?;
                let (handler, drain, stop) = (Arc::clone(handler), Arc::clone(drain), stop.clone());
                let together = Arc::clone(&together);
                let serve = move || -> Result<()> {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(async {
                        let listener = tokio::net::TcpListener::from_std(listener)?;
                        accept(listener, handler, stop).await;
                        let end = async {
                            together.wait().await;
                            drain().await;
                            together.wait().await;
                        };
                        if tokio::time::timeout(GRACE, end).await.is_err() {
                            tracing::warn!("some work did not end in time and is broken off");
                        }
                        Ok(())
                    })
                };
                threads.push(std::thread::Builder::new().name(format!("serve-{number}")).spawn_scoped(scope, serve)?);
            }
            for thread in threads {
                thread.join().unwrap_or_else(|_| anyhow::bail!("a server thread panicked"))?;
            }
            Ok(())
        })
    }
}

/// One thread's loop.
async fn accept(listener: tokio::net::TcpListener, handler: Handler, stop: CancellationToken) {
    let open = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most often: let some connections end before the next try.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        tokio::spawn(serve(stream, Arc::clone(&handler), open.watcher(), stop.clone()));
    }
    drop(listener);
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and are broken off");
    }
}

/// One connection, from its first byte to its end.
async fn serve(stream: TcpStream, handler: Handler, watcher: Watcher, stop: CancellationToken) {
    // A small answer is one packet; waiting to fill it would only delay it. A peer that has gone already says so below.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = handler(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut first = [0; PREFACE.len()];
    let length = tokio::select! {
        () = stop.cancelled() => return,
        () = tokio::time::sleep(HEADER_TIMEOUT) => return,
        length = stream.peek(&mut first) => length.unwrap_or(0),
    };
    let io = TokioIo::new(stream);
    let ended = if first[..length] == *PREFACE {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL);
        watcher.watch(builder.serve_connection(io, service)).await
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        watcher.watch(builder.serve_connection(io, service)).await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The signals by which the process is asked to end: SIGTERM, and Ctrl-C.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on; before, a signal ends the process at once. Called in a runtime.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
