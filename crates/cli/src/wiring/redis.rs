//! The way to the Redis that several nodes share: one for the whole process.

use std::time::Duration;

use anyhow::Result;
use orbit_store::redis::{Connection, Health};

/// How long a start waits for it; after that it goes on without.
const PATIENCE: Duration = Duration::from_secs(1);

/// Begins to connect where there is a URL, and waits a moment, so that a healthy start knows what is shared.
pub(crate) async fn connect(url: Option<&str>) -> Result<Option<Connection>> {
    let Some(url) = url else { return Ok(None) };
    let connection = Connection::open(url)?;
    // In an outage the start is not held up: what waits for Redis waits behind.
    let _ = tokio::time::timeout(PATIENCE, connection.up()).await;
    connection.observe(|health| match health {
        Health::Up => tracing::info!("Redis answers"),
        Health::Down { reason, .. } => {
            tracing::warn!(%reason, "Redis does not answer: images go on, what is shared waits")
        }
    });
    Ok(Some(connection))
}
