//! An upstream in this process: the origin's router, without a socket between.

use std::convert::Infallible;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderValue, Request};
use tower::ServiceExt as _;

use super::Upstream;

/// A service as an upstream.
#[derive(Debug, Clone)]
pub struct ServiceUpstream<S>(S);

impl<S> ServiceUpstream<S> {
    /// Wraps a service that never fails, as an axum router is.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

#[async_trait]
impl<S> Upstream for ServiceUpstream<S>
where
    S: tower::Service<Request<Body>, Response = Response, Error = Infallible>
        + Clone
        + Send
        + Sync
        + std::fmt::Debug
        + 'static,
    S::Future: Send,
{
    async fn send(&self, request: Request<Body>) -> Result<Response, orbit_cache::Error> {
        match self.0.clone().oneshot(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    async fn send_aside(&self, mut request: Request<Body>) -> Result<Response, orbit_cache::Error> {
        // It comes from this process, under no name of a network's.
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        self.send(request).await
    }

    fn brings_own_buffers(&self) -> bool {
        true
    }
}
