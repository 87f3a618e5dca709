//! The truth of Orbit: what is stored, what is known of it, and what happened to it.
//!
//! - [`Store`]: the one door; it keeps files and index in step, whatever crashes in between.
//! - [`BlobStore`]: files in one folder an image; [`FileSystem`] keeps them on a disk, [`Objects`] in a bucket.
//! - [`ImageIndex`]: lists and sums, derived from manifests and remade from them; [`Sqlite`] keeps it.
//! - [`EventLog`]: what the subscribers of a thread are told; [`MemoryLog`] keeps the last of it.
//! - [`JobQueue`]: jobs that were accepted and how far they have come; [`MemoryQueue`] keeps them for tests.
//! - [`PurgeLog`]: what edges are told to drop, and how far each has come; [`PurgeJournal`] keeps it in a file.
//! - [`Journal`]: events and jobs in a file, for a restart to go on with.
//! - [`Letters`]: purges that a CDN has not confirmed, in a file.
//!
//! - [`redis`]: what several nodes share in one Redis; never the only copy of anything.
//!
//! Errors surface: nothing here is a copy that may be lost. The crate knows neither caches nor HTTP, never reads the
//! wall clock, and does all disk work on tokio's blocking threads.

mod blob;
mod blocking;
mod database;
mod error;
mod events;
mod filesystem;
#[cfg(test)]
mod fixtures;
mod index;
mod journal;
mod letters;
mod memory;
mod objects;
mod purges;
mod queue;
pub mod redis;
mod sqlite;
mod store;
mod transfer;

pub use blob::{BlobStore, Deleted, File, PutMode, Version};
pub use error::Error;
pub use events::EventLog;
pub use filesystem::FileSystem;
pub use index::{ImageIndex, Page, Query, Totals, Want};
pub use journal::Journal;
pub use letters::Letters;
pub use memory::{EventLimits, MemoryLog};
pub use objects::Objects;
pub use purges::{
    Appended, Attendance, Attending, Follower, MemoryPurges, Outbox, PurgeJournal, PurgeLog,
    RETAINED as RETAINED_PURGES, Reading,
};
pub use queue::{JobQueue, MemoryQueue};
pub use sqlite::Sqlite;
pub use store::{Bound, Bounds, Committed, Erased, Excess, Expect, Going, Mended, Recovered, Reindexed, Store};
pub use transfer::{TransferOptions, Transferred, transfer};
