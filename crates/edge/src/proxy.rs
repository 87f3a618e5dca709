//! Requests that the cache has no part in: passed to the upstream and back, streamed both ways.
//!
//! Uploads, generations, event streams and administration go this way. A write to an image that the upstream accepted takes the
//! edge's copy of it away (RFC 9111 section 4.4). A purge is passed on first, then done here ([`crate::purge`]).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{UPGRADE, VIA};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Uri};
use orbit_cache::Purge;
use orbit_cache::policy::hop_by_hop;
use orbit_model::{CacheStatus, Forward, ImageId};

use crate::{Edge, Error, path};

impl Edge {
    /// Passes a request on under its own path.
    pub(crate) async fn pass_on(&self, request: Request<Body>) -> Response {
        if request.method() == Method::POST && request.uri().path() == "/purge" {
            return self.purge_through(request).await;
        }
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        self.pass_on_as(request, &path).await
    }

    /// Passes a request on under another path.
    pub(crate) async fn pass_on_as(&self, request: Request<Body>, path: &str) -> Response {
        let written = written_image(&request);
        let safe = request.method().is_safe();
        match self.exchange(request, path).await {
            Ok(response) => {
                if let Some(id) = written
                    && (response.status().is_success() || response.status() == http::StatusCode::NOT_FOUND)
                {
                    self.drop_copies(&id);
                }
                said(response, safe)
            }
            Err(error) => {
                tracing::warn!(target: "orbit::edge", %path, %error, "the upstream did not answer");
                error.into_response()
            }
        }
    }

    /// One exchange with the upstream, hop-by-hop fields removed in both directions.
    pub(crate) async fn exchange(&self, mut request: Request<Body>, path: &str) -> Result<Response, Error> {
        if request.headers().get_all(VIA).iter().any(|line| line == self.via) {
            return Err(Error::Loop);
        }
        *request.uri_mut() = path.parse::<Uri>().ok().ok_or(Error::NotFound)?;
        hop_by_hop::remove(request.headers_mut());
        request.headers_mut().remove(UPGRADE);
        request.headers_mut().append(VIA, self.via.clone());
        let mut response = self.upstream.send(request).await?;
        hop_by_hop::remove(response.headers_mut());
        Ok(response)
    }

    pub(crate) fn drop_copies(&self, id: &ImageId) -> orbit_cache::tier::Dropped {
        let mut dropped = orbit_cache::tier::Dropped::default();
        for key in path::keys_of(id) {
            let purged = self.cache.purge(Purge::Key(&key), false).dropped;
            dropped.entries += purged.entries;
            dropped.bytes += purged.bytes;
        }
        dropped
    }
}

/// The image that a request would change.
fn written_image(request: &Request<Body>) -> Option<ImageId> {
    let rest = request.uri().path().strip_prefix(path::UPSTREAM_PREFIX)?;
    (!request.method().is_safe()).then(|| ImageId::from_segment(rest).ok())?
}

/// Says in the answer that the cache had no part in it.
fn said(mut response: Response, safe: bool) -> Response {
    let forward = if safe { Forward::Bypass } else { Forward::Method };
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
