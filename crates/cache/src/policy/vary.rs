//! `Vary`: which stored response answers which request (RFC 9111 section 4.1).
//!
//! A stored response remembers the fields that its `Vary` names as they stood in the request that fetched it. Only
//! fields that the policy lets through to the upstream can differ there; the others count as absent in every request.
//!
//! Values are compared after what cannot change their meaning is taken away: how a list is spread over lines, and white space
//! around its members. Case and order stay, but for `Accept-Language`, whose tags know no case and whose
//! members rank by weight, not by place (RFC 9110 section 12.5.4).

use http::header::{ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName};

use super::Policy;

/// The most fields that a `Vary` may name: every one makes a response harder to reuse, and costs on each lookup.
const MAX_FIELDS: usize = 16;

/// The selecting fields of one stored response, with the values of the request that fetched it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vary(Box<[(HeaderName, Box<[u8]>)]>);

impl Vary {
    /// Reads the `Vary` of a response to `request`; `None` where it is `*`, cannot be read or names too many fields, which
    /// no other request matches.
    #[must_use]
    pub fn of(response: &HeaderMap, request: &HeaderMap, policy: &Policy) -> Option<Self> {
        let named = |name: HeaderName| {
            let value = value(request, &name, policy);
            (name, value)
        };
        Some(Self(names(response)?.into_iter().map(named).collect()))
    }

    /// Whether every request matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `request` has the same selecting fields.
    #[must_use]
    pub fn matches(&self, request: &HeaderMap, policy: &Policy) -> bool {
        self.0.iter().all(|(name, expected)| value(request, name, policy) == *expected)
    }

    /// The same names with the values of another request.
    #[must_use]
    pub fn for_request(&self, request: &HeaderMap, policy: &Policy) -> Self {
        Self(self.0.iter().map(|(name, _)| (name.clone(), value(request, name, policy))).collect())
    }

    /// Names and values, as pairs.
    pub fn fields(&self) -> impl Iterator<Item = (&HeaderName, &[u8])> {
        self.0.iter().map(|(name, value)| (name, &**value))
    }

    /// A `Vary` that was stored.
    #[must_use]
    pub fn restore(fields: Vec<(HeaderName, Box<[u8]>)>) -> Self {
        Self(fields.into())
    }
}

/// Whether another request can select a response at all.
#[must_use]
pub fn can_match(response: &HeaderMap) -> bool {
    !response.contains_key(VARY) || names(response).is_some()
}

/// The names of all `Vary` lines, each once.
fn names(response: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for line in response.get_all(VARY) {
        for name in line.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            // `*` is a token too, so it would pass for a name.
            let name: HeaderName = (name != "*").then(|| name.parse().ok())??;
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    (names.len() <= MAX_FIELDS).then_some(names)
}

/// All lines of a field as one list, white space around members left out; empty where it is absent, `,` where it is there
/// but has no members.
fn value(request: &HeaderMap, name: &HeaderName, policy: &Policy) -> Box<[u8]> {
    if !policy.forwards(name) || !request.contains_key(name) {
        return Box::default();
    }
    let mut members: Vec<Vec<u8>> = Vec::new();
    for line in request.get_all(name) {
        for member in members_of(line.as_bytes()) {
            members.push(member.to_vec());
        }
    }
    if name == ACCEPT_LANGUAGE {
        members.iter_mut().for_each(|member| member.make_ascii_lowercase());
        members.sort_unstable();
    }
    if members.is_empty() { Box::from(&b","[..]) } else { members.join(&b',').into() }
}

/// The members of a list; commas inside quotes do not part them, empty ones do not count (RFC 9110 section 5.6.1.2).
fn members_of(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = line.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    });
    parts.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn same(vary: &str, first: &[(&'static str, &str)], second: &[(&'static str, &str)]) -> bool {
        let policy = Policy::rfc();
        Vary::of(&map(&[("vary", vary)]), &map(first), &policy).unwrap().matches(&map(second), &policy)
    }

    #[test]
    fn a_request_selects_by_the_fields_that_vary_names() {
        type Pairs = [(&'static str, &'static str)];
        let table: &[(&str, &Pairs, &Pairs, bool)] = &[
            ("foo", &[("foo", "1")], &[("foo", "1")], true),
            ("Foo", &[("foo", "1"), ("other", "2")], &[("foo", "1"), ("other", "3")], true),
            ("foo", &[("foo", "1")], &[("foo", "2")], false),
            ("foo", &[("foo", "a")], &[("foo", "A")], false),
            ("foo", &[], &[("foo", "1")], false),
            ("foo", &[("foo", "1")], &[], false),
            ("foo", &[], &[], true),
            ("foo", &[("foo", "")], &[], false),
            ("foo", &[("foo", "")], &[("foo", " , ")], true),
            ("foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")], true),
            ("foo", &[("foo", "1,2")], &[("foo", " 1, 2 ")], true),
            ("foo", &[("foo", "1, 2")], &[("foo", "2, 1")], false),
            ("foo", &[("foo", "\"1, 2\"")], &[("foo", "\"1,2\"")], false),
            ("foo", &[("foo", "1 2")], &[("foo", "12")], false),
            ("foo, bar", &[("foo", "1"), ("bar", "a")], &[("foo", "1"), ("bar", "a")], true),
            ("foo, bar", &[("foo", "1"), ("bar", "a")], &[("foo", "1"), ("bar", "b")], false),
            ("foo, bar", &[("foo", "1")], &[("foo", "1")], true),
            ("foo, foo", &[("foo", "1")], &[("foo", "1")], true),
            ("accept-language", &[("accept-language", "en, de")], &[("accept-language", "De,eN")], true),
            ("accept-language", &[("accept-language", "en, de")], &[("accept-language", "en, fr")], false),
            ("accept-language", &[("accept-language", "en;q=1")], &[("accept-language", "en;q=0.5")], false),
        ];
        for (vary, first, second, expected) in table {
            assert_eq!(same(vary, first, second), *expected, "{vary}: {first:?} {second:?}");
        }
    }

    #[test]
    fn a_vary_that_nothing_can_match_is_none() {
        let read = |lines: &[&str]| {
            let response = lines.iter().fold(HeaderMap::new(), |mut headers, line| {
                headers.append(VARY, line.parse().unwrap());
                headers
            });
            let vary = Vary::of(&response, &HeaderMap::new(), &Policy::rfc());
            assert_eq!(vary.is_some(), can_match(&response));
            vary
        };
        for lines in [&["*"][..], &["*, *"], &["*", "*"], &[", *"], &["", "*"], &["*, foo"], &["foo, *"], &["a b"]] {
            assert_eq!(read(lines), None, "{lines:?}");
        }
        let many: Vec<String> = (0..=MAX_FIELDS).map(|number| format!("x-{number}")).collect();
        assert_eq!(read(&[&many.join(",")]), None);
        assert_eq!(read(&[&many[1..].join(",")]).unwrap().fields().count(), MAX_FIELDS);
        assert_eq!(read(&["foo, Foo", "FOO"]).unwrap().fields().count(), 1);
        assert!(read(&[""]).unwrap().is_empty() && read(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_field_that_never_reaches_the_upstream_selects_nothing() {
        let policy = Policy::image();
        let vary = Vary::of(&map(&[("vary", "cookie, accept")]), &map(&[("accept", "image/webp")]), &policy).unwrap();
        assert!(vary.matches(&map(&[("accept", "image/webp"), ("cookie", "a=b")]), &policy));
        assert!(!vary.matches(&map(&[("accept", "image/avif")]), &policy));
    }

    proptest! {
        #[test]
        fn white_space_and_lines_never_matter(members in proptest::collection::vec("[a-z0-9=;.]{1,6}", 1..5)) {
            let lines: Vec<_> = members.iter().map(|member| ("foo", member.as_str())).collect();
            prop_assert!(same("foo", &lines, &[("foo", &members.join(" ,\t"))]));
        }

        #[test]
        fn no_text_is_too_odd(vary in "[ -~]{0,40}", value in "[ -~]{0,40}") {
            let (response, request) = (map(&[("vary", &vary)]), map(&[("foo", &value)]));
            if let Some(vary) = Vary::of(&response, &request, &Policy::rfc()) {
                prop_assert!(vary.matches(&request, &Policy::rfc()));
                prop_assert_eq!(vary.for_request(&request, &Policy::rfc()), vary);
            }
        }
    }
}
