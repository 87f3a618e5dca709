//! Replays: the caches that are compared, each asked in the same way: look up, and put on a miss.
//!
//! What is fair: every cache weighs the trace's sizes and nothing else, has the same bytes, is one shard where it can
//! choose, so that none loses hits to splitting them, and is never offered what is larger than itself. `orbit` is the
//! edge's own memory tier, entries and keys as the edge makes them, but for the weigher: it counts the body alone, and
//! bodies are slices of one buffer. moka works off its pending tasks after each request, without which it neither
//! evicts in time nor stays within its bytes.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use http::{HeaderMap, Response};
use jiff::Timestamp;
use orbit_cache::tier::{Bounds, Layout, Memory, Wanted};
use orbit_cache::{Entry, Policy, Tier as _};
use orbit_model::CacheKey;

use super::{Request, Trace};

/// Every policy, by the name that results give it.
pub(crate) const POLICIES: [&str; 6] = ["orbit", "lru", "lru50", "moka", "quick_cache", "foyer"];

/// The share of requests, and of their bytes, that a cache had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratios {
    pub(crate) objects: f64,
    pub(crate) bytes: f64,
}

/// A cache that a trace is replayed against.
pub(crate) trait Cache {
    /// Asks for an object and keeps it on a miss, as the policy sees fit; whether it was a hit.
    fn ask(&mut self, request: Request) -> bool;
}

/// Asks a cache for the whole trace.
pub(crate) fn replay(trace: &Trace, cache: &mut dyn Cache) -> Ratios {
    let (mut hits, mut hit_bytes, mut bytes) = (0u64, 0u64, 0u64);
    for request in &trace.requests {
        let size = u64::from(request.size);
        bytes += size;
        if cache.ask(*request) {
            hits += 1;
            hit_bytes += size;
        }
    }
    Ratios { objects: hits as f64 / trace.requests.len() as f64, bytes: hit_bytes as f64 / bytes as f64 }
}

/// The cache of a policy in [`POLICIES`], with room for `max_bytes`.
pub(crate) fn cache(policy: &str, trace: &Trace, max_bytes: u64) -> Box<dyn Cache> {
    let inner: Box<dyn Cache> = match policy {
        "orbit" => return Box::new(Orbit::new(trace, max_bytes, Layout::default().shelves)),
        "lru50" => return Box::new(Lru::new(u64::MAX, 50)),
        "lru" => Box::new(Lru::new(max_bytes, usize::MAX)),
        "moka" => Box::new(moka::sync::Cache::builder().max_capacity(max_bytes).weigher(|_, size| *size).build()),
        "quick_cache" => {
            let mean = (trace.working_set / trace.objects as u64).max(1);
            let items = usize::try_from(max_bytes / mean).unwrap_or(usize::MAX).max(1);
            Box::new(quick_cache::unsync::Cache::with_weighter(items, max_bytes, Sizes))
        }
        _ => Box::new(
            foyer::CacheBuilder::new(usize::try_from(max_bytes).unwrap_or(usize::MAX))
                .with_shards(1)
                .with_weighter(|_: &u32, size: &u32| *size as usize)
                .with_eviction_config(foyer::S3FifoConfig::default())
                .build(),
        ),
    };
    Box::new(Limited { inner, max_bytes })
}

/// Keeps from a cache what is larger than the cache.
struct Limited {
    inner: Box<dyn Cache>,
    max_bytes: u64,
}

impl Cache for Limited {
    fn ask(&mut self, request: Request) -> bool {
        u64::from(request.size) <= self.max_bytes && self.inner.ask(request)
    }
}

/// Orbit's memory tier.
pub(crate) struct Orbit {
    tier: Memory,
    keys: Vec<CacheKey>,
    /// What all bodies are slices of.
    buffer: Bytes,
    headers: HeaderMap,
    policy: Policy,
}

impl Orbit {
    /// With its keys spread over this many shelves.
    pub(crate) fn new(trace: &Trace, max_bytes: u64, shelves: usize) -> Self {
        let layout = Layout { shelves, weigh: |_, entry| entry.body.len() as u64 };
        Self {
            tier: Memory::with_layout(Bounds { max_bytes, max_entries: None }, layout),
            keys: (0..trace.objects).map(|id| CacheKey::new(format!("/images/{id}"))).collect(),
            buffer: Bytes::from(vec![0; trace.largest as usize]),
            headers: HeaderMap::new(),
            policy: Policy::image(),
        }
    }
}

impl Cache for Orbit {
    fn ask(&mut self, request: Request) -> bool {
        let key = &self.keys[request.id as usize];
        let wanted = Wanted { headers: &self.headers, policy: &self.policy };
        if self.tier.find(key, &wanted).is_some() {
            return true;
        }
        let response = Response::new(self.buffer.slice(..request.size as usize));
        let entry = Entry::new(response, &self.headers, &self.policy, Timestamp::UNIX_EPOCH);
        self.tier.put(key, entry.into(), &|| true);
        false
    }
}

/// What was used last stays: nginx, Varnish, and most caches.
struct Lru {
    max_bytes: u64,
    max_entries: usize,
    bytes: u64,
    /// When each kept object was used last.
    used: HashMap<u32, u64>,
    /// The same by time.
    order: BTreeMap<u64, Request>,
    clock: u64,
}

impl Lru {
    fn new(max_bytes: u64, max_entries: usize) -> Self {
        Self { max_bytes, max_entries, bytes: 0, used: HashMap::new(), order: BTreeMap::new(), clock: 0 }
    }
}

impl Cache for Lru {
    fn ask(&mut self, request: Request) -> bool {
        self.clock += 1;
        let before = self.used.insert(request.id, self.clock);
        match before {
            Some(before) => {
                self.order.remove(&before);
            }
            None => self.bytes += u64::from(request.size),
        }
        self.order.insert(self.clock, request);
        while self.bytes > self.max_bytes || self.order.len() > self.max_entries {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.used.remove(&oldest.id);
            self.bytes -= u64::from(oldest.size);
        }
        before.is_some()
    }
}

impl Cache for moka::sync::Cache<u32, u32> {
    fn ask(&mut self, request: Request) -> bool {
        let hit = self.get(&request.id).is_some();
        if !hit {
            self.insert(request.id, request.size);
        }
        self.run_pending_tasks();
        hit
    }
}

/// Weighs an object by its size.
#[derive(Clone)]
struct Sizes;

impl quick_cache::Weighter<u32, u32> for Sizes {
    fn weight(&self, _: &u32, size: &u32) -> u64 {
        u64::from(*size)
    }
}

impl Cache for quick_cache::unsync::Cache<u32, u32, Sizes> {
    fn ask(&mut self, request: Request) -> bool {
        let hit = self.get(&request.id).is_some();
        if !hit {
            self.insert(request.id, request.size);
        }
        hit
    }
}

impl Cache for foyer::Cache<u32, u32> {
    fn ask(&mut self, request: Request) -> bool {
        let hit = self.get(&request.id).is_some();
        if !hit {
            self.insert(request.id, request.size);
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(ids: impl Iterator<Item = u32>) -> Trace {
        let requests: Vec<Request> = ids.map(|id| Request { id, size: 100 }).collect();
        Trace { name: "made".to_owned(), requests, objects: 100, working_set: 10_000, largest: 100 }
    }

    #[test]
    fn every_policy_has_all_but_the_first_of_what_fits() {
        let trace = trace((0..4).flat_map(|_| 0..30));
        for policy in POLICIES {
            let ratios = replay(&trace, &mut *cache(policy, &trace, 20_000));
            assert_eq!(ratios, Ratios { objects: 0.75, bytes: 0.75 }, "{policy}");
        }
    }

    #[test]
    fn no_policy_has_what_is_larger_than_its_cache() {
        let trace = trace((0..4).map(|_| 1));
        for policy in POLICIES.into_iter().filter(|policy| *policy != "lru50") {
            let ratios = replay(&trace, &mut *cache(policy, &trace, 50));
            assert_eq!(ratios.objects, 0.0, "{policy}");
        }
    }

    #[test]
    fn least_recently_used_gives_way_first() {
        let trace = trace([1, 2, 1, 3, 1, 2].into_iter());
        let ratios = replay(&trace, &mut Lru::new(200, 50));
        assert_eq!(ratios.objects, 2.0 / 6.0);
    }
}
