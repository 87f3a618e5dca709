//! Who draws: the [`Generator`] trait, and which of them has which model.
//!
//! A generator turns one concept into the bytes of a source image; storing, naming and telling is not its affair, and neither
//! is trying again. [`worker`] takes a concept through all of it.

pub mod command;
pub mod demo;
mod models;
pub mod openai;
pub(crate) mod previews;
pub(crate) mod worker;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use orbit_model::Concept;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

pub use command::Command;
pub use demo::Demo;
pub use models::Models;
pub use openai::OpenAi;

/// What to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The concept as the caller wrote it; its model is one of the generator's.
    pub concept: Concept,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Chooses among the pictures of one prompt: the concept's seed, or else its place in the job.
    pub seed: u64,
    /// How many previews are wanted, 0 to 3; a backend may send fewer.
    pub previews: u8,
    /// The pictures to start from: with any, this is an edit.
    pub inputs: Vec<Input>,
    /// Fields of the caller's request that mean something to the backend alone, handed on as they are.
    pub extra: Map<String, Value>,
}

/// A picture that an edit starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The name of its field, as in `image`, `image[]` or `mask`.
    pub field: String,
    /// The file's name.
    pub file_name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A picture before it is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Its place among the previews, from 0.
    pub index: u8,
    /// The bytes of an image file.
    pub bytes: Bytes,
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The bytes of an image file.
    pub bytes: Bytes,
    /// The prompt that the backend made of the caller's.
    pub revised_prompt: Option<String>,
}

/// Why nothing was drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend does not do this, and will not do it the next time; the text may be shown to the caller.
    #[error("{0}")]
    Refused(String),
    /// The backend failed; another try may do.
    #[error("the generator failed: {0}")]
    Failed(String),
    /// The backend has too much to do; another try may do after a while.
    #[error("the generator is busy: {message}")]
    Busy {
        /// What it said.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The backend took too long; another try may do.
    #[error("the generator took longer than {} s", .0.as_secs())]
    Timeout(Duration),
}

impl Error {
    /// Whether another try may do.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// Draws pictures. Dropping the future cancels the work.
#[async_trait]
pub trait Generator: Send + Sync + std::fmt::Debug {
    /// The models that it draws with, the usual one first; never empty.
    fn models(&self) -> &[String];

    /// Whether it takes models that nobody has named, as one does that hands the name on.
    fn takes_any_model(&self) -> bool {
        false
    }

    /// Draws one picture; what it can show before goes into `previews`, and is dropped where nobody takes it.
    async fn generate(&self, request: Request, previews: mpsc::Sender<Preview>) -> Result<Picture, Error>;
}
