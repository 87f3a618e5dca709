//! One request over one connection, to addresses that the caller has looked up and checked.
//!
//! hyper's client and not a larger one: there is nothing in it that could follow a redirect, ask a proxy, decompress a body or
//! look a name up again, so nothing has to be turned off.

use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Client, Error as Fault};
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use tower::Service;

use crate::Error;

/// How long a TCP connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections and trusts the public authorities.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    tls: ClientConfig,
}

impl Dialer {
    /// # Errors
    /// [`Error::Invalid`] where TLS cannot be set up.
    pub(super) fn new() -> Result<Self, Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Error::Invalid(format!("TLS cannot be set up: {error}")))?;
        Ok(Self { tls: builder.with_root_certificates(roots).with_no_client_auth() })
    }

    /// Sends a request to one of these addresses; the `Host` field is its URL's. Dropping the answer closes the connection.
    pub(crate) async fn send(
        &self,
        addresses: Vec<SocketAddr>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Fault> {
        let mut tcp = HttpConnector::new_with_resolver(Pinned(addresses));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http().enable_http1();
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0);
        builder.build(https.wrap_connector(tcp)).request(request).await
    }
}

/// Answers every name with the addresses that were checked for it.
#[derive(Debug, Clone)]
struct Pinned(Vec<SocketAddr>);

impl Service<Name> for Pinned {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}
