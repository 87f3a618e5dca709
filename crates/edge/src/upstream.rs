//! Where a miss goes.
//!
//! One verb, two ways: over HTTP to another process, or straight into a service in this one (`orbit serve`).
//! An upstream is asked with a path and query only; which host answers is its own affair (T-SSRF-5).

mod http_client;
mod in_process;

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, Response};

pub use self::http_client::HttpUpstream;
pub use self::in_process::ServiceUpstream;

/// Answers the requests that the edge's copies cannot.
#[async_trait]
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// Sends a request, whose URI is a path and query, and returns the answer once its header has come.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error>;

    /// Whether a body of one piece is a buffer of its own, and not a slice of one in which it arrived.
    fn brings_own_buffers(&self) -> bool {
        false
    }
}
