//! `PurgeLog`: what edges are told, in order, and how far each of them has come.
//!
//! A purge is worth its name only if nobody serves what it took away. So whoever keeps copies follows the log, and keeps them
//! on a lease: it may serve them without asking while its lease runs, and a lease is lent together with all that is in the log.
//!
//! 1. `attend`: an edge says how far it has come, which lends it a lease from that moment on; then
//! 2. `read_after` its place. What is appended later finds the lease in `edges`, so one of the two always sees the other.
//!
//! Whoever purges does it the other way round: `append`, then watch `edges` until each has come far enough or its lease has run
//! out. Every backend runs the suite in `conformance`.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use orbit_model::{Notice, Position};
use tokio::sync::watch;

use crate::Error;

#[cfg(test)]
pub(crate) mod conformance;
mod journal;
mod memory;
mod outbox;
mod register;

pub use journal::PurgeJournal;
pub use memory::MemoryPurges;
pub use outbox::Outbox;

/// How many notices a log retains: an edge that was away for longer asks about all that it holds.
pub const RETAINED: usize = 10_000;
/// How long an edge that was cut off is named.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(3_600);
/// How long a fill is worth telling of: later it has been asked for, or it is not wanted.
pub(crate) const FILL_LIFE: Duration = Duration::from_secs(5);

/// One life of an edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Follower {
    /// The name that its operator gave it.
    pub name: String,
    /// Drawn at its start: another process under the same name has another, and a lease of its own.
    pub session: String,
}

/// What an edge says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attendance {
    /// How far it has done what the log says; `None` where it begins.
    pub done: Option<Position>,
    /// How far it has taken in what will be asked for; `None` where it says nothing new of that.
    pub filled: Option<Position>,
    /// For how long from now on it may serve its copies without asking; `None` leaves the lease that it has as it is.
    pub lease: Option<Duration>,
}

/// What is known of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attending {
    /// Which one.
    pub follower: Follower,
    /// How far it has come.
    pub done: Option<Position>,
    /// How far it has taken in what will be asked for.
    pub filled: Option<Position>,
    /// How much longer it may serve its copies without asking; zero where it is cut off.
    pub lease: Duration,
}

/// What came after a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Where to go on.
    pub position: Position,
    /// Whether the log does not reach back to the place that was asked for, so that purges may be missing here.
    pub reset: bool,
    /// What came, in order.
    pub notices: Vec<Notice>,
    /// Whether there is no more.
    pub is_whole: bool,
}

/// What became of a notice that was to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log, and whoever reads from before this place is told.
    At(Position),
    /// The log cannot be reached. A purge is kept, and appended as soon as it can be; a fill is not.
    Kept,
}

/// The notices to edges, the last of them retained, and the register of edges.
#[async_trait]
pub trait PurgeLog: Send + Sync + Debug {
    /// Adds a notice. A purge survives a crash and a power cut once this returns.
    ///
    /// # Errors
    /// Those of the backend, where a purge could be neither appended nor kept.
    async fn append(&self, notice: Notice) -> Result<Appended, Error>;

    /// Reads up to `limit` notices past `after`, oldest first. Without a place, and where the log does not reach back to it, it
    /// reads nothing, says `reset`, and names the end of the log.
    ///
    /// # Errors
    /// Those of the backend.
    async fn read_after(&self, after: Option<Position>, limit: usize) -> Result<Reading, Error>;

    /// Takes note of what an edge says of itself.
    ///
    /// # Errors
    /// Those of the backend; no lease is lent then.
    async fn attend(&self, follower: &Follower, attendance: Attendance) -> Result<(), Error>;

    /// Forgets an edge, which says that it serves nothing any more.
    ///
    /// # Errors
    /// Those of the backend.
    async fn leave(&self, follower: &Follower) -> Result<(), Error>;

    /// All edges that have or had a lease of late, in the order of their names.
    ///
    /// # Errors
    /// Those of the backend.
    async fn edges(&self) -> Result<Vec<Attending>, Error>;

    /// For how long edges may still have leases that are not in the register, because it was lost; zero where none is missing.
    ///
    /// # Errors
    /// Those of the backend.
    async fn unknown_leases(&self) -> Result<Duration, Error>;

    /// Changes whenever the log has grown or an edge has come further.
    fn news(&self) -> watch::Receiver<u64>;
}

#[cfg(test)]
mod tests;
