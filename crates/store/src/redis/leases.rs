//! `Leases`: what one node at a time does for all, such as deriving a variant.
//!
//! A lease is an agreement, not a wall: it runs out though its holder may go on, so it may only keep nodes from doing the same work
//! twice. What must not be done twice is kept right where it is written.

use std::time::Duration;

use redis::cmd;

use super::Connection;
use super::board::FORGET;
use crate::Error;

/// The leases of one node; clones share its connection.
#[derive(Debug, Clone)]
pub struct Leases {
    connection: Connection,
    node: String,
}

/// A lease; given back when it is dropped, inside of a runtime.
#[derive(Debug)]
pub struct Lease {
    connection: Connection,
    key: String,
    holder: String,
}

impl Leases {
    /// The leases of a node of this name.
    #[must_use]
    pub fn new(connection: Connection, node: &str) -> Self {
        Self { connection, node: node.to_owned() }
    }

    /// Takes a lease for a time; `None` while another holds it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then nobody can say who else does it.
    pub async fn try_take(&self, name: &str, time: Duration) -> Result<Option<Lease>, Error> {
        let (key, millis) = (format!("orbit:{name}"), u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        // Within a node a name is asked for once at a time, but one that has run out is not to be taken for the next.
        let holder = format!("{}-{}", self.node, HOLDERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let taken: Option<String> =
            self.connection.ask(cmd("SET").arg(&key).arg(&holder).arg("NX").arg("PX").arg(millis)).await?;
        Ok(taken.map(|_| Lease { connection: self.connection.clone(), key, holder }))
    }
}

/// How many leases this process has asked for.
static HOLDERS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

impl Drop for Lease {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connection, key, holder) = (self.connection.clone(), self.key.clone(), self.holder.clone());
        // In an outage it runs out.
        runtime.spawn(async move { connection.run::<()>(FORGET.key(key).arg(holder)).await });
    }
}
