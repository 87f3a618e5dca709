//! What several nodes share: one Redis (or Valkey), as one server, behind sentinels, or as a cluster.
//!
//! - [`Connection`]: the way to it for everything here; in an outage it says so at once and mends itself.
//! - [`Listener`]: a socket of its own, for commands that wait in the server.
//! - [`SharedIndex`]: the image index of all nodes.
//! - [`SharedPurges`]: the log of purges that all origins write and all edges follow.
//! - [`SharedEvents`], [`Board`] and [`SharedQueue`], [`Leases`]: the events of all nodes, their jobs, and what one node at a time does for
//!   all.
//!
//! Redis is never the only copy: what is in it can be made again from files, and what must reach it while it is away is
//! noted in the data folder. Keys that one script touches carry the tag `{orbit}`, so that a cluster keeps them together.

mod address;
mod board;
mod connection;
mod events;
mod index;
mod leases;
mod link;
mod listener;
mod mark;
mod mend;
mod purges;
mod queue;
mod stream;
#[cfg(test)]
mod tests;

pub use board::{Board, Claim, Hold, Offer, Posted, Taken};
pub use connection::{Connection, Health};
pub use events::{SharedEvents, Signal};
pub use index::SharedIndex;
pub use leases::{Lease, Leases};
pub use listener::Listener;
pub use purges::SharedPurges;
pub use queue::SharedQueue;
