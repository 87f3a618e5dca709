//! Who draws: the [`Generator`] trait and the demo generator.
//!
//! A generator turns one concept into the bytes of a source image; storing, naming and telling is not its affair.
//! [`worker`] takes a concept through all of it.

pub mod demo;
pub(crate) mod worker;

use async_trait::async_trait;
use bytes::Bytes;
use orbit_model::Concept;

pub use demo::Demo;

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The concept as the caller wrote it.
    pub concept: Concept,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Chooses among the pictures of one prompt: the concept's seed, or else its place in the job.
    pub seed: u64,
}

/// Why nothing was drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend does not do this; the text may be shown to the caller.
    #[error("{0}")]
    Refused(String),
    /// The backend failed; another try may do.
    #[error("the generator failed: {0}")]
    Failed(String),
}

/// Draws pictures. Dropping the future cancels the work.
#[async_trait]
pub trait Generator: Send + Sync + std::fmt::Debug {
    /// The name of the model, where the concept does not choose one.
    fn model(&self) -> &str;

    /// Draws one picture and returns it as the bytes of an image file.
    async fn generate(&self, request: Request) -> Result<Bytes, Error>;
}
