//! Connections to upstreams: TCP, with TLS where the scheme says so, within three seconds in all.
//!
//! Each connection remembers whether an answer has ever come over it. One that has, and is closed under the next
//! request, was idle for longer than the server keeps connections: the server is well, and that request may be sent
//! again. One that closes under its first request tells of a server that is not.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::Service;

/// How long a connection may take to come about: names, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// After how long a silent connection is asked whether anybody is there, and how often from then on: answers and bodies
/// that are passed on may be silent for any time, and a server that is gone without a word must not hold them open.
const KEEPALIVE: Duration = Duration::from_secs(30);

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Whether an answer has come over a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered(Arc<AtomicBool>);

impl Answered {
    /// Takes note of an answer.
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether one has been noted.
    pub(super) fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Opens connections.
#[derive(Debug, Clone)]
pub(super) struct Dialer(HttpsConnector<HttpConnector>);

impl Dialer {
    /// A dialer that trusts whom `tls` trusts, and speaks HTTP/1.1 only: over HTTP/2 the name that a client asked for
    /// (`Host`) cannot differ from the server's own, and a connection cannot be upgraded.
    pub(super) fn new(tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        Self(builder.enable_http1().wrap_connector(tcp))
    }
}

impl Service<Uri> for Dialer {
    type Response = Line;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Line, Fault>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let opening = self.0.call(server);
        Box::pin(async move {
            match tokio::time::timeout(CONNECT_TIMEOUT, opening).await {
                Ok(stream) => Ok(Line { stream: stream?, answered: Answered::default() }),
                Err(_) => Err(Fault::from(format!("no connection came about within {CONNECT_TIMEOUT:?}"))),
            }
        })
    }
}

/// A connection to an upstream.
#[derive(Debug)]
pub(super) struct Line {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    answered: Answered,
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.answered.clone())
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// The timer of a connection that is at rest, as Linux shows it: 0 is none and 2 is that of its next probe.
    fn timer(stream: &TcpStream) -> Option<String> {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        // Both ends: the port may be that of a connection to another server as well.
        let ends = [stream.local_addr().unwrap(), stream.peer_addr().unwrap()];
        let ends = ends.map(|end| format!("0100007F:{:04X}", end.port()));
        let of = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            (fields[1..3] == ends).then(|| fields[5][..2].to_owned())
        };
        table.lines().skip(1).find_map(of)
    }

    #[tokio::test]
    async fn a_silent_connection_is_asked_whether_anybody_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let tls = super::super::tls::client_config(None).unwrap();
        let line = Dialer::new(tls).call(server).await.unwrap();
        let MaybeHttpsStream::Http(stream) = &line.stream else { panic!("TLS where nobody asked for it") };
        assert_eq!(timer(stream.inner()).as_deref(), Some("02"));
    }
}
