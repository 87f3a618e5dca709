//! The nouns of Orbit: what every other crate means by an image, a blob, an event.
//!
//! - [`ImageId`], [`ThreadId`], [`JobId`]: names, checked before anything else is touched.
//! - [`Digest`]: BLAKE3 of bytes; the strong `ETag` and the content part of an id come from it.
//! - [`Manifest`]: all that is known of one stored image, the truth; [`Metadata`] is its public face.
//! - [`Recipe`]: what a generator wrote into a file about how it was made; private.
//! - [`Variant`]: a rendition of another size, shape, format or quality, as a URL asks for it and as it is stored.
//! - [`Preconditions`](conditional) and [`ranges`](range): RFC 9110 as pure functions.
//! - [`CacheKey`], [`CacheStatus`]: how tiers name a response and say what they did.
//! - [`access`]: who may write. [`tags`]: what caches further out know an image by.
//! - [`Job`], [`Event`], [`Receipt`], [`Bulletin`], [`Stats`], [`Problem`]: what goes over the wire.
//!
//! No I/O, no async, and no clock: functions take `now`, and [`Clock`] is only the trait.

pub mod access;
mod bulletin;
mod cache_key;
mod cache_status;
pub mod clock;
pub mod conditional;
#[cfg(test)]
mod contract;
mod digest;
mod event;
mod format;
mod id;
mod job;
mod letter;
mod manifest;
mod metadata;
mod problem;
pub mod range;
mod receipt;
mod recipe;
mod stats;
pub mod tags;
pub mod variant;

pub use access::Access;
pub use bulletin::{Bulletin, Notice, Position};
pub use cache_key::CacheKey;
pub use cache_status::{CacheStatus, Forward};
pub use clock::Clock;
pub use digest::Digest;
pub use event::{
    ConceptFailed, ConceptPreview, ConceptProgress, ConceptStarted, ConceptsGenerated, Event, EventId, ImagePurged,
};
pub use format::Format;
pub use id::{ImageId, JobId, ThreadId};
pub use job::{Concept, Job, JobFailure, JobImage, JobRequest, JobState, QueuedJob, Slot};
pub use letter::{Letter, LetterState, Letters};
pub use manifest::{BlobName, Derived, Labels, Manifest, Placeholder, PrivateFile, Rendition, Source};
pub use metadata::{Metadata, MetadataPage};
pub use problem::Problem;
pub use receipt::{EdgeReceipt, PurgeRequest, Receipt, Removed};
pub use recipe::Recipe;
pub use stats::{CodecStats, EdgeStats, FollowStats, JobStats, Stats, StoreStats, TierStats};
pub use variant::{Query as VariantQuery, Variant};

/// Why a value from outside is not one of our nouns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text does not have the grammar of `what`.
    #[error("not a valid {what}: {reason}")]
    Invalid {
        /// The noun that was expected, as in "image id".
        what: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl Error {
    pub(crate) fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { what, reason: reason.into() }
    }
}
