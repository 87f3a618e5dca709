//! Problem details: the JSON of every error answer (RFC 9457).
//!
//! The two services make them, each from its own error type; clients read them.

use serde::{Deserialize, Serialize};

use crate::{JobId, JobState};

/// The body of an error answer, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI for the kind of problem; `about:blank` means that `code` says it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The reason phrase of the status.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What went wrong and what to do.
    pub detail: String,
    /// A stable word for programs, as in `not_found`.
    pub code: String,
    /// How far an image has come that is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// The job that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

impl Problem {
    /// The media type of the body.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A problem of the general kind.
    #[must_use]
    pub fn new(status: http::StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            state: None,
            job: None,
        }
    }
}
