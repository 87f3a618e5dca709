//! Events: what a thread's subscribers are told, and in what order.
//!
//! An [`EventId`] orders the events of a thread and survives a restart, because it begins with the wall clock's
//! milliseconds; `Last-Event-ID` is compared with it. Data carry URLs and placeholders, never image bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ImageId, JobId, Metadata, ThreadId};

/// The place of an event in its thread, written `{milliseconds}-{sequence}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    /// Milliseconds since 1970 of the clock when it was appended, or of an earlier event if the clock went back.
    pub millis: u64,
    /// Tells apart events of one millisecond.
    pub sequence: u64,
}

impl EventId {
    /// The id of the next event at `now_millis`: always greater than `self`.
    #[must_use]
    pub fn next(self, now_millis: u64) -> Self {
        if now_millis > self.millis {
            return Self { millis: now_millis, sequence: 0 };
        }
        Self { millis: self.millis, sequence: self.sequence + 1 }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for EventId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once('-').and_then(|(millis, sequence)| {
            Some(Self { millis: millis.parse().ok()?, sequence: sequence.parse().ok()? })
        });
        parts.ok_or_else(|| Error::invalid("event id", "it must be the id of an event, as in 1764000000000-5"))
    }
}

impl TryFrom<String> for EventId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}

/// Something that happened in a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// An image of a job is being drawn.
    ConceptStarted(ConceptStarted),
    /// An image of a job can be seen before it is finished.
    ConceptPreview(ConceptPreview),
    /// An image of a job is stored and can be loaded.
    ConceptProgress(Box<ConceptProgress>),
    /// An image of a job will not come.
    ConceptFailed(ConceptFailed),
    /// A job has ended.
    ConceptsGenerated(ConceptsGenerated),
    /// An image is gone from every tier.
    ImagePurged(ImagePurged),
}

/// Data of `concept_started`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptStarted {
    /// The thread.
    pub thread_id: ThreadId,
    /// The job.
    pub job: JobId,
    /// The image's place in the job, from 0.
    pub index: usize,
    /// How many images the job has.
    pub total: usize,
    /// How many of them are stored by now.
    pub completed: usize,
    /// The id that the image will have.
    pub id: ImageId,
    /// Where a browser will load it from.
    pub url: String,
    /// How often it was tried to draw it, this time included.
    pub attempt: u32,
}

/// Data of `concept_preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptPreview {
    /// The thread.
    pub thread_id: ThreadId,
    /// The job.
    pub job: JobId,
    /// The image's place in the job, from 0.
    pub index: usize,
    /// How many images the job has.
    pub total: usize,
    /// How many of them are stored by now.
    pub completed: usize,
    /// The id that the image will have.
    pub id: ImageId,
    /// The preview's place among those of the image, from 0.
    pub preview: u8,
    /// Where a browser loads the preview from, while the image is being drawn and for a little longer.
    pub url: String,
}

/// Data of `concept_progress`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptProgress {
    /// The thread.
    pub thread_id: ThreadId,
    /// The job.
    pub job: JobId,
    /// The image's place in the job, from 0.
    pub index: usize,
    /// How many images the job has.
    pub total: usize,
    /// How many of them are stored by now.
    pub completed: usize,
    /// The image.
    pub image: Metadata,
}

/// Data of `concept_failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptFailed {
    /// The thread.
    pub thread_id: ThreadId,
    /// The job.
    pub job: JobId,
    /// The image's place in the job, from 0.
    pub index: usize,
    /// How many images the job has.
    pub total: usize,
    /// How many of them are stored by now.
    pub completed: usize,
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// Data of `concepts_generated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptsGenerated {
    /// The thread.
    pub thread_id: ThreadId,
    /// The job.
    pub job: JobId,
    /// How many images were asked for.
    pub total: usize,
    /// How many did not come.
    pub failed: usize,
    /// Those that came, in the order of the request.
    pub images: Vec<Metadata>,
}

/// Data of `image_purged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePurged {
    /// The thread.
    pub thread_id: ThreadId,
    /// The image.
    pub id: ImageId,
}

impl Event {
    /// The name on the wire, as in `concept_progress`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ConceptStarted(_) => "concept_started",
            Self::ConceptPreview(_) => "concept_preview",
            Self::ConceptProgress(_) => "concept_progress",
            Self::ConceptFailed(_) => "concept_failed",
            Self::ConceptsGenerated(_) => "concepts_generated",
            Self::ImagePurged(_) => "image_purged",
        }
    }

    /// The thread whose subscribers are told.
    #[must_use]
    pub fn thread_id(&self) -> &ThreadId {
        match self {
            Self::ConceptStarted(data) => &data.thread_id,
            Self::ConceptPreview(data) => &data.thread_id,
            Self::ConceptProgress(data) => &data.thread_id,
            Self::ConceptFailed(data) => &data.thread_id,
            Self::ConceptsGenerated(data) => &data.thread_id,
            Self::ImagePurged(data) => &data.thread_id,
        }
    }

    /// The job that it tells of, if it tells of one.
    #[must_use]
    pub fn job(&self) -> Option<&JobId> {
        match self {
            Self::ConceptStarted(data) => Some(&data.job),
            Self::ConceptPreview(data) => Some(&data.job),
            Self::ConceptProgress(data) => Some(&data.job),
            Self::ConceptFailed(data) => Some(&data.job),
            Self::ConceptsGenerated(data) => Some(&data.job),
            Self::ImagePurged(_) => None,
        }
    }

    /// The data as one line of JSON.
    #[must_use]
    pub fn data(&self) -> String {
        let json = match self {
            Self::ConceptStarted(data) => serde_json::to_string(data),
            Self::ConceptPreview(data) => serde_json::to_string(data),
            Self::ConceptProgress(data) => serde_json::to_string(data),
            Self::ConceptFailed(data) => serde_json::to_string(data),
            Self::ConceptsGenerated(data) => serde_json::to_string(data),
            Self::ImagePurged(data) => serde_json::to_string(data),
        };
        // Plain structs with string keys: writing them into memory has no way to fail.
        json.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn event_ids_grow_whatever_the_clock_does(clock in proptest::collection::vec(0u64..1000, 1..50)) {
            let mut last = EventId::default();
            for now in clock {
                let next = last.next(now);
                prop_assert!(next > last);
                prop_assert_eq!(next.to_string().parse::<EventId>().unwrap(), next);
                last = next;
            }
        }
    }

    #[test]
    fn text_that_is_no_event_id_is_refused() {
        for text in ["", "5", "-", "a-b", "1-", "1-2-3", "-1-0"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
