//! An HTTP cache engine: one verb, `cache.get(key, fetch)`.
//!
//! - [`Cache`]: the verb. Fresh -> serve; stale -> serve and revalidate behind; miss -> one caller fetches, the rest
//!   join it. [`Cache::purge`] takes a response away, also from a fill that is still in flight.
//! - [`Entry`]: a stored response; [`policy`] decides, as pure functions of `now`, what may be stored and for how long.
//! - [`Tier`]: where entries are kept. [`tier::Memory`] is bounded by bytes and by count; [`tier::Noop`] keeps nothing.
//!
//! A tier is a copy, never the truth: an entry may vanish at any time, and that is a miss. The engine knows nothing of
//! images, stores or origins; it is handed `fetch`.

mod entry;
mod head;
pub mod policy;
mod purge;
pub mod tier;

pub use entry::Entry;
pub use head::Head;
pub use policy::Policy;
pub use purge::Purge;
pub use tier::Tier;

/// Why a fetch brought no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The upstream could not be reached, or broke off.
    #[error("the upstream is unavailable: {0}")]
    Unavailable(String),
    /// The upstream did not answer in time.
    #[error("the upstream did not answer in time")]
    Timeout,
    /// The response is larger than a fill may be.
    #[error("the upstream's response is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
}
