//! Fields that concern one connection only, which no intermediary passes on or keeps (RFC 9110 section 7.6.1, RFC 9111
//! section 3.1).
//!
//! A field that is meant for every recipient stays although `Connection` names it: section 7.6.1 forbids to name it, and
//! whoever does so wants a cache to forget a `Cache-Control: private`, or an upstream the credentials of a request.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, COOKIE,
    DATE, ETAG, EXPIRES, HOST, LAST_MODIFIED, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY, VIA,
};
use http::{HeaderMap, HeaderName};

/// Fields that are meant for every recipient, besides those of [`ALSO_FOR_ALL`].
const FOR_ALL: [HeaderName; 15] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    ETAG,
    EXPIRES,
    HOST,
    LAST_MODIFIED,
    SET_COOKIE,
    VARY,
    VIA,
];
/// The same, of those that `http` has no constant for.
const ALSO_FOR_ALL: [&str; 2] = ["cdn-cache-control", "cdn-loop"];

/// Removes the fields that concern one connection only, and those that `Connection` names.
pub fn remove(headers: &mut HeaderMap) {
    remove_named(headers);
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in
        ["keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization"]
    {
        headers.remove(name);
    }
}

/// Removes the fields that `Connection` names, but for what is said of the connection itself.
pub fn remove_named(headers: &mut HeaderMap) {
    let stays = |name: &HeaderName| {
        FOR_ALL.contains(name) || ALSO_FOR_ALL.contains(&name.as_str()) || [CONNECTION, UPGRADE].contains(name)
    };
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !stays(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(pairs: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        remove(&mut headers);
        let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn fields_of_one_connection_are_removed_and_those_that_it_names() {
        let fields = [
            ("connection", "close, X-Secret"),
            ("connection", "b"),
            ("x-secret", "1"),
            ("b", "1"),
            ("keep-alive", "5"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "a=b"),
            ("proxy-authorization", "Basic x"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-open", "1"),
        ];
        assert_eq!(left(&fields), ["x-open"]);
    }

    #[test]
    fn a_field_for_every_recipient_stays() {
        let fields = [
            ("connection", "cache-control, cdn-cache-control, vary, authorization"),
            ("cache-control", "private"),
            ("cdn-cache-control", "private"),
            ("vary", "*"),
            ("authorization", "FOO"),
        ];
        assert_eq!(left(&fields), ["authorization", "cache-control", "cdn-cache-control", "vary"]);
    }
}
