//! Taking copies away.
//!
//! In `orbit serve` the origin calls [`Edge::purge`] once the truth is gone. An edge of its own passes `POST /purge` to its
//! upstream first and then drops what the upstream's receipt names; where the upstream knows no purge (any HTTP backend), it drops its
//! own copies and writes the receipt itself. Either way the copies are gone before the answer is sent.

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::response::{IntoResponse, Response};
use http::Request;
use orbit_cache::tier::Dropped;
use orbit_cache::{Purge, Purged};
use orbit_model::{PurgeRequest, Receipt, Removed};

use crate::{Edge, Error, path};

/// The largest purge request or receipt that is read, in bytes.
const MAX_BYTES: usize = 8 << 20;

impl Edge {
    /// Drops the copies of what a purge names and says how many there were; thread ids go by their tags.
    #[must_use]
    pub fn purge(&self, request: &PurgeRequest) -> Vec<Removed> {
        let mut total: Option<Purged> = None;
        let mut add = |purged: Purged| match &mut total {
            Some(Purged { dropped: Dropped { entries, bytes }, .. }) => {
                *entries += purged.dropped.entries;
                *bytes += purged.dropped.bytes;
            }
            None => total = Some(purged),
        };
        if request.all {
            add(self.cache.purge(Purge::All, request.soft));
        }
        for key in request.ids.iter().flat_map(path::keys_of) {
            add(self.cache.purge(Purge::Key(&key), request.soft));
        }
        let threads = request.threads.iter().map(|thread| format!("thread:{thread}"));
        for tag in request.tags.iter().cloned().chain(threads) {
            add(self.cache.purge(Purge::Tag(&tag), request.soft));
        }
        let removed = |Purged { tier, dropped }| Removed {
            tier: tier.to_owned(),
            entries: dropped.entries,
            bytes: Some(dropped.bytes),
        };
        total.map(removed).into_iter().collect()
    }

    /// Answers `POST /purge` at an edge of its own.
    pub(crate) async fn purge_through(&self, request: Request<Body>) -> Response {
        match self.try_purge_through(request).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        }
    }

    async fn try_purge_through(&self, request: Request<Body>) -> Result<Response, Error> {
        self.access.check(request.uri(), request.headers())?;
        let (parts, body) = request.into_parts();
        let body = read(body).await?;
        let asked: PurgeRequest =
            serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the purge request: {error}")))?;
        if asked.is_empty() {
            return Err(Error::Invalid("name what to purge: ids, threads, tags or all".to_owned()));
        }
        let answer = self.exchange(Request::from_parts(parts, Body::from(body)), "/purge").await?;
        let mut receipt = match answer.status().as_u16() {
            404 | 405 | 501 => None,
            200 => {
                let bytes = read(answer.into_body()).await?;
                let receipt: Receipt = serde_json::from_slice(&bytes)
                    .map_err(|error| orbit_cache::Error::Unavailable(format!("the upstream's receipt: {error}")))?;
                Some(receipt)
            }
            _ => return Ok(answer),
        };
        let mut copies = asked.clone();
        copies.ids.extend(receipt.iter().flat_map(|receipt| receipt.images.iter().cloned()));
        let removed = self.purge(&copies);
        let receipt = receipt.get_or_insert_with(|| Receipt {
            images: asked.ids,
            missing: Vec::new(),
            removed: Vec::new(),
            soft: asked.soft,
            at: self.clock.now(),
        });
        receipt.removed.extend(removed);
        receipt.at = self.clock.now();
        Ok(Json(&*receipt).into_response())
    }
}

async fn read(body: Body) -> Result<Bytes, Error> {
    to_bytes(body, MAX_BYTES).await.map_err(|error| Error::Invalid(format!("the body cannot be read: {error}")))
}
