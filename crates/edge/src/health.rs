//! `/healthz`, `/readyz` and `/stats` of an edge of its own: they tell of this edge, not of its upstream.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::Request;
use http::header::CACHE_CONTROL;
use orbit_model::{EdgeStats, Stats, TierStats};

use crate::Edge;

impl Edge {
    /// Answers a path that concerns this edge itself; `None` where it is none.
    pub(crate) async fn health(&self, path: &str) -> Option<Response> {
        match path {
            "/healthz" => Some("ok\n".into_response()),
            "/readyz" => Some(self.ready().await),
            "/stats" => Some(([(CACHE_CONTROL, "no-store")], Json(self.own_stats())).into_response()),
            _ => None,
        }
    }

    /// What the edge keeps and how it answered.
    #[must_use]
    pub fn stats(&self) -> EdgeStats {
        let (usage, counts) = (self.cache.usage(), self.cache.counts());
        EdgeStats {
            memory: TierStats {
                entries: usage.entries,
                bytes: usage.bytes,
                max_bytes: usage.max_bytes,
                hits: counts.hits,
                stale: counts.stale,
                misses: counts.misses,
                coalesced: counts.coalesced,
                errors: counts.errors,
                evictions: usage.evictions,
            },
        }
    }

    fn own_stats(&self) -> Stats {
        Stats {
            role: "edge".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            store: None,
            edge: Some(self.stats()),
            codec: None,
            jobs: None,
        }
    }

    /// An edge is ready while its upstream answers anything at all; what it has in memory it serves in any case.
    async fn ready(&self) -> Response {
        let mut probe = Request::new(Body::empty());
        *probe.uri_mut() = http::Uri::from_static("/healthz");
        match self.upstream.send(probe).await {
            Ok(_) => "ready\n".into_response(),
            Err(error) => crate::Error::from(error).into_response(),
        }
    }
}
