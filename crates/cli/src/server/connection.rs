//! One connection, from its first byte to its end: TLS where it is on, HTTP/1.1 or HTTP/2, requests, goodbye.
//!
//! HTTP/2 is chosen by ALPN under TLS and by its preface without (RFC 9113 section 3.3). Requests are answered by the
//! [`Handler`]; how long a client may take is decided by whoever looks at the [`Pulse`].

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::config::Limits;
use super::listener::Place;
use super::pulse::{Order, Pulse};
use super::service::{Handler, Service};
use super::socket::{Socket, Transport};
use super::tls::Tls;

/// The beginning of an HTTP/2 connection with prior knowledge (RFC 9113 section 3.4); no HTTP/1.1 method is `PRI`.
const PREFACE: &[u8] = b"PRI";
/// Requests that an HTTP/2 client may have open at once.
const MAX_STREAMS: u32 = 128;
/// Streams that an HTTP/2 client may reset before we have looked at them; one more and it is sent away (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Streams that may end by an HTTP/2 client's own faults before it is sent away.
const MAX_FAULTY_STREAMS: usize = 128;

/// How every connection is served.
pub(super) struct Serving {
    handler: Arc<dyn Handler>,
    tls: Option<Arc<Tls>>,
    header_timeout: Duration,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    stop: CancellationToken,
}

impl Serving {
    pub(super) fn new(
        handler: Arc<dyn Handler>,
        tls: Option<Arc<Tls>>,
        limits: &Limits,
        stop: CancellationToken,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        // The pulse keeps the time; hyper would make and drop a timer for each request.
        http1.header_read_timeout(None).max_header_size(limits.header_bytes);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_FAULTY_STREAMS);
        Self { handler, tls, header_timeout: limits.header_timeout, http1, http2, stop }
    }

    /// Serves a connection that has just come.
    pub(super) async fn serve(&self, stream: TcpStream, place: Place, pulse: Arc<Pulse>) {
        let begun = tokio::select! {
            () = self.stop.cancelled() => return,
            begun = tokio::time::timeout(self.header_timeout, self.begin(stream, &pulse)) => begun,
        };
        match begun {
            Ok(Ok((transport, multiplexed))) => {
                self.converse(Socket::new(transport, pulse.clone(), place), pulse, multiplexed).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a connection did not come about"),
            Err(_) => tracing::debug!("a client took too long to begin"),
        }
    }

    /// The handshake where there is one, and whether HTTP/2 is spoken.
    async fn begin(&self, stream: TcpStream, pulse: &Pulse) -> std::io::Result<(Transport, bool)> {
        if let Some(tls) = &self.tls {
            let stream = tls.accept(stream).await?;
            pulse.begins();
            let multiplexed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            return Ok((Transport::Secure(Box::new(stream)), multiplexed));
        }
        let mut first = [0; PREFACE.len()];
        let length = stream.peek(&mut first).await?;
        Ok((Transport::Plain(stream), first[..length] == *PREFACE))
    }

    /// Reads requests and writes answers until either side has had enough.
    async fn converse<T>(&self, mut socket: Socket<T>, pulse: Arc<Pulse>, multiplexed: bool)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = Service { handler: Arc::clone(&self.handler), pulse: Arc::clone(&pulse) };
        if multiplexed {
            socket.multiplexed();
            let connection = self.http2.serve_connection(TokioIo::new(socket), service);
            obey(connection, |connection| connection.graceful_shutdown(), &pulse).await;
        } else {
            let connection = self.http1.serve_connection(TokioIo::new(socket), service).with_upgrades();
            obey(connection, |connection| connection.graceful_shutdown(), &pulse).await;
        }
    }
}

/// Drives a connection to its end, or to the end that is ordered; `finish` has it take no further requests.
async fn obey<C>(connection: C, finish: impl Fn(Pin<&mut C>), pulse: &Pulse)
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let (mut known, mut finishing) = (None, false);
    let ended = std::future::poll_fn(|cx| {
        pulse.listen(cx, &mut known);
        match pulse.ordered() {
            Order::End => return Poll::Ready(None),
            Order::Finish if !finishing => {
                finishing = true;
                finish(connection.as_mut());
            }
            Order::Finish | Order::Go => {}
        }
        connection.as_mut().poll(cx).map(Some)
    });
    match ended.await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        None => tracing::debug!("a client that was too slow is cut off"),
    }
}

#[cfg(test)]
mod tests;
