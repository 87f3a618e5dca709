//! Bytes of an image in; the bytes that a page should show out.
//!
//! Three verbs, each with its steps in its file:
//!
//! - [`encode()`]: an image that has just come, as a WebP that can be served at once, and its placeholder.
//! - [`refine()`]: the same image once more, as small as it gets, while nobody waits.
//! - [`transform()`]: a rendition of another size, shape, format or quality.
//!
//! Beside them [`recipe()`] lifts out what a generator wrote into a file, and [`with_text`] writes it into one.
//!
//! The verbs share what their steps are made of: [`probe()`] and `decode` read, `steps` change pixels, `encode` writes, `quality`
//! searches, `label` says where it comes from.
//!
//! Synchronous and CPU only: no I/O, no async, no clock but the stopwatches of [`Timings`] and [`Stop`]. The services call it
//! from a bounded blocking pool. It knows nothing of ids, stores or HTTP.

mod animation;
mod decode;
mod encode;
mod error;
mod ingest;
mod label;
mod limits;
pub mod memory;
mod pixels;
mod placeholder;
mod probe;
mod provenance;
mod quality;
mod recipe;
mod refine;
mod score;
mod steps;
mod stop;
mod transform;

pub use encode::{Quality, png::encode_png};
pub use error::Error;
pub use ingest::{Encoded, Timings, encode};
pub use limits::Limits;
pub use probe::{Probe, probe};
pub use provenance::{Mark, Signer};
pub use recipe::{recipe, with_text};
pub use refine::refine;
pub use stop::Stop;
pub use transform::{Effort, Rendered, Terms, transform};

#[cfg(test)]
mod tests;
