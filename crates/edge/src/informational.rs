//! Informational answers (1xx) on their way to the client (RFC 9110 section 15.2).
//!
//! The server that reads a request puts an [`Informational`] into its extensions where it can send such answers; the
//! upstream's connection calls it for each one that comes before the final answer. Neither knows the other.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};

type Sender = dyn Fn(StatusCode, &HeaderMap) + Send + Sync;

/// Sends informational answers to one client, ahead of the final one.
#[derive(Clone)]
pub struct Informational(Arc<Sender>);

impl Informational {
    /// Sends through `send`, which must not block.
    pub fn new(send: impl Fn(StatusCode, &HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    /// Sends one informational answer.
    pub fn send(&self, status: StatusCode, headers: &HeaderMap) {
        (self.0)(status, headers);
    }
}

impl fmt::Debug for Informational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Informational")
    }
}
