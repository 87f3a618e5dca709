//! What a shared cache may keep, and whom it may show it to (RFC 9111 sections 3 and 3.5).
//!
//! [`may_store`] decides for every response, also for what a 304 made of a stored one: a 304 may bring `private` or a
//! cookie. Narrower than the RFC where a mistake would show one user what belongs to another:
//!
//! - A response that sets a cookie is kept only where the policy allows that and the response itself says how long it is
//!   fresh; never by a default or a guess. Section 7.3 would let it be kept like any other.
//! - A request with credentials is answered only from what the origin marked as good for all.

use std::fmt;

use http::header::{AUTHORIZATION, ETAG, LAST_MODIFIED, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};

use super::cache_control::Directives;
use super::{Policy, freshness, heuristic, request, status, targeted, vary};
use crate::Head;

/// Why a response is not kept; in logs and metrics as [`Reason::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The method is not one whose responses are kept.
    Method,
    /// The request or the response says `no-store`.
    NoStore,
    /// The response says `private`.
    Private,
    /// The request has credentials, and the response does not say that it is good for all (section 3.5).
    Authorization,
    /// The response sets a cookie.
    SetCookie,
    /// The status is one that is never kept, or that `must-understand` asks to know.
    Status,
    /// The response is a part of a whole.
    Partial,
    /// `Vary` is `*`, cannot be read or names too many fields: no other request can match.
    VaryAny,
    /// Nothing says how long it is fresh.
    NoLifetime,
    /// It would have to be asked for each time, and has nothing to ask by.
    Useless,
}

impl Reason {
    /// The word for it in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::SetCookie => "set-cookie",
            Self::Status => "status",
            Self::Partial => "partial",
            Self::VaryAny => "vary-any",
            Self::NoLifetime => "no-lifetime",
            Self::Useless => "no-cache",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether a response may be kept for other requests (section 3).
///
/// # Errors
/// Why it may not.
pub fn may_store(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    response: &HeaderMap,
    policy: &Policy,
) -> Result<(), Reason> {
    let directives = targeted::directives(response);
    let explicit = freshness::is_explicit(response);
    let has_validator = response.contains_key(ETAG) || response.contains_key(LAST_MODIFIED);
    let must_not = [
        (method != Method::GET, Reason::Method),
        (status == StatusCode::PARTIAL_CONTENT, Reason::Partial),
        (!keeps_status(status, &directives, policy), Reason::Status),
        (directives.no_store && !directives.must_understand, Reason::NoStore),
        (request::Directives::heeded(request, policy).no_store, Reason::NoStore),
        (directives.private, Reason::Private),
        (request.contains_key(AUTHORIZATION) && !directives.is_for_all(), Reason::Authorization),
        (response.contains_key(SET_COOKIE) && !(policy.set_cookie && explicit), Reason::SetCookie),
        (!vary::can_match(response), Reason::VaryAny),
        (!explicit && !may_assume(status, response, &directives, policy), Reason::NoLifetime),
        (directives.no_cache && !has_validator, Reason::Useless),
    ];
    must_not.into_iter().find_map(|(holds, reason)| holds.then_some(reason)).map_or(Ok(()), Err)
}

/// Whether a response may be kept when nobody in particular has asked: an error is the response's own fault, and says something of its
/// URL, where one of [`may_store`] alone is the fault of one request.
///
/// # Errors
/// Why it may not.
pub fn may_store_for_anyone(status: StatusCode, response: &HeaderMap, policy: &Policy) -> Result<(), Reason> {
    may_store(&Method::GET, &HeaderMap::new(), status, response, policy)
}

/// Whether a request may be answered from what is stored: one with credentials only from what the origin marked as good
/// for all by `public`, `s-maxage` or `must-revalidate` (section 3.5).
#[must_use]
pub fn may_answer(request: &HeaderMap, stored: &Head) -> bool {
    !request.contains_key(AUTHORIZATION) || targeted::directives(&stored.headers).is_for_all()
}

/// Whether responses of this status are kept at all, given their directives.
fn keeps_status(status: StatusCode, directives: &Directives, policy: &Policy) -> bool {
    let is_final = !status.is_informational() && status != StatusCode::NOT_MODIFIED;
    let negative = policy.negative_lifetime.is_some() && status::is_negative(status);
    let wanted = status.is_success() || negative || !policy.only_success;
    is_final && wanted && (!directives.must_understand || status::is_understood(status))
}

/// Whether a response that does not say how long it is fresh may be kept nonetheless.
fn may_assume(status: StatusCode, response: &HeaderMap, directives: &Directives, policy: &Policy) -> bool {
    let has_validator = response.contains_key(ETAG) || response.contains_key(LAST_MODIFIED);
    let negative = policy.negative_lifetime.is_some() && status::is_negative(status);
    let assumed = policy.default_lifetime.is_some() || (has_validator && (policy.heuristic || directives.no_cache));
    negative || (assumed && heuristic::is_allowed(status, directives.public))
}

#[cfg(test)]
mod tests;
