//! The HTTP server: one listening socket, a single-threaded runtime on each of several threads.
//!
//! Every thread accepts from the same socket and keeps its connections to itself, so a request never moves between
//! cores. HTTP/1.1 and, with prior knowledge, HTTP/2. At shutdown nothing new is accepted, open requests finish within
//! the grace period, and idle connections close.

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
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send a request's header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests have to finish at shutdown.
const GRACE: Duration = Duration::from_secs(10);
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Answers one request.
pub(crate) type Handler = Arc<dyn Fn(Request<Body>) -> ResponseFuture + Send + Sync>;
/// The answer to come.
pub(crate) type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

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

    /// Answers requests until `stop` is cancelled and what was begun has ended.
    pub(crate) fn run(self, handler: &Handler, stop: &CancellationToken) -> Result<()> {
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for number in 0..self.threads {
                let (listener, handler, stop) = (self.listener.try_clone()?, Arc::clone(handler), stop.clone());
                let serve = move || -> Result<()> {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(accept(listener, handler, stop))
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
async fn accept(listener: TcpListener, handler: Handler, stop: CancellationToken) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
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
        // A small answer is one packet; waiting to fill it would only delay it.
        stream.set_nodelay(true)?;
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = handler(request.map(Body::new));
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let watched = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and are broken off");
    }
    Ok(())
}

/// Cancelled once when the process is asked to end: SIGTERM, or Ctrl-C.
pub(crate) async fn asked_to_stop() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
