//! The OpenAI Images API, as far as it makes pictures: programs that were written for it run here, and get URLs that last.
//!
//! - `request`: what a program sends, as JSON or as a form, read leniently: what we do not know goes to the backend as it is.
//! - `answer`: what it gets, all at once; `stream`: the same as it comes, previews first.
//! - `error`: problems in the one shape that its libraries read.
//! - `routes`: HTTP.
//!
//! Behind it every request is a job like any other ([`crate::jobs`]), but for one thing: somebody waits for the answer, so it is
//! not gone on with after a restart, and it is cancelled when nobody waits any more.

mod answer;
mod error;
mod request;
pub(crate) mod routes;
mod stream;

pub(crate) use error::refused;
