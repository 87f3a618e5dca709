//! Purge: what is asked to go, and the receipt of what went from where.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ImageId, Position, ThreadId};

/// What to remove. The parts add up; an empty request removes nothing and is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PurgeRequest {
    /// Images by name.
    pub ids: Vec<ImageId>,
    /// All images of these threads.
    pub threads: Vec<ThreadId>,
    /// All images and responses with one of these tags.
    pub tags: Vec<String>,
    /// Responses by path, as clients of the edge ask for them; only copies go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Everything.
    pub all: bool,
    /// Only mark copies as stale; the images stay.
    pub soft: bool,
}

impl PurgeRequest {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = self.ids.is_empty() && self.threads.is_empty() && self.tags.is_empty();
        nothing && self.paths.is_empty() && !self.all
    }
}

/// What one tier or store gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// `index`, `files`, `memory`, `disk`; of a CDN `cdn:` and its kind.
    pub tier: String,
    /// How many entries, rows or files.
    pub entries: u64,
    /// Their size, where the tier knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Why it has not confirmed, and what becomes of that; absent where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What became of a purge at one edge that follows the origin's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeReceipt {
    /// The edge's name.
    pub name: String,
    /// Whether it has done it. One that has not is cut off: it asks before it serves any copy, until it has caught up.
    pub confirmed: bool,
    /// How far it had come in the log when this was written.
    pub position: Option<Position>,
}

/// The proof that something is gone: written after the last tier has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The images that were there and are gone (or, after a soft purge, will be asked for again).
    pub images: Vec<ImageId>,
    /// The images that were asked for by name and were not there.
    pub missing: Vec<ImageId>,
    /// What was removed where.
    pub removed: Vec<Removed>,
    /// The edges that follow the origin's log, in the order of their names.
    #[serde(default)]
    pub edges: Vec<EdgeReceipt>,
    /// Whether the log could not be reached: the purge is noted, and told as soon as it can be. Until then an edge that does reach it
    /// may serve copies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
    /// Whether copies were only marked as stale.
    pub soft: bool,
    /// When the last tier had answered.
    #[serde(with = "crate::clock::millis")]
    pub at: Timestamp,
}
