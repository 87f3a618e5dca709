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
            // Whatever else is named is part of everything.
            let purged = self.cache.purge(Purge::All, request.soft);
            return vec![removed(purged)];
        }
        for key in request.ids.iter().flat_map(path::keys_of) {
            add(self.cache.purge(Purge::Key(&key), request.soft));
        }
        let threads = request.threads.iter().map(|thread| format!("thread:{thread}"));
        for tag in request.tags.iter().cloned().chain(threads) {
            add(self.cache.purge(Purge::Tag(&tag), request.soft));
        }
        total.map(removed).into_iter().collect()
    }

    /// Answers `POST /purge` at an edge of its own, of who may write.
    pub(crate) async fn purge_through(&self, request: Request<Body>) -> Response {
        self.try_purge_through(request).await.unwrap_or_else(Error::into_response)
    }

    async fn try_purge_through(&self, request: Request<Body>) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let body = read(body).await?;
        let asked: PurgeRequest =
            serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the purge request: {error}")))?;
        if asked.is_empty() {
            return Err(Error::Invalid("name what to purge: ids, threads, tags or all".to_owned()));
        }
        let (edge, request) = (self.clone(), Request::from_parts(parts, Body::from(body)));
        // In a task of its own: a client that leaves must not leave copies behind.
        let work = tokio::spawn(async move { edge.purge_both(asked, request).await });
        work.await.unwrap_or_else(|gone| Err(orbit_cache::Error::Unavailable(gone.to_string()).into()))
    }

    /// Purges at the upstream, then here; copies go even where the upstream failed half-way.
    async fn purge_both(&self, asked: PurgeRequest, request: Request<Body>) -> Result<Response, Error> {
        let upstream = self.purge_upstream(request).await;
        let mut copies = asked.clone();
        if let Ok(Upstream::Purged(receipt)) = &upstream {
            copies.ids.extend(receipt.images.iter().cloned());
        }
        let receipt = match upstream {
            Ok(Upstream::Refused(answer)) => return Ok(answer),
            Ok(Upstream::Purged(receipt)) => Some(receipt),
            Ok(Upstream::KnowsNone) => None,
            Err(error) => {
                let _ = self.purge(&copies);
                return Err(error);
            }
        };
        let removed = self.purge(&copies);
        let mut receipt = receipt.unwrap_or_else(|| Receipt {
            images: asked.ids,
            missing: Vec::new(),
            removed: Vec::new(),
            soft: asked.soft,
            at: self.clock.now(),
        });
        receipt.removed.extend(removed);
        receipt.at = self.clock.now();
        Ok(Json(receipt).into_response())
    }

    async fn purge_upstream(&self, request: Request<Body>) -> Result<Upstream, Error> {
        let answer = self.exchange(request, "/purge").await?;
        match answer.status().as_u16() {
            404 | 405 | 501 => Ok(Upstream::KnowsNone),
            200 => {
                let bytes = read(answer.into_body()).await?;
                let receipt = serde_json::from_slice(&bytes)
                    .map_err(|error| orbit_cache::Error::Unavailable(format!("the upstream's receipt: {error}")))?;
                Ok(Upstream::Purged(receipt))
            }
            400..=499 => Ok(Upstream::Refused(answer)),
            status => Err(orbit_cache::Error::Unavailable(format!("the upstream answered the purge {status}")).into()),
        }
    }
}

/// What the upstream said to a purge.
enum Upstream {
    /// It has removed what its receipt names.
    Purged(Receipt),
    /// It has no purge of its own: any HTTP backend.
    KnowsNone,
    /// It would not, and its answer says why.
    Refused(Response),
}

fn removed(Purged { tier, dropped }: Purged) -> Removed {
    Removed { tier: tier.to_owned(), entries: dropped.entries, bytes: Some(dropped.bytes) }
}

async fn read(body: Body) -> Result<Bytes, Error> {
    to_bytes(body, MAX_BYTES).await.map_err(|error| Error::Invalid(format!("the body cannot be read: {error}")))
}
