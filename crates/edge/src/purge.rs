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
use orbit_model::{CacheKey, PurgeRequest, Receipt, Removed, tags};

use crate::metrics::Ending;
use crate::target::Target;
use crate::{Edge, Error, Profile, path};

/// The largest purge request or receipt that is read, in bytes.
const MAX_BYTES: usize = 8 << 20;

impl Edge {
    /// Drops the copies of what a purge names and says how many there were in which tier; an image's variants go with it, and
    /// thread ids go by their tags. It may wait for a disk.
    #[must_use]
    pub fn purge(&self, request: &PurgeRequest) -> Vec<Removed> {
        let mut totals: Vec<Purged> = Vec::new();
        let mut add = |what: Purge<'_>| {
            for purged in self.cache.purge(what, request.soft) {
                match totals.iter_mut().find(|total| total.tier == purged.tier) {
                    Some(Purged { dropped: Dropped { entries, bytes }, .. }) => {
                        *entries += purged.dropped.entries;
                        *bytes += purged.dropped.bytes;
                    }
                    None => totals.push(purged),
                }
            }
        };
        if request.all {
            // Whatever else is named is part of everything.
            add(Purge::All);
        } else {
            let keys = request.ids.iter().flat_map(path::keys_of);
            let keys = keys.chain(request.paths.iter().flat_map(|path| self.key_of_path(path)));
            keys.for_each(|key| add(self.purge_of(&key)));
            let tags = request.tags.iter().map(|tag| tags::spelled(tag).into_owned());
            tags.chain(request.threads.iter().map(tags::of_thread)).for_each(|tag| add(Purge::Tag(&tag)));
        }
        totals.into_iter().map(removed).collect()
    }

    /// The key of a path and query as clients ask for it; in profile rfc, of a host, path and query.
    fn key_of_path(&self, path: &str) -> Option<CacheKey> {
        if self.config.profile == Profile::Rfc {
            return Some(CacheKey::new(path));
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let key = self.config.maps.iter().find_map(|map| map.key(path)).flatten()?;
        Target::with_query(key, query).ok().map(|target| target.key)
    }

    /// The purge of what a key names. In profile image all variants go with their image; in profile rfc a URL with a query is
    /// a resource of its own, as in RFC 9111 section 4.4.
    pub(crate) fn purge_of<'a>(&self, key: &'a CacheKey) -> Purge<'a> {
        match self.config.profile {
            Profile::Image if !key.as_str().contains('?') => Purge::Path(key),
            Profile::Image | Profile::Rfc => Purge::Key(key),
        }
    }

    /// The same on a thread that may wait.
    async fn purge_copies(&self, request: PurgeRequest) -> Result<Vec<Removed>, Error> {
        let edge = self.clone();
        let purge = tokio::task::spawn_blocking(move || edge.purge(&request));
        purge.await.map_err(|gone| orbit_cache::Error::Unavailable(gone.to_string()).into())
    }

    /// Answers `POST /purge` at an edge of its own, of who may write.
    pub(crate) async fn purge_through(&self, request: Request<Body>) -> Response {
        match self.try_purge_through(request).await {
            Ok(response) => {
                self.metrics.record(Ending::own("purge", response.status()));
                response
            }
            Err(error) => self.refuse(error).map(Body::new),
        }
    }

    async fn try_purge_through(&self, request: Request<Body>) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let body = read(body).await?;
        let asked: PurgeRequest =
            serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the purge request: {error}")))?;
        if asked.is_empty() {
            return Err(Error::Invalid("name what to purge: ids, threads, tags, paths or all".to_owned()));
        }
        let (edge, request) = (self.clone(), Request::from_parts(parts, Body::from(body)));
        // In a task of its own: a client that leaves must not leave copies behind.
        let work = tokio::spawn(async move { edge.purge_both(asked, request).await });
        work.await.unwrap_or_else(|gone| Err(orbit_cache::Error::Unavailable(gone.to_string()).into()))
    }

    /// Purges at the upstream, then here; copies go even where the upstream failed half-way.
    async fn purge_both(&self, asked: PurgeRequest, request: Request<Body>) -> Result<Response, Error> {
        let mut copies = asked.clone();
        // Paths name copies only: they are nothing to the upstream.
        let only_copies = PurgeRequest { paths: Vec::new(), ..asked.clone() }.is_empty();
        let upstream = if only_copies { Ok(Upstream::KnowsNone) } else { self.purge_upstream(request).await };
        if let Ok(Upstream::Purged(receipt)) = &upstream {
            copies.ids.extend(receipt.images.iter().cloned());
        }
        let receipt = match upstream {
            Ok(Upstream::Refused(answer)) => return Ok(answer),
            Ok(Upstream::Purged(receipt)) => Some(receipt),
            Ok(Upstream::KnowsNone) => None,
            Err(error) => {
                self.purge_copies(copies).await?;
                return Err(error);
            }
        };
        let removed = self.purge_copies(copies).await?;
        let mut receipt = receipt.unwrap_or_else(|| Receipt {
            images: asked.ids,
            missing: Vec::new(),
            removed: Vec::new(),
            edges: Vec::new(),
            pending: false,
            soft: asked.soft,
            at: self.clock.now(),
        });
        receipt.removed.extend(removed);
        receipt.at = self.clock.now();
        Ok(Json(receipt).into_response())
    }

    async fn purge_upstream(&self, request: Request<Body>) -> Result<Upstream, Error> {
        let answer = self.exchange(self.upstream.as_ref(), request, "/purge").await?;
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
    Removed { tier: tier.to_owned(), entries: dropped.entries, bytes: Some(dropped.bytes), failed: None }
}

async fn read(body: Body) -> Result<Bytes, Error> {
    to_bytes(body, MAX_BYTES).await.map_err(|error| Error::Invalid(format!("the body cannot be read: {error}")))
}
