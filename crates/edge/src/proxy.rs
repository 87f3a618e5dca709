//! Requests that the cache has no part in: passed to the upstream and back, streamed both ways.
//!
//! Uploads, generations, event streams and administration go this way. A write needs the edge's own leave, whomever the
//! upstream trusts. One to an image takes the edge's copies of it and of its variants away once the upstream has answered (RFC
//! 9111 section 4.4), and does so in a task of its own: a client that leaves must not leave a copy behind. What goes to the web app is the app's affair. A purge is passed on
//! first, then done here ([`crate::purge`]). A connection that changes its protocol, as to a WebSocket, is joined with
//! the upstream's ([`upgrade`]).

pub(crate) mod upgrade;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use orbit_cache::policy::{hop_by_hop, invalidation};
use orbit_model::{CacheKey, CacheStatus, Forward};

use crate::handler::{host, path_and_query};
use crate::metrics::Ending;
use crate::{Edge, Error, Profile, Upstream};

impl Edge {
    /// Passes a request on under its own path: to the app where there is one, else to the upstream.
    pub(crate) async fn pass_on(&self, request: Request<Body>) -> Response {
        let is_purge = *request.method() == Method::POST && request.uri().path() == "/purge";
        // What the app's own users may do is the app's affair.
        let guarded = is_purge || (self.app.is_none() && !request.method().is_safe());
        if guarded && let Err(refusal) = self.access.check(request.uri(), request.headers()) {
            return self.refuse(refusal.into()).map(Body::new);
        }
        if is_purge {
            return self.purge_through(request).await;
        }
        let path = path_and_query(request.uri()).to_owned();
        match &self.app {
            Some(app) => {
                let passed = self.exchange(app.as_ref(), request, &path).await;
                self.told(passed.map(|response| self.counted(response, Forward::Bypass)), &path)
            }
            None => self.pass_on_as(request, &path).await,
        }
    }

    /// Passes a request on to the upstream under another path.
    pub(crate) async fn pass_on_as(&self, request: Request<Body>, path: &str) -> Response {
        let passed = match request.method().is_safe() {
            true => {
                let passed = self.exchange(self.upstream.as_ref(), request, path).await;
                passed.map(|response| self.bypassed(response))
            }
            false => {
                let passed = self.write(request, path).await;
                passed.map(|response| self.counted(said(response, Forward::Method), Forward::Method))
            }
        };
        self.told(passed, path)
    }

    /// An answer of the upstream's that says that the cache had no part in it, counted.
    pub(crate) fn bypassed(&self, response: Response) -> Response {
        self.counted(said(response, Forward::Bypass), Forward::Bypass)
    }

    fn counted(&self, response: Response, reason: Forward) -> Response {
        self.metrics.record(Ending::passed(reason, response.status()));
        response
    }

    /// An answer in any case; a failure is logged and counted.
    pub(crate) fn told(&self, passed: Result<Response, Error>, path: &str) -> Response {
        passed.unwrap_or_else(|error| {
            tracing::warn!(target: "orbit::edge", %path, %error, "the upstream did not answer");
            self.refuse(error).map(Body::new)
        })
    }

    /// Passes a write on, and drops the copies of what it may have changed.
    async fn write(&self, request: Request<Body>, path: &str) -> Result<Response, Error> {
        if self.config.profile == Profile::Image && self.changed_images(path, None).is_empty() {
            // No copy can be left behind: a client that leaves takes its request with it, and what is drawn for it alone ends.
            return self.exchange(self.upstream.as_ref(), request, path).await;
        }
        let (edge, path) = (self.clone(), path.to_owned());
        let (method, host) = (request.method().clone(), host(request.headers()));
        let work = async move {
            let answered = edge.exchange(edge.upstream.as_ref(), request, &path).await;
            let keys = match edge.config.profile {
                Profile::Image => edge.changed_images(&path, answered.as_ref().ok().map(Response::status)),
                Profile::Rfc => answered.as_ref().map_or_else(
                    |_| Vec::new(),
                    |answer| {
                        let targets = invalidation::targets(&method, &host, &path, answer.status(), answer.headers());
                        targets.into_iter().map(|target| CacheKey::new(format!("{host}{target}"))).collect()
                    },
                ),
            };
            edge.drop_keys(keys).await;
            answered
        };
        tokio::spawn(work).await.unwrap_or_else(|gone| Err(orbit_cache::Error::Unavailable(gone.to_string()).into()))
    }

    /// The images that a write may have changed. Only an answer that says that nothing was changed leaves the copies; no
    /// answer says nothing.
    fn changed_images(&self, path: &str, answered: Option<StatusCode>) -> Vec<CacheKey> {
        let refused = |status: StatusCode| status.is_client_error() && status != StatusCode::NOT_FOUND;
        if answered.is_some_and(refused) {
            return Vec::new();
        }
        let path = path.split('?').next().unwrap_or_default();
        self.config.maps.iter().flat_map(|map| map.keys_of_write(path)).collect()
    }

    /// Drops copies, on a thread that may wait for a disk.
    pub(crate) async fn drop_keys(&self, keys: Vec<CacheKey>) {
        if keys.is_empty() {
            return;
        }
        let edge = self.clone();
        let drop_all = move || {
            for key in &keys {
                let _ = edge.cache.purge(edge.purge_of(key), false);
            }
        };
        // It ends in any case; a panic would leave copies, which expire.
        let _ = tokio::task::spawn_blocking(drop_all).await;
    }

    /// One exchange with a server, hop-by-hop fields removed in both directions.
    pub(crate) async fn exchange(
        &self,
        server: &dyn Upstream,
        mut request: Request<Body>,
        path: &str,
    ) -> Result<Response, Error> {
        if self.marks.came_round(request.headers()) {
            return Err(Error::Loop);
        }
        *request.uri_mut() = path.parse::<Uri>().ok().ok_or(Error::NotFound)?;
        let upgrade = upgrade::wanted(&request);
        hop_by_hop::remove(request.headers_mut());
        self.marks.append(request.headers_mut());
        if let Some(protocol) = upgrade {
            return self.upgrade(server, request, protocol).await;
        }
        let mut response = server.send(request).await?;
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
