//! Cache policy as pure functions that take `now`, one file a topic (RFC 9111).
//!
//! - [`cache_control`]: the directives of `Cache-Control`, section 5.2; [`targeted`]: of `CDN-Cache-Control`, RFC 9213.
//! - [`request`]: what a client asks of caches, sections 5.2.1 and 5.4.
//! - [`storable`]: what a shared cache may keep, section 3; [`status`]: what it knows of status codes.
//! - [`hop_by_hop`]: what is of one connection only, section 3.1.
//! - [`vary`]: which stored response answers which request, section 4.1.
//! - [`freshness`]: for how long, section 4.2; [`heuristic`] where nothing says it, [`age`] for how old it is,
//!   [`dates`] for how time is written; RFC 5861 for stale serving.
//! - [`validation`]: whether what is stored still holds, sections 4.3.1 to 4.3.4; [`head_update`], section 4.3.5.
//! - [`invalidation`]: what a write takes away, section 4.4.
//!
//! [`Policy`] holds what an operator may choose; nothing here does I/O or reads a clock.

pub mod age;
pub mod cache_control;
pub mod dates;
pub mod freshness;
pub mod head_update;
pub mod heuristic;
pub mod hop_by_hop;
pub mod invalidation;
pub mod request;
pub mod status;
pub mod storable;
pub mod targeted;
pub mod validation;
pub mod vary;

use std::time::Duration;

use http::HeaderName;

/// What an operator may choose of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Freshness of a response that says nothing of its own; `None` leaves it to the heuristic, where that is on.
    pub default_lifetime: Option<Duration>,
    /// Freshness by a share of the time since `Last-Modified`, where nothing else says it (RFC 9111 section 4.2.2).
    pub heuristic: bool,
    /// The longest that a 404 or 410 is kept, and how long where it says nothing; `None` treats them as any other status.
    pub negative_lifetime: Option<Duration>,
    /// Whether redirects and errors are never kept, but for what `negative_lifetime` allows.
    pub only_success: bool,
    /// Whether a response that sets a cookie may be kept where it says itself for how long (RFC 9111 section 7.3).
    pub set_cookie: bool,
    /// How long past its freshness a response is served while it is revalidated behind.
    pub stale_while_revalidate: Duration,
    /// How long past its freshness a response is served where the upstream cannot be reached or breaks off.
    pub stale_if_error: Duration,
    /// Whether `stale_if_error` also holds for an upstream that answers 500, 502, 503 or 504; else only the response's own
    /// `stale-if-error` does (RFC 9111 section 4.2.4).
    pub stale_on_server_error: bool,
    /// Whether clients' own `Cache-Control` counts (RFC 9111 section 5.2.1).
    pub request_directives: bool,
    /// The request fields that reach the upstream; `None` is all of them.
    pub forwarded: Option<&'static [HeaderName]>,
}

impl Policy {
    /// For images that are written once: an hour fresh, then a day stale. Clients cannot make it ask again, and their
    /// fields do not reach the upstream, but for `Accept`.
    #[must_use]
    pub fn image() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self {
            default_lifetime: Some(Duration::from_secs(3600)),
            heuristic: false,
            negative_lifetime: Some(Duration::from_secs(5)),
            only_success: true,
            set_cookie: false,
            stale_while_revalidate: day,
            stale_if_error: day,
            stale_on_server_error: true,
            request_directives: false,
            forwarded: Some(&[http::header::ACCEPT]),
        }
    }

    /// A plain shared cache as RFC 9111 has it: no lifetime but what responses say, or the heuristic.
    #[must_use]
    pub fn rfc() -> Self {
        Self {
            default_lifetime: None,
            heuristic: true,
            negative_lifetime: None,
            only_success: false,
            set_cookie: true,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::from_secs(24 * 3600),
            stale_on_server_error: false,
            request_directives: true,
            forwarded: None,
        }
    }

    /// Whether a request field reaches the upstream.
    #[must_use]
    pub fn forwards(&self, name: &HeaderName) -> bool {
        self.forwarded.is_none_or(|names| names.contains(name))
    }
}
