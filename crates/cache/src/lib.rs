//! An HTTP cache engine: one verb, `cache.get(ask, fetch)`.
//!
//! - [`Cache`]: the verb. Fresh -> serve; stale -> serve and revalidate behind; miss -> one caller fetches, the rest
//!   join it and read the body while it arrives. [`Cache::purge`] takes responses away, also from a fill in flight, and
//!   [`Cache::lend`] bounds for how long anything may be served without asking.
//! - [`Entry`]: a stored response, its [`Head`] and its bytes; [`policy`] decides, as pure functions of `now`, what may
//!   be stored, for how long, and which request it answers.
//! - [`Tier`]: where entries are kept: [`tier::Memory`], [`tier::Disk`], and [`tier::Noop`], which keeps nothing.
//! - [`Body`]: what is sent: stored bytes, a fill in flight, or a response that merely passes.
//!
//! A tier is a copy, never the truth: an entry may vanish at any time, and that is a miss. The engine knows nothing of
//! images, stores or origins; it is handed `fetch`.

mod ask;
mod body;
mod bypass;
mod entry;
mod error;
mod fill;
mod flight;
mod found;
mod head;
mod lead;
mod lease;
mod limits;
pub mod policy;
mod pump;
mod purge;
mod room;
mod stack;
pub mod tier;
mod update;

pub use ask::{Ask, Question};
pub use body::Body;
pub use entry::Entry;
pub use error::Error;
pub use found::{Forwarded, Found, Outcome};
pub use head::{Head, Update, compact};
pub use limits::Limits;
pub use policy::Policy;
pub use purge::{Purge, Purged};
pub use stack::{Cache, Looked, Lookup};
pub use tier::Tier;
