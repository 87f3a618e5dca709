//! An answer of the cache, and how it was come by.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use orbit_model::Forward;

use crate::{Body, Head};

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// From a tier, fresh.
    Hit,
    /// From a tier, stale.
    Stale,
    /// By a fetch of its own, whose response may be kept.
    Miss,
    /// By a fetch that another began.
    Coalesced,
    /// By a fetch whose response may not be kept.
    Pass,
}

/// An answer of the cache.
#[derive(Debug)]
pub struct Found {
    /// Status, fields, and what policy says of them.
    pub head: Arc<Head>,
    /// The body.
    pub body: Body,
    /// How it was come by.
    pub outcome: Outcome,
    /// The tier that it came from.
    pub tier: Option<&'static str>,
    /// What the upstream was asked for, where it was asked before this answer.
    pub forwarded: Option<Forwarded>,
    /// Whether a fetched response is kept.
    pub stored: bool,
}

impl Found {
    /// A response that was fetched for one request and is not kept.
    pub(crate) fn passed(head: Arc<Head>, body: Body, forwarded: Forwarded) -> Self {
        Self { head, body, outcome: Outcome::Pass, tier: None, forwarded: Some(forwarded), stored: false }
    }
}

/// A request that went on to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// Why.
    pub reason: Forward,
    /// What it answered; `None` where it gave no answer.
    pub status: Option<StatusCode>,
    /// How long its header took.
    pub took: Duration,
}
