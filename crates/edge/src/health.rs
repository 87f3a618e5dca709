//! `/healthz`, `/readyz`, `/stats` and `/metrics` of an edge of its own: they tell of this edge, not of its upstream.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Request};
use orbit_cache::tier::Usage;
use orbit_model::{EdgeStats, Stats, TierStats};

use crate::Edge;
use crate::metrics::Ending;

/// The media type of the Prometheus text format.
const EXPOSITION: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Edge {
    /// Whether a request concerns this edge itself.
    pub(crate) fn is_own(&self, method: &Method, path: &str) -> bool {
        match path {
            "/healthz" | "/readyz" | "/stats" | "/metrics" => method.is_safe(),
            "/purge" => *method == Method::POST,
            _ => false,
        }
    }

    /// Answers a path that concerns this edge itself; `None` where it is none.
    pub(crate) async fn own(&self, path: &str) -> Option<Response> {
        match path {
            "/healthz" => Some("ok\n".into_response()),
            "/readyz" => Some(self.ready().await),
            "/stats" => Some(([(CACHE_CONTROL, "no-store")], Json(self.own_stats())).into_response()),
            "/metrics" => Some(self.metrics_text()),
            _ => None,
        }
    }

    /// The metrics of this edge in Prometheus' text format.
    #[must_use]
    pub fn metrics_text(&self) -> Response {
        let text = self.metrics.text(&self.cache.usage(), &self.upstream.states());
        ([(CONTENT_TYPE, EXPOSITION), (CACHE_CONTROL, "no-store")], text).into_response()
    }

    /// What the edge keeps and how it answered.
    #[must_use]
    pub fn stats(&self) -> EdgeStats {
        let mut tiers = self.cache.usage().into_iter();
        let counts = self.metrics.read();
        let sum = |holds: &dyn Fn(&Ending) -> bool| -> u64 {
            counts.iter().filter(|(ending, _)| holds(ending)).map(|(_, count)| count).sum()
        };
        let tier = |(name, usage): (&'static str, Usage)| TierStats {
            entries: usage.entries,
            bytes: usage.bytes,
            max_bytes: usage.max_bytes,
            hits: sum(&|ending| ending.outcome == "hit" && ending.tier == name),
            stale: sum(&|ending| ending.outcome == "stale" && ending.tier == name),
            evictions: usage.evictions,
        };
        let memory = tiers.next().map(tier).unwrap_or_default();
        EdgeStats {
            memory,
            disk: tiers.next().map(tier),
            misses: sum(&|ending| ending.outcome == "miss"),
            coalesced: sum(&|ending| ending.outcome == "coalesced"),
            passed: sum(&|ending| ending.outcome == "pass"),
            errors: sum(&|ending| ending.outcome == "error"),
            purge_log: self.follow_stats(),
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
