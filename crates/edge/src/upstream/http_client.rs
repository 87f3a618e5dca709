//! An upstream over HTTP/1.1, with kept-alive connections.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, HttpBody as _};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::Upstream;
use crate::Error;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may wait for its next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A server at one address.
#[derive(Debug, Clone)]
pub struct HttpUpstream {
    client: Client<HttpConnector, Body>,
    authority: Authority,
    timeout: Duration,
}

impl HttpUpstream {
    /// An upstream at `http://HOST[:PORT]`, which must begin its answer to a request without a body within `timeout`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the URL is anything but that.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::Invalid(format!("the upstream `{url}` {reason}; write http://HOST:PORT"));
        let uri: Uri = url.parse().ok().ok_or_else(|| refuse("is not a URL"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(refuse("must begin with http://"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refuse("must not have a path"));
        }
        let authority = uri.authority().cloned().ok_or_else(|| refuse("has no host"))?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self { client, authority, timeout })
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
        let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone()).path_and_query(path).build();
        *request.uri_mut() = uri.map_err(crate::handler::unavailable)?;
        *request.version_mut() = http::Version::HTTP_11;
        if !request.headers().contains_key(HOST)
            && let Ok(host) = HeaderValue::from_str(self.authority.as_str())
        {
            request.headers_mut().insert(HOST, host);
        }
        // While a body is being sent the upstream cannot answer: how long that takes is the client's affair.
        let timeout = if request.body().is_end_stream() { self.timeout } else { Duration::MAX };
        match tokio::time::timeout(timeout, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response.map(Body::new)),
            Ok(Err(error)) => Err(crate::handler::unavailable(with_cause(&error))),
            Err(_) => Err(orbit_cache::Error::Timeout),
        }
    }
}

/// An error's message with that of its cause, which is where a client error says what went wrong.
fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_cause(cause)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_plain_http_address() {
        for good in ["http://localhost:8000", "http://10.0.0.1", "http://[::1]:8000/"] {
            assert!(HttpUpstream::new(good, CONNECT_TIMEOUT).is_ok(), "{good}");
        }
        for bad in ["", "localhost:8000", "https://x", "ftp://x", "http://", "http://x/images", "http://x?y"] {
            let error = HttpUpstream::new(bad, CONNECT_TIMEOUT).unwrap_err().to_string();
            assert!(error.contains("http://HOST:PORT"), "{error}");
        }
    }
}
