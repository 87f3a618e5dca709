//! The edge: the service that owns copies.
//!
//! It answers `/api/images/{rest}` on the same origin as the app, from memory, and fills itself from one upstream: an
//! Orbit origin or any HTTP image backend. All other paths are passed on. It holds no truth and links no codec.
//!
//! - [`Edge`]: the service; [`handler`] reads as the flow of one request.
//! - [`Upstream`]: where a miss goes, over HTTP ([`HttpUpstream`]) or in process ([`ServiceUpstream`]).
//! - [`purge`]: how copies are taken away.

mod answer;
mod body;
mod config;
mod error;
mod handler;
mod health;
mod informational;
mod path;
mod proxy;
mod purge;
mod upstream;

pub use body::Body;
pub use config::Config;
pub use error::Error;
pub use handler::Edge;
pub use informational::Informational;
pub use upstream::{HttpUpstream, ServiceUpstream, Upstream};
