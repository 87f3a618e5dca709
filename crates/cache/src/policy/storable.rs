//! What a shared cache may keep (RFC 9111 section 3).
//!
//! Narrower than the RFC where a mistake would show one user's picture to another: a response that sets a cookie is not
//! kept, nor one that varies, nor any status but 200.

use http::header::{AUTHORIZATION, SET_COOKIE, VARY};
use http::{HeaderMap, StatusCode};

use super::cache_control::Directives;
use super::{Policy, freshness};

/// Whether a response may be kept for other requests.
#[must_use]
pub fn may_store(status: StatusCode, headers: &HeaderMap, policy: &Policy) -> bool {
    let lives = policy.default_lifetime.is_some() || freshness::is_explicit(headers);
    status == StatusCode::OK && lives && may_share(headers)
}

/// Whether a response may answer other requests that are waiting for it, though it is not kept.
#[must_use]
pub fn may_share(headers: &HeaderMap) -> bool {
    let directives = Directives::of(headers);
    let personal = directives.no_store || directives.private || headers.contains_key(SET_COOKIE);
    !personal && !headers.contains_key(VARY)
}

/// Whether a request may be answered from what others fetched: one with credentials asks for itself.
#[must_use]
pub fn may_answer(request: &HeaderMap) -> bool {
    !request.contains_key(AUTHORIZATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_responses_are_not_kept() {
        for (name, value) in [
            ("cache-control", "private"),
            ("cache-control", "max-age=60, no-store"),
            ("set-cookie", "a=b"),
            ("vary", "accept"),
        ] {
            let mut headers = HeaderMap::new();
            assert!(may_store(StatusCode::OK, &headers, &Policy::image()));
            headers.insert(name, value.parse().unwrap());
            assert!(!may_store(StatusCode::OK, &headers, &Policy::image()), "{name}: {value}");
        }
    }

    #[test]
    fn what_has_no_lifetime_is_not_kept() {
        let policy = Policy { default_lifetime: None, ..Policy::image() };
        let mut headers = HeaderMap::new();
        assert!(!may_store(StatusCode::OK, &headers, &policy));
        headers.insert("cache-control", "max-age=1".parse().unwrap());
        assert!(may_store(StatusCode::OK, &headers, &policy));
    }

    #[test]
    fn errors_and_parts_are_not_kept() {
        for status in [206, 301, 304, 404, 500, 503] {
            assert!(!may_store(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &Policy::image()), "{status}");
        }
    }
}
