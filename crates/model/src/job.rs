//! Jobs: a batch of concepts to be generated for a thread.
//!
//! A [`JobRequest`] is what a caller posts; a [`Job`] is what it is told of the state; a [`QueuedJob`] is what is stored
//! of it. The queue lives in the store and the workers in the origin; here are only the nouns and the identity by which
//! two equal requests are known as one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, EventId, ImageId, JobId, ThreadId};

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
    /// How many of them may be drawn at once; fewer where others want their turn too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<usize>,
    /// How many previews of each are wanted, 0 to 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_images: Option<u8>,
    /// Whether a finished job that asked for the same may be the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reuse: bool,
}

impl JobRequest {
    /// Asks for these concepts, as many at once as there are turns for, without previews.
    #[must_use]
    pub fn new(thread_id: ThreadId, concepts: Vec<Concept>) -> Self {
        Self { thread_id, concepts, concurrency: None, partial_images: None, reuse: false }
    }

    /// Whether every seed is named, so that an equal request means the same pictures. People who ask twice without one want two.
    #[must_use]
    pub fn is_seeded(&self) -> bool {
        self.concepts.iter().all(|concept| concept.seed.is_some())
    }

    /// The identity of the request: equal ones want the same pictures for the same thread, however fast and however shown.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&serde_json::to_vec(&(&self.thread_id, &self.concepts)).unwrap_or_default())
    }

    /// Blanks the prompts, which nobody needs once every image has come or failed.
    ///
    /// Not one by one: until then an equal request must find the same fingerprint, to join the job.
    pub fn forget_prompts(&mut self) {
        for concept in &mut self.concepts {
            concept.prompt.clear();
        }
    }
}

/// How far a job or one of its images has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted, not begun.
    #[default]
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
    /// Why it will not come.
    pub error: Option<JobFailure>,
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

/// Why an image of a job did not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people; of a generator it may be its own words, which may quote the prompt.
    pub message: String,
}

impl JobFailure {
    /// The failure as anybody may hear of it: without a generator's own words.
    #[must_use]
    pub fn public(&self) -> Self {
        let message = match self.code.as_str() {
            "refused" => "the generator does not draw this",
            "generator_failed" => "the generator failed",
            "generator_busy" => "the generator has too much to do",
            _ => &self.message,
        };
        Self { code: self.code.clone(), message: message.to_owned() }
    }
}

/// How far one image of a job has come; at first it is queued.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Where it stands.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: u32,
    /// Why the last attempt failed, where one did.
    pub failure: Option<JobFailure>,
}

/// A job as it was accepted, and how far each of its images has come: what a restart goes on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedJob {
    /// The job's name.
    pub job: JobId,
    /// What was asked for; without prompts once the job has ended.
    pub request: JobRequest,
    /// The id that each image has or will have, in order.
    pub ids: Vec<ImageId>,
    /// The last event of the thread before the job.
    pub after: EventId,
    /// When it was accepted, to the millisecond.
    #[serde(with = "crate::clock::millis")]
    pub created_at: Timestamp,
    /// How far each image has come, in order.
    pub slots: Vec<Slot>,
}

impl QueuedJob {
    /// Whether no image will change any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.slots.iter().all(|slot| slot.state.is_final())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concept(prompt: &str) -> Concept {
        Concept { prompt: prompt.to_owned(), style: None, title: None, model: None, size: None, seed: Some(7) }
    }

    fn job() -> QueuedJob {
        QueuedJob {
            job: "job_1".parse().unwrap(),
            request: JobRequest::new("t".parse().unwrap(), vec![concept("a fox"), concept("a hen")]),
            ids: vec!["fox".parse().unwrap(), "hen".parse().unwrap()],
            after: EventId { millis: 5, sequence: 1 },
            created_at: Timestamp::from_millisecond(1_764_000_000_123).unwrap(),
            slots: vec![Slot::default(); 2],
        }
    }

    #[test]
    fn a_queued_job_survives_being_written_and_read() {
        let failure = JobFailure { code: "timeout".to_owned(), message: "It took too long.".to_owned() };
        let mut job = job();
        job.slots[1] = Slot { state: JobState::Failed, attempts: 3, failure: Some(failure) };
        let json = serde_json::to_string(&job).unwrap();
        assert!(json.contains("\"after\":\"5-1\""), "{json}");
        assert_eq!(serde_json::from_str::<QueuedJob>(&json).unwrap(), job);
    }

    #[test]
    fn a_generators_own_words_are_not_public() {
        let failure = |code: &str| JobFailure { code: code.to_owned(), message: "no a fox, please".to_owned() };
        for code in ["refused", "generator_failed", "generator_busy"] {
            let public = failure(code).public();
            assert!(public.code == code && !public.message.contains("fox"), "{public:?}");
        }
        assert_eq!(failure("cancelled").public(), failure("cancelled"));
    }

    #[test]
    fn a_job_has_ended_when_every_image_has() {
        let mut job = job();
        for (index, state) in [(0, JobState::Done), (1, JobState::Running)] {
            job.slots[index].state = state;
            assert!(!job.has_ended());
        }
        job.slots[1].state = JobState::Cancelled;
        assert!(job.has_ended());
    }

    #[test]
    fn forgetting_prompts_leaves_the_rest_of_the_request() {
        let mut request = job().request;
        request.forget_prompts();
        assert_eq!(request.concepts, [concept(""), concept("")]);
    }
}
