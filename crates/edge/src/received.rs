//! A request as it was received, made to mean one thing before anybody looks at it.
//!
//! Cache and upstream must read the same request, or one client's answer is kept under another's name (T-KEY-1, T-KEY-3):
//!
//! 1. It has one host: that of the URI, where there is one (RFC 9112 section 3.2.2, RFC 9113 section 8.3.1), and nothing but a host.
//! 2. Its body is in no coding that would be taken off on the way.
//! 3. What `Connection` names is for this connection only, and selects nothing.
//! 4. Its cookies are one field again: HTTP/2 parts them (RFC 9113 section 8.2.3).
//!
//! Called first for every request; doing it twice changes nothing.

use http::header::{CONNECTION, COOKIE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request};
use orbit_cache::policy::hop_by_hop;

use crate::Error;

/// Makes a request mean one thing.
///
/// # Errors
/// [`Error::Invalid`] where it means none, or more than one.
pub(crate) fn settle<B>(request: &mut Request<B>) -> Result<(), Error> {
    settle_host(request)?;
    let headers = request.headers_mut();
    if headers.contains_key(TRANSFER_ENCODING) {
        check_coding(headers)?;
    }
    if headers.contains_key(CONNECTION) {
        hop_by_hop::remove_named(headers);
    }
    join_cookies(headers);
    Ok(())
}

fn settle_host<B>(request: &mut Request<B>) -> Result<(), Error> {
    let refuse = || Error::Invalid("the request must name one host, as in `Host: example.org`".to_owned());
    if let Some(authority) = request.uri().authority() {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host).ok().filter(is_host).ok_or_else(refuse)?;
        request.headers_mut().insert(HOST, host);
        return Ok(());
    }
    let mut lines = request.headers().get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(host), None) if is_host(host) => Ok(()),
        _ => Err(refuse()),
    }
}

/// Whether a value is a host and perhaps a port (RFC 3986 section 3.2.2), as far as its characters tell: with a slash in it, it would
/// run into the path.
fn is_host(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(byte))
}

fn check_coding(headers: &HeaderMap) -> Result<(), Error> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Error::Invalid("of transfer codings only `chunked` is understood".to_owned())),
    }
}

fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = match headers.get_all(COOKIE).iter().nth(1) {
        Some(_) => headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect(),
        None => return,
    };
    if let Ok(cookies) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, cookies);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(uri: &str, pairs: &[(&'static str, &'static str)]) -> Option<HeaderMap> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        settle(&mut request).ok()?;
        let once = request.headers().clone();
        settle(&mut request).unwrap();
        assert_eq!(*request.headers(), once);
        Some(once)
    }

    #[test]
    fn the_host_of_the_uri_outranks_the_field() {
        for (uri, host) in [
            ("http://a.example/x", "a.example"),
            ("http://user@a.example:81/x", "a.example:81"),
            ("http://[::1]:80/", "[::1]:80"),
        ] {
            let headers = settled(uri, &[("host", "b.example"), ("host", "c.example")]).unwrap();
            assert_eq!(headers.get_all(HOST).iter().collect::<Vec<_>>(), [host]);
        }
        assert_eq!(settled("/x", &[("host", "B.example:8000")]).unwrap()[HOST], "B.example:8000");
        assert!(settled("/x", &[]).is_some() && settled("/x", &[("host", "")]).is_some());
    }

    #[test]
    fn what_is_no_host_or_more_than_one_is_refused() {
        for host in ["a.example/account", "a.example?x", "a.example#x", "user@a.example", "a b", "a\\b", "ä.example"] {
            assert!(settled("/x", &[("host", host)]).is_none(), "{host}");
        }
        assert!(settled("/x", &[("host", "a.example"), ("host", "a.example")]).is_none());
    }

    #[test]
    fn a_coding_that_would_be_taken_off_is_refused() {
        assert!(settled("/x", &[("transfer-encoding", "Chunked")]).is_some());
        for coding in ["gzip, chunked", "chunked, chunked", "gzip", ""] {
            assert!(settled("/x", &[("transfer-encoding", coding)]).is_none(), "{coding}");
        }
    }

    #[test]
    fn what_connection_names_selects_nothing_and_an_upgrade_stays_one() {
        let pairs = [("connection", "accept, upgrade, via, host"), ("accept", "image/avif"), ("upgrade", "websocket")];
        let headers = settled("/x", &[&pairs[..], &[("via", "1.1 a"), ("host", "a.example")]].concat()).unwrap();
        let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["connection", "host", "upgrade", "via"]);
    }

    #[test]
    fn crumbs_of_a_cookie_are_one_cookie() {
        let headers = settled("/x", &[("cookie", "a=1"), ("cookie", "b=2; c=3")]).unwrap();
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }
}
