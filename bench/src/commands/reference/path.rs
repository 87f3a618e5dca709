//! The paths that are measured, their names in the tables, and which of the baseline's each of Orbit's replaces.

use serde::{Deserialize, Serialize};

/// A way that an image takes to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Path {
    /// Base64 in Redis, decoded in the request.
    Before,
    /// The baseline's backend, from its file.
    Backend,
    /// The baseline's app, an id not asked before.
    NextCold,
    /// The baseline's app, from its Map.
    NextHit,
    /// The baseline's app, asked with the validator that its backend sent.
    NextRevalidate,
    /// `orbit serve`, an id not asked before.
    ServeCold,
    /// `orbit serve`, from the edge's memory.
    ServeHit,
    /// `orbit serve`, asked with the validator that it sent.
    ServeRevalidate,
    /// `orbit edge` before `orbit origin`, an id not asked before.
    EdgeCold,
    /// `orbit edge` before `orbit origin`, from the edge's memory.
    EdgeHit,
}

impl Path {
    /// Every path, in the order of the tables.
    pub(super) const ALL: [Self; 10] = [
        Self::Before,
        Self::Backend,
        Self::NextCold,
        Self::NextHit,
        Self::NextRevalidate,
        Self::ServeCold,
        Self::ServeHit,
        Self::ServeRevalidate,
        Self::EdgeCold,
        Self::EdgeHit,
    ];

    /// The path in words.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Before => "baseline before: base64 in Redis",
            Self::Backend => "baseline: FastAPI FileResponse",
            Self::NextCold => "baseline: Next.js route, cold",
            Self::NextHit => "baseline: Next.js route, hit in its Map",
            Self::NextRevalidate => "baseline: Next.js route, If-None-Match",
            Self::ServeCold => "orbit serve, cold",
            Self::ServeHit => "orbit serve, hit in memory",
            Self::ServeRevalidate => "orbit serve, If-None-Match",
            Self::EdgeCold => "orbit edge + origin, cold",
            Self::EdgeHit => "orbit edge + origin, hit in memory",
        }
    }

    /// The baseline's path for the same request.
    pub(super) fn replaces(self) -> Option<Self> {
        match self {
            Self::ServeCold | Self::EdgeCold => Some(Self::NextCold),
            Self::ServeHit | Self::EdgeHit => Some(Self::NextHit),
            Self::ServeRevalidate => Some(Self::NextRevalidate),
            _ => None,
        }
    }
}
