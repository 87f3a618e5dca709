//! What the cache is asked, and what it asks the upstream.

use http::header::{AUTHORIZATION, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use http::{HeaderMap, HeaderName, Method};
use orbit_model::CacheKey;

/// The fields that make a request ask for less than the whole response.
const PARTIAL: [HeaderName; 6] = [RANGE, IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE];

/// A request to the cache: GET, or HEAD where the upstream is to be asked that way too.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The name of what is asked for.
    pub key: &'a CacheKey,
    /// GET or HEAD.
    pub method: &'a Method,
    /// The request's fields.
    pub headers: &'a HeaderMap,
}

impl Ask<'_> {
    /// Whether the request asks for less than the whole: a range, or only what has changed.
    pub(crate) fn is_partial(&self) -> bool {
        PARTIAL.iter().any(|name| self.headers.contains_key(name))
    }

    /// Whether the request is one user's own.
    pub(crate) fn is_personal(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }
}

/// What a fetch is to ask the upstream.
#[derive(Debug, Clone)]
pub enum Question {
    /// GET the whole response, with these fields in place of the client's own conditions and ranges.
    Whole(HeaderMap),
    /// The client's request as it stands.
    AsAsked,
}

impl Question {
    /// Whether a field makes a request ask for less than the whole, so that the cache puts its own in its place.
    #[must_use]
    pub fn narrows(name: &HeaderName) -> bool {
        PARTIAL.contains(name)
    }

    /// The fields that the upstream gets: those of the client, without its conditions and ranges where the whole is
    /// asked for.
    #[must_use]
    pub fn fields(self, client: &HeaderMap) -> HeaderMap {
        let mut headers = client.clone();
        if let Self::Whole(conditions) = self {
            for name in PARTIAL {
                headers.remove(name);
            }
            headers.extend(conditions);
        }
        headers
    }
}
