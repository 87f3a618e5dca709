//! `Vary`: which stored response answers which request (RFC 9111 section 4.1).
//!
//! A stored response remembers the fields that its `Vary` names as they stood in the request that fetched it. Only
//! fields that the policy lets through to the upstream can differ there; the others count as absent in every request.

use http::header::VARY;
use http::{HeaderMap, HeaderName};

use super::Policy;

/// The selecting fields of one stored response, with the values of the request that fetched it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vary(Box<[(HeaderName, Box<[u8]>)]>);

impl Vary {
    /// Reads the `Vary` of a response to `request`; `None` where it is `*` or cannot be read, which no other request matches.
    #[must_use]
    pub fn of(response: &HeaderMap, request: &HeaderMap, policy: &Policy) -> Option<Self> {
        let mut fields = Vec::new();
        for line in response.get_all(VARY) {
            for name in line.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                if name == "*" {
                    return None;
                }
                let name: HeaderName = name.parse().ok()?;
                let value = value(request, &name, policy);
                fields.push((name, value));
            }
        }
        Some(Self(fields.into()))
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

/// All lines of a field as one, white space around members left out.
fn value(request: &HeaderMap, name: &HeaderName, policy: &Policy) -> Box<[u8]> {
    let mut joined = Vec::new();
    if policy.forwards(name) {
        for line in request.get_all(name) {
            for member in line.as_bytes().split(|b| *b == b',') {
                if !joined.is_empty() {
                    joined.push(b',');
                }
                joined.extend_from_slice(member.trim_ascii());
            }
        }
    }
    joined.into()
}
