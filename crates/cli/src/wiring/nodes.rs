//! What an origin shares with others: events, jobs and derivations, where it is told of a Redis.

use std::sync::Arc;

use anyhow::{Result, bail};
use orbit_origin::Nodes;
use orbit_store::redis::{Board, Connection, Leases, SharedEvents, SharedQueue};
use orbit_store::{EventLog, JobQueue, Journal};

use crate::flags;

/// Where an origin has its events and jobs.
pub(super) struct Shared {
    pub(super) events: Arc<dyn EventLog>,
    pub(super) queue: Arc<dyn JobQueue>,
    /// `None` for an origin on its own.
    pub(super) nodes: Option<Nodes>,
}

/// The events and jobs of an origin with this journal.
pub(super) async fn open(flags: &flags::Nodes, redis: Option<Connection>, journal: Journal) -> Result<Shared> {
    let Some(connection) = redis else {
        let journal = Arc::new(journal);
        return Ok(Shared { events: Arc::clone(&journal) as Arc<dyn EventLog>, queue: journal, nodes: None });
    };
    if flags.job_lease.is_zero() {
        bail!("the job lease (--job-lease) must be longer than 0s");
    }
    let events = SharedEvents::open(journal.clone(), connection.clone()).await?;
    let board = Board::new(connection.clone(), events.clone(), flags.job_lease);
    let leases = Leases::new(connection, events.node());
    Ok(Shared {
        events: Arc::new(events.clone()),
        queue: Arc::new(SharedQueue::new(journal, board.clone())),
        nodes: Some(Nodes { events, board, leases }),
    })
}
