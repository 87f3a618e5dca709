//! Where a miss goes.
//!
//! One verb, two ways: over HTTP to other processes ([`Pool`]), or straight into a service in this one (`orbit serve`).
//! An upstream is asked with a path and query only; which server answers is its own affair (T-SSRF-5).
//!
//! A pool, from the top: [`pool`] chooses and retries; each [`member`] counts and asks its [`breaker`]; a [`server`]
//! makes one exchange over connections that [`dial`] opens, and [`sending`] sees to it that it ends; [`checks`] look after those that are given no requests.

mod address;
mod breaker;
mod budget;
mod checks;
mod config;
mod dial;
mod failure;
mod framing;
mod in_process;
mod member;
mod pool;
mod sending;
mod server;
mod tls;

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, Response};

pub use self::breaker::Breaker;
pub use self::config::Upstreams;
pub use self::in_process::ServiceUpstream;
pub use self::member::State;
pub use self::pool::Pool;

/// Which of several servers a request is best sent to, as a number that all edges make of the same key: the one that has
/// worked on it before need not do so again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Affinity(u64);

impl Affinity {
    /// That of a path and query.
    pub(crate) fn of(key: &str) -> Self {
        Self(fnv(0xcbf2_9ce4_8422_2325, key))
    }

    /// How well a server suits: the best one by this is the same at every edge, and where one is added or lost, only what was or
    /// will be its own moves (rendezvous hashing, Thaler and Ravishankar 1998).
    fn with(self, server: &str) -> u64 {
        // The last bits of FNV depend on the last bytes alone: mixed once more (splitmix64).
        let mixed = fnv(self.0, server);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// FNV-1a, which no library and no release changes.
fn fnv(seed: u64, text: &str) -> u64 {
    text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Answers the requests that the edge's copies cannot.
#[async_trait]
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// Sends a request, whose URI is a path and query, and returns the answer once its header has come.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error>;

    /// Sends a request of the edge's own, which speaks neither for nor against a server: to one and the same as long as it answers.
    async fn send_aside(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
        self.send(request).await
    }

    /// How the servers behind it do.
    fn states(&self) -> Vec<State> {
        Vec::new()
    }

    /// Whether a body of one piece is a buffer of its own, and not a slice of one in which it arrived.
    fn brings_own_buffers(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn best<'a>(servers: &[&'a str], key: usize) -> &'a str {
        let affinity = Affinity::of(&format!("/images/i{key}?w=256"));
        servers.iter().copied().max_by_key(|server| affinity.with(server)).unwrap()
    }

    #[test]
    fn keys_are_spread_and_only_those_of_a_lost_server_move() {
        let servers = ["http://a:8000", "http://b:8000", "http://c:8000"];
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for key in 0..3_000 {
            let chosen = best(&servers, key);
            *counts.entry(chosen).or_default() += 1;
            if chosen != "http://c:8000" {
                assert_eq!(best(&servers[..2], key), chosen);
            }
        }
        assert!(counts.values().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }
}
