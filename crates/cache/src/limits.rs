//! How much a fill may take, and how long others wait for it.

use std::time::Duration;

/// The bounds of fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest body that is kept, in bytes; a larger one passes through.
    pub max_body_bytes: u64,
    /// What all fills in flight may hold together, in bytes; a fill that finds no room passes through.
    pub max_filling_bytes: u64,
    /// How long a request waits for the header of another's fetch before it fetches for itself.
    pub max_wait: Duration,
    /// How old a fetch may be and still be joined.
    pub max_age: Duration,
    /// How long the upstream may be silent in the middle of a body.
    pub max_silence: Duration,
    /// How long a body may take in all.
    pub max_duration: Duration,
    /// A fill whose last reader has left goes on if no more than this is missing, in bytes.
    pub finish_bytes: u64,
    /// How long an uncacheable response is remembered, so that its key's requests do not wait for one another.
    pub bypass_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 << 20,
            max_filling_bytes: 256 << 20,
            max_wait: Duration::from_secs(10),
            max_age: Duration::from_secs(60),
            max_silence: Duration::from_secs(10),
            max_duration: Duration::from_secs(300),
            finish_bytes: 8 << 20,
            bypass_for: Duration::from_secs(120),
        }
    }
}
