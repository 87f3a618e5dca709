//! A stored response: its head and its whole body.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response};
use jiff::Timestamp;

use crate::{Head, Policy, room};

/// What an entry costs besides its bytes: entry, head, slot, rank and counters, with room for what grows by doubling.
/// Measured with a million entries, as is the next: docs/decisions/memory-tier.md.
const OVERHEAD_BYTES: u64 = 640;
/// What a field costs besides its name and its value.
const FIELD_BYTES: usize = 128;

/// A response as it is kept.
#[derive(Debug, Clone)]
pub struct Entry {
    /// All but the body.
    pub head: Arc<Head>,
    /// The whole body.
    pub body: Bytes,
}

impl Entry {
    /// Makes an entry of a response to `request` that came whole at `now`.
    #[must_use]
    pub fn new(response: Response<Bytes>, request: &HeaderMap, policy: &Policy, now: Timestamp) -> Self {
        let (parts, body) = response.into_parts();
        Self { head: Arc::new(Head::new(parts.status, parts.headers, request, policy, now)), body }
    }

    /// What the entry costs a tier, in bytes: body, header fields, the selecting fields of its request and bookkeeping.
    #[must_use]
    pub fn cost(&self) -> u64 {
        let cost = |name: &HeaderName, value: &[u8]| name.as_str().len() + value.len() + FIELD_BYTES;
        let fields: usize = self.head.headers.iter().map(|(name, value)| cost(name, value.as_bytes())).sum();
        let selecting: usize = self.head.vary.fields().map(|(name, value)| cost(name, value)).sum();
        (room::taken_up(self.body.len()) + fields + selecting) as u64 + OVERHEAD_BYTES
    }
}
