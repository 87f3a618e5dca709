//! The edge: the service that owns copies.
//!
//! It answers `/api/images/{rest}` on the same origin as the app, from memory or disk, and fills itself from its upstream:
//! an Orbit origin or any HTTP image backend. All other paths are passed on, but for what `/_next/image` asks of the same
//! images. It holds no truth and links no codec.
//!
//! - [`Edge`]: the service; [`handler`] reads as the flow of one request.
//! - [`Upstream`]: where a miss goes, over HTTP ([`Pool`]) or in process ([`ServiceUpstream`]).
//! - [`purge`]: how copies are taken away; [`follow`]: how it hears, from an origin, which must go.

mod answer;
mod body;
mod config;
mod error;
mod fetch;
mod fill;
mod follow;
mod handler;
mod health;
mod informational;
mod loops;
mod metrics;
mod next_image;
mod path;
mod profile;
mod proxy;
mod purge;
mod received;
mod target;
mod upstream;
mod wait;

pub use body::Body;
pub use config::{Config, Disk};
pub use error::Error;
pub use follow::Following;
pub use handler::{Backends, Edge};
pub use informational::Informational;
pub use path::Map;
pub use profile::Profile;
pub use upstream::{Breaker, Pool, ServiceUpstream, State, Upstream, Upstreams};
