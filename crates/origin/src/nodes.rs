//! What the nodes do together, where there are several: they share events, jobs and the work of deriving variants.
//!
//! `jobs/shared` has the jobs, `variants/once` the variants; events need nothing of us but somebody who follows them. Without nodes
//! none of it runs, and in an outage each node goes on alone.

use std::time::Duration;

use orbit_store::redis::{Board, Leases, SharedEvents};

use crate::Origin;

/// What this node shares with others.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// The events of all nodes; the same log as [`Parts::events`](crate::Parts).
    pub events: SharedEvents,
    /// The jobs of all nodes.
    pub board: Board,
    /// What one node at a time does for all.
    pub leases: Leases,
}

impl Origin {
    /// Takes its share of what the nodes do, until it is dropped: events are followed even while the origin stops.
    pub(crate) async fn share(&self) {
        let Some(nodes) = self.nodes() else { return };
        tokio::join!(nodes.events.follow(), self.take_jobs(nodes), self.keep_jobs(nodes));
    }

    pub(crate) fn nodes(&self) -> Option<&Nodes> {
        self.0.parts.nodes.as_ref()
    }
}

/// A lease that is looked after this often does not run out.
pub(crate) fn often(lease: Duration) -> Duration {
    (lease / 4).clamp(Duration::from_millis(50), Duration::from_secs(2))
}
