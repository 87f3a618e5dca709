//! Who may write: the one rule that origin and edge share.
//!
//! With a token, only who bears it. Without one the server listens on loopback, and only programs of this machine
//! may write: a request whose `Host` is not a loopback name (DNS rebinding) or that a page of another site sent is
//! refused. A pure decision on request headers.
//!
//! Where there is a token, the events of a thread are for its bearer and for who has the thread's ticket (T-SSE-3). A ticket is what a
//! page can be given: an `EventSource` sends no headers. It opens one thread and lives as long as the token.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, Uri};

use crate::{Digest, ThreadId};

/// The rule, made once at start.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The token's digest: compared instead of the token, so that time tells nothing about it.
    token: Option<Digest>,
}

/// Why a write is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is missing or wrong.
    #[error("this needs the header `Authorization: Bearer TOKEN` with the server's token")]
    Unauthorized,
    /// Neither the token nor the thread's ticket was sent.
    #[error(
        "this needs the thread's ticket as `?ticket=`, which `POST /generations` and `GET /threads/{{thread}}/ticket` tell who \
         bears the token"
    )]
    NoTicket,
    /// A page of another site sent the request.
    #[error("a page of another site may not do this; start the server with a token and send it")]
    CrossSite,
    /// The request came under a name that is not loopback.
    #[error("without a token only requests to a loopback name, as in http://127.0.0.1, may do this")]
    ForeignHost,
}

impl Access {
    /// Only who bears `token` may write.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        Self { token: Some(Digest::of(token.as_bytes())) }
    }

    /// Only programs of this machine may write.
    #[must_use]
    pub fn loopback_only() -> Self {
        Self { token: None }
    }

    /// Whether a token is asked for.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Decides whether a request may write; `uri` gives the host where the header does not.
    ///
    /// # Errors
    /// The [`Refusal`], whose text says what to do.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.token {
            Some(token) if bears(headers, token) => Ok(()),
            Some(_) => Err(Refusal::Unauthorized),
            None => check_local(uri, headers),
        }
    }

    /// What opens the events of a thread to who does not bear the token; `None` where they are open to all.
    #[must_use]
    pub fn ticket(&self, thread: &ThreadId) -> Option<String> {
        self.token.map(|token| ticket(&token, thread).hex())
    }

    /// Decides whether a request may hear of a thread.
    ///
    /// # Errors
    /// [`Refusal::NoTicket`] where there is a token and neither it nor the thread's ticket was sent.
    pub fn check_listener(&self, headers: &HeaderMap, thread: &ThreadId, given: Option<&str>) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let shows = || given.is_some_and(|given| is(given, &Digest::of(ticket(token, thread).hex().as_bytes())));
        if bears(headers, token) || shows() { Ok(()) } else { Err(Refusal::NoTicket) }
    }
}

/// Only who knows the token can make it, and it tells nothing of another thread's.
fn ticket(token: &Digest, thread: &ThreadId) -> Digest {
    token.key(format!("the events of {thread}").as_bytes())
}

fn bears(headers: &HeaderMap, token: &Digest) -> bool {
    bearer(headers).is_some_and(|given| is(given, token))
}

/// Whether what was given has this digest, found out in a time that tells nothing of it.
fn is(given: &str, digest: &Digest) -> bool {
    Digest::of(given.as_bytes()).same_as(digest)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn check_local(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let host = text(HOST).or(uri.authority().map(http::uri::Authority::as_str));
    if !host.is_some_and(is_loopback) {
        return Err(Refusal::ForeignHost);
    }
    let from_here =
        text(ORIGIN).is_none_or(|origin| origin.split_once("://").is_some_and(|(_, authority)| is_loopback(authority)));
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if from_here && !cross_site { Ok(()) } else { Err(Refusal::CrossSite) }
}

/// Whether an authority (`host` or `host:port`) names this machine's loopback.
#[must_use]
pub fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<http::uri::Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let named = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    named || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(access: &Access, pairs: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        access.check(&Uri::from_static("/images"), &headers)
    }

    #[test]
    fn with_a_token_only_its_bearer_may_write() {
        let access = Access::with_token("s3cret");
        assert_eq!(check(&access, &[("authorization", "Bearer s3cret")]), Ok(()));
        assert_eq!(check(&access, &[("authorization", "bearer s3cret"), ("host", "evil.example")]), Ok(()));
        for wrong in ["Bearer s3cre", "Bearer s3cret2", "Bearer ", "Basic s3cret", "s3cret", ""] {
            assert_eq!(check(&access, &[("authorization", wrong), ("host", "localhost")]), Err(Refusal::Unauthorized));
        }
        assert_eq!(check(&access, &[("host", "localhost")]), Err(Refusal::Unauthorized));
    }

    #[test]
    fn a_ticket_opens_its_own_thread_and_no_other() {
        let (access, other) = (Access::with_token("s3cret"), Access::with_token("another"));
        let [mine, yours] = ["mine", "yours"].map(|thread| thread.parse::<ThreadId>().unwrap());
        let ticket = access.ticket(&mine).unwrap();
        let headers = HeaderMap::new();
        assert_eq!(access.check_listener(&headers, &mine, Some(&ticket)), Ok(()));
        for (thread, given) in [
            (&yours, Some(&*ticket)),
            (&mine, None),
            (&mine, Some("")),
            (&mine, Some(&ticket[1..])),
            (&mine, Some("s3cret")),
        ] {
            assert_eq!(access.check_listener(&headers, thread, given), Err(Refusal::NoTicket), "{thread} {given:?}");
        }
        assert_eq!(other.check_listener(&headers, &mine, Some(&ticket)), Err(Refusal::NoTicket));
        let bearing = HeaderMap::from_iter([(AUTHORIZATION, "Bearer s3cret".parse().unwrap())]);
        assert_eq!(access.check_listener(&bearing, &yours, None), Ok(()));
        assert_eq!(Access::loopback_only().ticket(&mine), None);
        assert_eq!(Access::loopback_only().check_listener(&headers, &mine, None), Ok(()));
    }

    #[test]
    fn without_a_token_only_programs_of_this_machine_may_write() {
        let access = Access::loopback_only();
        type Case<'a> = (&'a [(&'static str, &'a str)], Result<(), Refusal>);
        let table: &[Case<'_>] = &[
            (&[("host", "127.0.0.1:8000")], Ok(())),
            (&[("host", "localhost")], Ok(())),
            (&[("host", "[::1]:8000")], Ok(())),
            (&[("host", "app.localhost:3000"), ("sec-fetch-site", "same-origin")], Ok(())),
            (
                &[("host", "localhost:8000"), ("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")],
                Ok(()),
            ),
            (&[("host", "localhost:8000"), ("sec-fetch-site", "cross-site")], Err(Refusal::CrossSite)),
            (&[("host", "localhost:8000"), ("origin", "https://evil.example")], Err(Refusal::CrossSite)),
            (&[("host", "localhost:8000"), ("origin", "null")], Err(Refusal::CrossSite)),
            (&[("host", "localhost:8000"), ("origin", "http://localhost.evil.example")], Err(Refusal::CrossSite)),
            (&[("host", "rebound.example:8000")], Err(Refusal::ForeignHost)),
            (&[("host", "127.0.0.1.evil.example")], Err(Refusal::ForeignHost)),
            (&[], Err(Refusal::ForeignHost)),
        ];
        for (pairs, expected) in table {
            assert_eq!(check(&access, pairs), *expected, "{pairs:?}");
        }
    }
}
