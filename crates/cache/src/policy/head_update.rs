//! What an answer to HEAD says of a stored response to GET (RFC 9111 section 4.3.5).

use http::header::{CONTENT_LENGTH, ETAG, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

use crate::Head;

/// What to do with a stored response to GET that could have been chosen for a HEAD request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The same bytes: update its fields, as by a 304.
    Freshen,
    /// Other bytes: take it for stale.
    Invalidate,
    /// The answer says nothing of it.
    Nothing,
}

/// What the answer to a HEAD request means for a stored response: only a 200 says something, and the bytes are the same unless
/// its length or one of its validators differs.
#[must_use]
pub fn effect(stored: &Head, status: StatusCode, head_response: &HeaderMap) -> Effect {
    if status != StatusCode::OK || stored.status != StatusCode::OK {
        return Effect::Nothing;
    }
    let differs =
        |name| head_response.get(&name).is_some_and(|new| stored.headers.get(&name).is_some_and(|old| old != new));
    // A validator that was not there before may be that of other bytes.
    let appeared = |name| head_response.contains_key(&name) && !stored.headers.contains_key(&name);
    let length_differs = differs(CONTENT_LENGTH);
    if length_differs || [ETAG, LAST_MODIFIED].into_iter().any(|name| differs(name.clone()) || appeared(name)) {
        Effect::Invalidate
    } else {
        Effect::Freshen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    type Pairs = [(&'static str, &'static str)];

    fn map(pairs: &Pairs) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn an_answer_to_head_updates_or_invalidates() {
        use Effect::{Freshen, Invalidate, Nothing};
        let modified = "Mon, 23 Nov 2026 20:29:14 GMT";
        let fields = [("etag", "\"a\""), ("content-length", "5"), ("cache-control", "max-age=2")];
        let table: &[(u16, &Pairs, Effect)] = &[
            (200, &[("cache-control", "max-age=1000")], Freshen),
            (200, &[("etag", "\"a\""), ("content-length", "5")], Freshen),
            (200, &[("etag", "\"b\"")], Invalidate),
            (200, &[("etag", "W/\"a\"")], Invalidate),
            (200, &[("etag", "\"a\""), ("content-length", "6")], Invalidate),
            (200, &[("last-modified", modified)], Invalidate),
            (304, &[], Nothing),
            (404, &[("etag", "\"b\"")], Nothing),
            (410, &[("cache-control", "max-age=1000")], Nothing),
            (503, &[], Nothing),
        ];
        let now = "2026-11-23T20:30:14Z".parse().unwrap();
        let stored = Head::new(StatusCode::OK, map(&fields), &HeaderMap::new(), &Policy::rfc(), now);
        for (status, answer, expected) in table {
            let found = effect(&stored, StatusCode::from_u16(*status).unwrap(), &map(answer));
            assert_eq!(found, *expected, "{status} {answer:?}");
        }
        let missing = Head::new(StatusCode::NOT_FOUND, map(&fields), &HeaderMap::new(), &Policy::rfc(), now);
        assert_eq!(effect(&missing, StatusCode::OK, &HeaderMap::new()), Nothing);
    }
}
