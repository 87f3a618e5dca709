//! One server, asked over HTTP/1.1 with kept-alive connections. It makes one exchange as it is told; whether there is
//! another try is the pool's affair.

use std::time::Duration;

use axum::body::Body;
use http::header::HOST;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use orbit_cache::policy::hop_by_hop;
use tokio::time::Instant;

use super::address::Address;
use super::dial::{Answered, Dialer};
use super::failure::Failure;
use super::framing;
use super::sending::Sending;
use crate::Informational;

/// How long an upstream may take to begin an answer that it has to draw first.
const GENERATION: Duration = Duration::from_secs(600);
/// How long a connection may wait for its next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How many connections may wait.
const MAX_IDLE: usize = 256;
/// What is read at a time, and the largest header of an answer, in bytes: each connection has a buffer of that size in the end.
const MAX_READ: usize = 64 << 10;

/// A server at one address.
#[derive(Debug)]
pub(super) struct Server {
    address: Address,
    /// How long it may take to begin its answer to a request with a body, once it has that.
    timeout: Duration,
    /// Keeps its connections.
    kept: Client<Dialer, Body>,
    /// Opens a new connection for each request.
    fresh: Client<Dialer, Body>,
}

/// Which connection a request is sent over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// One that waits for its next request, or a new one where there is none.
    Kept,
    /// A new one: after a kept one was found closed, the others may well be closed too.
    Fresh,
}

impl Server {
    pub(super) fn new(address: Address, dialer: &Dialer, timeout: Duration) -> Self {
        let client = |max_idle| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(max_idle)
                .http1_max_buf_size(MAX_READ)
                .build(dialer.clone())
        };
        Self { address, timeout, kept: client(MAX_IDLE), fresh: client(0) }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request and returns the answer once its header has come, which it must by `deadline`. How long a body
    /// takes is the client's affair: with one, the time begins anew when the server has no more to wait for.
    pub(super) async fn exchange(
        &self,
        mut request: Request<Body>,
        over: Over,
        deadline: Option<Instant>,
    ) -> Result<Response<Body>, Failure> {
        self.aim(&mut request)?;
        pass_informational(&mut request);
        let answer_within = if is_generation(&request) { self.timeout.max(GENERATION) } else { self.timeout };
        let (request, sending) = Sending::of(request);
        let answer = match over {
            Over::Kept => self.kept.request(request),
            Over::Fresh => self.fresh.request(request),
        };
        let answer = match (sending, deadline) {
            (Some(sending), _) => tokio::select! {
                biased;
                answer = answer => Some(answer),
                () = sending.overdue(self.timeout, answer_within) => None,
            },
            (None, Some(deadline)) => tokio::time::timeout_at(deadline, answer).await.ok(),
            (None, None) => Some(answer.await),
        };
        let mut response = answer.ok_or(Failure::Timeout)?.map_err(|error| Failure::of(&error))?;
        framing::settle(response.headers_mut())?;
        if let Some(answered) = response.extensions().get::<Answered>() {
            answered.note();
        }
        Ok(response.map(Body::new))
    }

    /// Directs a request at this server, whatever name it was asked for under (T-SSRF-5).
    fn aim(&self, request: &mut Request<Body>) -> Result<(), Failure> {
        let uri = self.address.uri(request.uri().path_and_query().cloned());
        *request.uri_mut() = uri.map_err(|error| Failure::Request(error.to_string()))?;
        *request.version_mut() = Version::HTTP_11;
        if !request.headers().contains_key(HOST)
            && let Ok(host) = HeaderValue::from_str(self.address.authority())
        {
            request.headers_mut().insert(HOST, host);
        }
        Ok(())
    }
}

/// Whether a request waits for a model, and its answer begins when that has drawn.
fn is_generation(request: &Request<Body>) -> bool {
    request.uri().path().starts_with("/v1/images/")
}

/// Passes informational answers on to the client, where it can be told. 100 is of one connection only, and so is 101.
fn pass_informational(request: &mut Request<Body>) {
    let Some(client) = request.extensions_mut().remove::<Informational>() else { return };
    hyper::ext::on_informational(request, move |answer| {
        if matches!(answer.status(), StatusCode::PROCESSING | StatusCode::EARLY_HINTS) {
            let mut headers = answer.headers().clone();
            hop_by_hop::remove(&mut headers);
            client.send(answer.status(), &headers);
        }
    });
}
