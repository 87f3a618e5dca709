//! How requests ended, counted: each request is recorded once, here and nowhere else, but those of the pages of operation.
//!
//! Counts lie in several maps, so that cores do not queue for one lock; a reader adds them up. Called by the handler
//! with every answer and by `/metrics` and `/stats`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState as FastHash;
use http::StatusCode;
use orbit_cache::tier::Usage;
use orbit_cache::{Found, Outcome};
use orbit_model::Forward;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::State;

/// How many maps there are.
const SHARDS: usize = 16;

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Ending {
    /// `hit`, `stale`, `miss`, `coalesced`, `pass`, or of the edge itself `preflight`, `purge` or `error`.
    pub(crate) outcome: &'static str,
    /// The tier that answered, or `none`.
    pub(crate) tier: &'static str,
    /// Why the upstream was asked, as RFC 9211 names it, or `none`.
    pub(crate) reason: &'static str,
    /// The status of the answer.
    pub(crate) status: u16,
}

impl Ending {
    /// An answer of the cache.
    pub(crate) fn of(found: &Found, status: StatusCode) -> Self {
        let outcome = match found.outcome {
            Outcome::Hit => "hit",
            Outcome::Stale => "stale",
            Outcome::Miss => "miss",
            Outcome::Coalesced => "coalesced",
            Outcome::Pass => "pass",
        };
        let reason = found.forwarded.map_or("none", |forwarded| forwarded.reason.as_str());
        Self { outcome, tier: found.tier.unwrap_or("none"), reason, status: status.as_u16() }
    }

    /// An answer of the upstream, past the cache.
    pub(crate) fn passed(reason: Forward, status: StatusCode) -> Self {
        Self { outcome: "pass", tier: "none", reason: reason.as_str(), status: status.as_u16() }
    }

    /// An answer of the edge itself.
    pub(crate) fn own(outcome: &'static str, status: StatusCode) -> Self {
        Self { outcome, tier: "none", reason: "none", status: status.as_u16() }
    }
}

/// The counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Each is held for one addition; a thread always uses the same.
    shards: [Shard; SHARDS],
}

/// One map on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<HashMap<Ending, u64, FastHash>>);

impl Default for Metrics {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Shard::default()) }
    }
}

impl Metrics {
    /// Records a request.
    pub(crate) fn record(&self, ending: Ending) {
        *self.shards[shard()].0.lock().entry(ending).or_default() += 1;
    }

    /// All counts.
    pub(crate) fn read(&self) -> HashMap<Ending, u64> {
        let mut sums: HashMap<Ending, u64> = HashMap::new();
        for shard in &self.shards {
            for (ending, count) in shard.0.lock().iter() {
                *sums.entry(*ending).or_default() += count;
            }
        }
        sums
    }

    /// The counts, and the state of tiers and upstreams, in Prometheus' text format.
    pub(crate) fn text(&self, tiers: &[(&'static str, Usage)], upstreams: &[State]) -> String {
        let mut registry = Registry::with_prefix("orbit_edge");
        let requests: Family<Ending, Counter> = Family::default();
        for (ending, count) in self.read() {
            requests.get_or_create(&ending).inc_by(count);
        }
        registry.register("requests", "Requests, by how they ended", requests);
        let usage: Usages<'_> = [
            ("tier_entries", "Responses kept", |usage| usage.entries),
            ("tier_bytes", "What they cost, in bytes", |usage| usage.bytes),
            ("tier_max_bytes", "What they may cost, in bytes", |usage| usage.max_bytes),
        ];
        for (name, help, read) in usage {
            let family: Family<InTier, Gauge> = Family::default();
            for (tier, usage) in tiers {
                family.get_or_create(&InTier { tier }).set(i64::try_from(read(usage)).unwrap_or(i64::MAX));
            }
            registry.register(name, help, family);
        }
        let evictions: Family<InTier, Counter> = Family::default();
        for (tier, usage) in tiers {
            evictions.get_or_create(&InTier { tier }).inc_by(usage.evictions);
        }
        registry.register("tier_evictions", "Responses dropped for want of room", evictions);
        register_upstreams(&mut registry, upstreams);
        let mut text = String::new();
        // A string takes whatever is written.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

fn register_upstreams(registry: &mut Registry, upstreams: &[State]) {
    let counts: UpstreamCounts<'_> = [
        ("upstream_requests", "Requests sent", |state| state.requests),
        ("upstream_failures", "Requests that failed, as the breaker counts them", |state| state.failures),
        ("upstream_retries", "Requests that were sent again", |state| state.retries),
    ];
    for (name, help, read) in counts {
        let family: Family<OfUpstream, Counter> = Family::default();
        for state in upstreams {
            family.get_or_create(&OfUpstream { upstream: state.url.clone() }).inc_by(read(state));
        }
        registry.register(name, help, family);
    }
    let healthy: Family<OfUpstream, Gauge> = Family::default();
    for state in upstreams {
        healthy.get_or_create(&OfUpstream { upstream: state.url.clone() }).set(i64::from(state.healthy));
    }
    registry.register("upstream_healthy", "1 where its checks go well, 0 where not", healthy);
}

/// Which upstream a figure is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUpstream {
    upstream: String,
}

/// A count of an upstream: its name, its help and where to read it.
type UpstreamCounts<'a> = [(&'a str, &'a str, fn(&State) -> u64); 3];

/// A figure of a tier: its name, its help and where to read it.
type Usages<'a> = [(&'a str, &'a str, fn(&Usage) -> u64); 3];

/// Which tier a figure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InTier {
    tier: &'static str,
}

/// The map that this thread uses.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    OWN.with(|own| *own)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIT: Ending = Ending { outcome: "hit", tier: "memory", reason: "none", status: 200 };

    #[test]
    fn what_every_thread_records_is_added_up() {
        let metrics = Metrics::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..50).for_each(|_| metrics.record(HIT)));
            }
        });
        metrics.record(Ending::own("error", StatusCode::BAD_GATEWAY));
        assert_eq!(metrics.read()[&HIT], 1000);
        let text = metrics.text(&[("memory", Usage { entries: 7, ..Usage::default() })], &[]);
        for line in [
            r#"orbit_edge_requests_total{outcome="hit",tier="memory",reason="none",status="200"} 1000"#,
            r#"orbit_edge_requests_total{outcome="error",tier="none",reason="none",status="502"} 1"#,
            r#"orbit_edge_tier_entries{tier="memory"} 7"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
