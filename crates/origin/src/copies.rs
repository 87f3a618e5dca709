//! The copies that a purge must reach: what the origin knows of edges.

use async_trait::async_trait;
use orbit_model::{EdgeStats, PurgeRequest, Removed};

/// Holders of copies. The truth is gone already when they are asked.
#[async_trait]
pub trait Copies: Send + Sync + std::fmt::Debug {
    /// Drops (or, if soft, marks as stale) the copies of what is named, and returns once no request is answered from them.
    async fn purge(&self, request: &PurgeRequest) -> Vec<Removed>;

    /// Takes in what will be asked for soon: paths as browsers ask for them, as in `/api/images/{id}?w=256`. A copy that cannot
    /// be made is none.
    async fn fill(&self, paths: &[String]);

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

    async fn fill(&self, _: &[String]) {}

    fn stats(&self) -> Option<EdgeStats> {
        None
    }
}
