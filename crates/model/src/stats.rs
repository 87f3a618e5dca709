//! The state of a running server, as `/stats` tells it; parts that a role lacks are absent.

use serde::{Deserialize, Serialize};

use crate::Position;

/// A server's state at one moment; counters count since its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// `serve`, `origin` or `edge`.
    pub role: String,
    /// The release.
    pub version: String,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// The truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreStats>,
    /// The copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeStats>,
    /// Encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<CodecStats>,
    /// Generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobStats>,
}

/// What is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStats {
    /// Images.
    pub images: u64,
    /// Their served bytes.
    pub image_bytes: u64,
    /// Their sources' bytes.
    pub source_bytes: u64,
}

/// What the edge keeps and how it answered; every request counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeStats {
    /// The memory tier.
    pub memory: TierStats,
    /// The disk tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<TierStats>,
    /// Requests that fetched what may be kept.
    pub misses: u64,
    /// Requests that joined another's fetch.
    pub coalesced: u64,
    /// Requests that passed to the upstream.
    pub passed: u64,
    /// Requests that the edge refused or could not answer.
    pub errors: u64,
    /// How it stands with the origin's log of purges; absent where it is not to follow any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_log: Option<FollowStats>,
}

/// An edge's part in its origin's log of purges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowStats {
    /// What the edge is called in receipts.
    pub name: String,
    /// `following`, or `cut_off`: it asks before it serves; `off` where the upstream has no log, `refused` where it wants another
    /// token, `unknown` where it has not answered yet.
    pub state: String,
    /// How far it has come.
    pub position: Option<Position>,
    /// How much longer it may serve copies without asking, in milliseconds.
    pub lease_ms: u64,
}

/// One tier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierStats {
    /// Entries kept.
    pub entries: u64,
    /// What they cost.
    pub bytes: u64,
    /// What they may cost.
    pub max_bytes: u64,
    /// Requests answered fresh from it.
    pub hits: u64,
    /// Requests answered stale from it.
    pub stale: u64,
    /// Entries dropped for want of room.
    pub evictions: u64,
}

/// The encoding pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodecStats {
    /// At work.
    pub running: u64,
    /// Admitted and waiting.
    pub queued: u64,
    /// How many may wait.
    pub max_queued: u64,
    /// Pieces of work that nobody waits for: smaller encodings, variants ahead of time.
    #[serde(default)]
    pub behind: u64,
}

/// Generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStats {
    /// Concepts that wait.
    pub queued: u64,
    /// Concepts being drawn.
    pub running: u64,
    /// Requests that wait for the answer of a job.
    #[serde(default)]
    pub waiting: u64,
}
