//! The copies that a purge must reach: what the origin knows of edges.

use async_trait::async_trait;
use orbit_model::{EdgeStats, PurgeRequest, Removed};

/// Holders of copies. The truth is gone already when they are asked.
#[async_trait]
pub trait Copies: Send + Sync + std::fmt::Debug {
    /// Drops (or, if soft, marks as stale) the copies of what is named, and returns once no request is answered from them.
    async fn purge(&self, request: &PurgeRequest) -> Vec<Removed>;

    /// What they keep, for `/stats`; `None` where there are none in this process.
    fn stats(&self) -> Option<EdgeStats>;
}

/// An origin that knows of no copies.
#[derive(Debug, Clone, Copy)]
pub struct NoCopies;

#[async_trait]
impl Copies for NoCopies {
    async fn purge(&self, _: &PurgeRequest) -> Vec<Removed> {
        Vec::new()
    }

    fn stats(&self) -> Option<EdgeStats> {
        None
    }
}
