//! Requests that the cache has no part in: passed to the upstream and back, streamed both ways.
//!
//! Uploads, generations, event streams and administration go this way. A write needs the edge's own leave, whomever the
//! upstream trusts. One to an image takes the edge's copies of it away once the upstream has answered (RFC 9111 section
//! 4.4), and does so in a task of its own: a client that leaves must not leave a copy behind. A purge is passed on
//! first, then done here ([`crate::purge`]). A connection that changes its protocol, as to a WebSocket, is joined with
//! the upstream's ([`upgrade`]).

pub(crate) mod upgrade;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use orbit_cache::Purge;
use orbit_cache::policy::hop_by_hop;
use orbit_model::{CacheKey, CacheStatus, Forward};

use crate::{Edge, Error, path};

impl Edge {
    /// Passes a request on under its own path.
    pub(crate) async fn pass_on(&self, request: Request<Body>) -> Response {
        if !request.method().is_safe()
            && let Err(refusal) = self.access.check(request.uri(), request.headers())
        {
            return Error::from(refusal).into_response();
        }
        if request.method() == Method::POST && request.uri().path() == "/purge" {
            return self.purge_through(request).await;
        }
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        self.pass_on_as(request, &path).await
    }

    /// Passes a request on under another path.
    pub(crate) async fn pass_on_as(&self, request: Request<Body>, path: &str) -> Response {
        let passed = match request.method().is_safe() {
            true => self.exchange(request, path).await.map(|response| said(response, Forward::Bypass)),
            false => self.write(request, path).await.map(|response| said(response, Forward::Method)),
        };
        passed.unwrap_or_else(|error| {
            tracing::warn!(target: "orbit::edge", %path, %error, "the upstream did not answer");
            error.into_response()
        })
    }

    /// Passes a write on, and drops the copies of what it may have changed.
    async fn write(&self, request: Request<Body>, path: &str) -> Result<Response, Error> {
        let (edge, path) = (self.clone(), path.to_owned());
        let keys = path::keys_of_write(request.uri().path());
        let work = async move {
            let answered = edge.exchange(request, &path).await;
            // Only an answer that says that nothing was changed leaves the copies; no answer says nothing.
            let refused = |status: StatusCode| status.is_client_error() && status != StatusCode::NOT_FOUND;
            if !answered.as_ref().is_ok_and(|response| refused(response.status())) {
                edge.drop_keys(&keys);
            }
            answered
        };
        tokio::spawn(work).await.unwrap_or_else(|gone| Err(orbit_cache::Error::Unavailable(gone.to_string()).into()))
    }

    fn drop_keys(&self, keys: &[CacheKey]) {
        for key in keys {
            let _ = self.cache.purge(Purge::Key(key), false);
        }
    }

    /// One exchange with the upstream, hop-by-hop fields removed in both directions.
    pub(crate) async fn exchange(&self, mut request: Request<Body>, path: &str) -> Result<Response, Error> {
        if self.marks.came_round(request.headers()) {
            return Err(Error::Loop);
        }
        let authority = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        *request.uri_mut() = path.parse::<Uri>().ok().ok_or(Error::NotFound)?;
        let upgrade = upgrade::wanted(&request);
        hop_by_hop::remove(request.headers_mut());
        // HTTP/2 has the host in the URI. The upstream must see the name that was asked for, not its own.
        if let (false, Some(host)) = (request.headers().contains_key(HOST), authority) {
            request.headers_mut().insert(HOST, host);
        }
        self.marks.append(request.headers_mut());
        if let Some(protocol) = upgrade {
            return self.upgrade(request, protocol).await;
        }
        let mut response = self.upstream.send(request).await?;
        hop_by_hop::remove(response.headers_mut());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let reason = "the upstream changed the protocol, which it was not asked for";
            return Err(orbit_cache::Error::Unavailable(reason.to_owned()).into());
        }
        Ok(self.ending_with_us(response))
    }

    /// An event stream has no end of its own: it ends when this edge is asked to stop.
    fn ending_with_us(&self, response: Response) -> Response {
        let media_type = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if !media_type.starts_with(b"text/event-stream") {
            return response;
        }
        let stopping = self.stopping.clone().cancelled_owned();
        response.map(|body| Body::from_stream(body.into_data_stream().take_until(stopping)))
    }
}

/// Says in the answer that the cache had no part in it.
fn said(mut response: Response, forward: Forward) -> Response {
    let status = CacheStatus {
        forward: Some(forward),
        forward_status: Some(response.status().as_u16()),
        ..CacheStatus::default()
    };
    if let Ok(member) = HeaderValue::try_from(status.to_string()) {
        response.headers_mut().append("cache-status", member);
    }
    response
}

#[cfg(test)]
mod tests;
