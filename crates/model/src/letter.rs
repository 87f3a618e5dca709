//! Letters: purges on their way to a CDN, kept until it has confirmed them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::PurgeRequest;

/// One purge for one CDN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its number, never given twice by the same node.
    pub id: u64,
    /// Whom it is for, as it is configured, without what stands behind a `?`.
    pub to: String,
    /// What is to go.
    pub purge: PurgeRequest,
    /// When it was written.
    #[serde(with = "crate::clock::millis")]
    pub since: Timestamp,
    /// How often it was sent in vain.
    pub attempts: u32,
    /// Why it was in vain the last time.
    pub error: Option<String>,
    /// What becomes of it.
    pub state: LetterState,
}

/// What becomes of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// It is sent, again and again where that fails in passing.
    Waiting,
    /// It was confirmed, and is sent once more for what was on its way into the cache meanwhile.
    Confirmed,
    /// It was refused, or in vain for too long: it waits for an operator.
    Failed,
}

/// What was not confirmed: the answer to `GET /cdn/failed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letters {
    /// The oldest first.
    pub letters: Vec<Letter>,
}
