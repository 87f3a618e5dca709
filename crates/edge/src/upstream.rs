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

/// Answers the requests that the edge's copies cannot.
#[async_trait]
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// Sends a request, whose URI is a path and query, and returns the answer once its header has come.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error>;

    /// How the servers behind it do.
    fn states(&self) -> Vec<State> {
        Vec::new()
    }

    /// Whether a body of one piece is a buffer of its own, and not a slice of one in which it arrived.
    fn brings_own_buffers(&self) -> bool {
        false
    }
}
