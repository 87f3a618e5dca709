//! Jobs: a batch of concepts to be generated for a thread.
//!
//! A [`JobRequest`] is what a caller posts; a [`Job`] is what it is told of the state. Queue and workers live in the
//! origin; here are only the nouns and the identity by which two equal requests are known as one.

use serde::{Deserialize, Serialize};

use crate::{Digest, ImageId, JobId, ThreadId};

/// One picture that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concept {
    /// What to draw.
    pub prompt: String,
    /// A word for its kind.
    #[serde(default)]
    pub style: Option<String>,
    /// A name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// The model to draw it with.
    #[serde(default)]
    pub model: Option<String>,
    /// `WxH` in pixels.
    #[serde(default)]
    pub size: Option<String>,
    /// The same seed draws the same picture again.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// A batch of concepts for one thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// The thread that the images belong to.
    pub thread_id: ThreadId,
    /// What to draw, in order.
    pub concepts: Vec<Concept>,
}

impl JobRequest {
    /// The identity of the request: equal requests have equal fingerprints.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// How far a job or one of its images has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted, not begun.
    Queued,
    /// Being drawn.
    Running,
    /// Finished; of a job, at least one image was stored.
    Done,
    /// Ended without an image.
    Failed,
    /// Stopped on request.
    Cancelled,
}

impl JobState {
    /// Whether nothing will change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// One image of a job: its id and URL exist from the moment the job is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobImage {
    /// Its place in the request, from 0.
    pub index: usize,
    /// The id that it has or will have.
    pub id: ImageId,
    /// Where a browser will load it from.
    pub url: String,
    /// How far it has come.
    pub state: JobState,
}

/// The state of a job, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The job's name.
    pub job: JobId,
    /// Where to ask for this again.
    pub url: String,
    /// The thread that the images belong to.
    pub thread_id: ThreadId,
    /// How far the job has come.
    pub state: JobState,
    /// How many images were asked for.
    pub total: usize,
    /// How many are stored.
    pub completed: usize,
    /// How many failed.
    pub failed: usize,
    /// Each image, in order.
    pub images: Vec<JobImage>,
    /// The event stream of the thread, from just before this job was accepted.
    pub events: String,
}
