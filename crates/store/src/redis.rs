//! What several nodes share: one Redis (or Valkey), as one server, behind sentinels, or as a cluster.
//!
//! - [`Connection`]: the way to it for everything here; in an outage it says so at once and mends itself.
//! - [`Listener`]: a socket of its own, for commands that wait in the server.
//! - [`RedisIndex`]: the image index of all nodes.
//!
//! Redis is never the only copy: what is in it can be made again from files, and what must reach it while it is away is
//! noted in the data folder. Keys that one script touches carry the tag `{orbit}`, so that a cluster keeps them together.

mod address;
mod connection;
mod index;
mod link;
mod listener;
mod mend;
#[cfg(test)]
mod tests;

pub use connection::{Connection, Health};
pub use index::RedisIndex;
pub use listener::Listener;
