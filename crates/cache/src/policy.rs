//! Cache policy as pure functions that take `now`, one file a topic (RFC 9111).
//!
//! - [`cache_control`]: the directives of `Cache-Control`, section 5.2.
//! - [`storable`]: what a shared cache may keep, section 3.
//! - [`hop_by_hop`]: what is of one connection only, section 3.1.
//! - [`freshness`]: for how long, and how old it is, section 4.2; RFC 5861 for stale serving.
//!
//! [`Policy`] holds what an operator may choose; nothing here does I/O or reads a clock.

pub mod cache_control;
pub mod freshness;
pub mod hop_by_hop;
pub mod storable;

use std::time::Duration;

/// What an operator may choose of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Freshness of a response that says nothing of its own; `None` stores no such response.
    pub default_lifetime: Option<Duration>,
    /// How long past its freshness a response is served while it is revalidated behind.
    pub stale_while_revalidate: Duration,
    /// How long past its freshness a response is served where the upstream fails.
    pub stale_if_error: Duration,
}

impl Policy {
    /// For images that are written once: an hour fresh, then a day stale.
    #[must_use]
    pub fn image() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { default_lifetime: Some(Duration::from_secs(3600)), stale_while_revalidate: day, stale_if_error: day }
    }
}
