//! Loops: how an edge knows a request that it has sent itself (T-DOS-6).
//!
//! Each request to an upstream bears this edge's name at the end of `Via` (RFC 9110 section 7.6.3) and of `CDN-Loop`
//! (RFC 8586), behind what the client's request bore: proxies on the way may drop the one or the other, and with the
//! client's list kept, edges that point at each other find their own name too. Called for what is passed on and for
//! what is fetched; it must not know which.

use std::hash::{BuildHasher, RandomState};

use http::header::{HeaderName, VIA};
use http::{HeaderMap, HeaderValue};

/// Names the caches that a request has been through (RFC 8586).
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// The marks of one edge, which no other edge has.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    name: String,
    via: HeaderValue,
    cdn_loop: HeaderValue,
}

impl Marks {
    /// Marks with a name that is drawn at random.
    pub(crate) fn new() -> Self {
        Self::named(format!("orbit-edge-{:016x}", RandomState::new().hash_one("via")))
    }

    fn named(name: String) -> Self {
        let value = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("orbit-edge"));
        Self { via: value(format!("1.1 {name}")), cdn_loop: value(name.clone()), name }
    }

    /// Whether a request bears this edge's own mark.
    pub(crate) fn came_round(&self, headers: &HeaderMap) -> bool {
        // A member of Via is a protocol, a name and perhaps a comment; one of CDN-Loop a name and perhaps parameters.
        let in_via = members(headers, &VIA).any(|member| member.split_whitespace().nth(1) == Some(&*self.name));
        let named = |member: &str| member.split(';').next().map(str::trim) == Some(&*self.name);
        in_via || members(headers, &CDN_LOOP).any(named)
    }

    /// Marks a request to the upstream that was made for a client's: behind the client's own marks.
    pub(crate) fn stamp(&self, from_client: &HeaderMap, to_upstream: &mut HeaderMap) {
        for name in [VIA, CDN_LOOP] {
            to_upstream.remove(&name);
            for value in from_client.get_all(&name) {
                to_upstream.append(&name, value.clone());
            }
        }
        self.append(to_upstream);
    }

    /// Marks a client's own request, or one that no client asked for, behind what it bears.
    pub(crate) fn append(&self, headers: &mut HeaderMap) {
        headers.append(VIA, self.via.clone());
        headers.append(CDN_LOOP, self.cdn_loop.clone());
    }
}

/// The members of a list, over all lines of its field.
fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
        headers.get_all(name).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn an_edge_knows_its_own_mark_in_either_list_and_no_other() {
        let marks = Marks::named("orbit-edge-7".to_owned());
        for (name, value, own) in [
            ("via", "1.1 orbit-edge-7", true),
            ("via", "1.0 fred, HTTP/2 orbit-edge-7 (Orbit)", true),
            ("via", "1.1 orbit-edge-70, 1.1 orbit-edge-8", false),
            ("via", "orbit-edge-7", false),
            ("cdn-loop", "orbit-edge-7", true),
            ("cdn-loop", "a.example; x=\"1\" , orbit-edge-7;v=2", true),
            ("cdn-loop", "orbit-edge-8, x-orbit-edge-7", false),
            ("x-via", "1.1 orbit-edge-7", false),
        ] {
            assert_eq!(marks.came_round(&headers(&[(name, value)])), own, "{name}: {value}");
        }
    }

    #[test]
    fn a_stamp_stands_behind_what_the_client_bore() {
        let marks = Marks::named("b".to_owned());
        let client = headers(&[("via", "1.1 a"), ("cdn-loop", "a; x=1"), ("cookie", "secret")]);
        let mut fetch = headers(&[("if-none-match", "\"e\"")]);
        marks.stamp(&client, &mut fetch);
        assert_eq!(lines(&fetch, "via"), ["1.1 a", "1.1 b"]);
        assert_eq!(lines(&fetch, "cdn-loop"), ["a; x=1", "b"]);
        assert!(!fetch.contains_key("cookie") && fetch.contains_key("if-none-match"));
    }

    #[test]
    fn two_edges_that_point_at_each_other_find_out() {
        let (a, b) = (Marks::new(), Marks::new());
        let (mut to_b, mut to_a) = (HeaderMap::new(), HeaderMap::new());
        a.stamp(&HeaderMap::new(), &mut to_b);
        assert!(!b.came_round(&to_b));
        b.stamp(&to_b, &mut to_a);
        assert!(a.came_round(&to_a));
        // A proxy between them that drops one list does not hide the loop.
        for name in ["via", "cdn-loop"] {
            let mut dropped = to_a.clone();
            dropped.remove(name);
            assert!(a.came_round(&dropped), "without {name}");
        }
    }
}
