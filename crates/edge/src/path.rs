//! From a request's path to the cache key: the only way in for a name from outside.
//!
//! A [`Map`] turns a public path into one of the upstream, as `/api/images/{rest}` into `/images/{rest}`. A rest that could
//! mean another place than it seems to (`..`, empty segments, encoded slashes or dots, control characters) is refused
//! here, before a key is made or anything is asked. What a query adds to the key, [`crate::target`] knows.

use std::fmt;
use std::str::FromStr;

use orbit_model::{CacheKey, ImageId};

use crate::Error;

/// The edge's public prefix.
pub(crate) const PUBLIC_PREFIX: &str = "/api/images/";
/// The same resources at the upstream.
pub(crate) const UPSTREAM_PREFIX: &str = "/images/";
/// The longest rest that is looked at, in bytes.
const MAX_LEN: usize = 512;

/// Public paths and what they are at the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    from: String,
    to: String,
}

impl Map {
    /// The key of a public path; `None` where this map has nothing to do with it, `Some(None)` where nothing may be there.
    pub(crate) fn key(&self, path: &str) -> Option<Option<CacheKey>> {
        path.strip_prefix(&*self.from).map(|rest| self.key_of_rest(rest))
    }

    /// Where a path below this map lies at the upstream, as it is written.
    pub(crate) fn target(&self, path_and_query: &str) -> Option<String> {
        path_and_query.strip_prefix(&*self.from).map(|rest| format!("{}{rest}", self.to))
    }

    /// The keys of the paths of which a write to a path of the upstream changes all variants; none where it is no path of this
    /// map.
    pub(crate) fn keys_of_write(&self, path: &str) -> Vec<CacheKey> {
        let key = path.strip_prefix(&*self.to).and_then(|rest| self.key_of_rest(rest));
        let Some(key) = key else { return Vec::new() };
        match ImageId::from_segment(name(&key)) {
            Ok(id) if self.to == UPSTREAM_PREFIX => keys_of(&id),
            _ => vec![key],
        }
    }

    fn key_of_rest(&self, rest: &str) -> Option<CacheKey> {
        if !is_plain(rest) {
            return None;
        }
        let mut key = String::with_capacity(self.to.len() + rest.len());
        key.push_str(&self.to);
        push_normalised(&mut key, rest);
        Some(CacheKey::new(key))
    }
}

impl Default for Map {
    fn default() -> Self {
        Self { from: PUBLIC_PREFIX.to_owned(), to: UPSTREAM_PREFIX.to_owned() }
    }
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from, self.to)
    }
}

impl FromStr for Map {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Invalid(format!("`{text}` is no map: write FROM=TO, as in /img/=/assets/"));
        let (from, to) = text.split_once('=').ok_or_else(refuse)?;
        let is_prefix = |path: &str| {
            let inner = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
            path.ends_with('/') && inner.is_some_and(|inner| inner.is_empty() || is_plain(inner))
        };
        if !is_prefix(from) || !is_prefix(to) {
            return Err(refuse());
        }
        Ok(Self { from: from.to_owned(), to: to.to_owned() })
    }
}

/// The key of an image without a query.
pub(crate) fn key_of(id: &ImageId) -> CacheKey {
    CacheKey::new(format!("{UPSTREAM_PREFIX}{id}"))
}

/// The keys of the paths under which an image, its variants and its previews may be kept: with and without the extension.
pub(crate) fn keys_of(id: &ImageId) -> Vec<CacheKey> {
    let names = std::iter::once(id.clone()).chain(id.previews());
    names.flat_map(|name| [key_of(&name), CacheKey::new(format!("{UPSTREAM_PREFIX}{name}.webp"))]).collect()
}

/// Adds a rest in its one spelling: an encoded octet that need not be is decoded, the others have upper-case digits
/// (RFC 3986 section 6.2.2).
fn push_normalised(text: &mut String, rest: &str) {
    let mut parts = rest.split('%');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        // `is_plain` has seen to it that two hex digits follow.
        let (digits, after) = part.split_at_checked(2).unwrap_or((part, ""));
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => text.push(char::from(byte)),
            _ => {
                text.push('%');
                text.push_str(&digits.to_ascii_uppercase());
            }
        }
        text.push_str(after);
    }
}

/// The name for the log: the key without its prefix.
pub(crate) fn name(key: &CacheKey) -> &str {
    key.as_str().strip_prefix(UPSTREAM_PREFIX).unwrap_or(key.as_str())
}

/// Whether a rest means itself: visible ASCII segments that neither climb nor hide a separator.
fn is_plain(rest: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&b);
    if rest.len() > MAX_LEN || !rest.bytes().all(allowed) {
        return false;
    }
    rest.split('/').all(|segment| {
        if !segment.contains('%') {
            return !segment.is_empty() && !segment.starts_with('.');
        }
        let Ok(decoded) = percent_encoding::percent_decode_str(segment).decode_utf8() else { return false };
        let hides = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%' | '\u{ff0e}' | '\u{2024}');
        !decoded.is_empty() && !decoded.starts_with('.') && !decoded.contains(hides)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> Option<CacheKey> {
        Map::default().key(path).flatten()
    }

    fn keys_of_write(path: &str) -> Vec<CacheKey> {
        Map::default().keys_of_write(path)
    }

    #[test]
    fn a_public_path_has_one_key() {
        assert_eq!(key("/api/images/fox").map(|key| key.to_string()).as_deref(), Some("/images/fox"));
        assert_eq!(key("/api/images/a/b/fox.png").map(|key| key.to_string()).as_deref(), Some("/images/a/b/fox.png"));
        assert_eq!(key("/api/images/caf%C3%A9.webp").as_ref().map(name), Some("caf%C3%A9.webp"));
    }

    #[test]
    fn every_spelling_of_a_path_has_the_same_key() {
        for spelling in ["fox", "%66ox", "%66%6f%78", "f%6Fx"] {
            assert_eq!(key(&format!("/api/images/{spelling}")).as_ref().map(name), Some("fox"), "{spelling}");
        }
        assert_eq!(key("/api/images/caf%c3%a9").as_ref().map(name), Some("caf%C3%A9"));
        assert_eq!(keys_of_write("/images/%66ox").len(), 8, "the image and three previews");
        assert_eq!(keys_of_write("/images/a/b.png")[0].as_str(), "/images/a/b.png");
        assert!(keys_of_write("/purge").is_empty() && keys_of_write("/images/../x").is_empty());
    }

    #[test]
    fn a_path_that_hides_another_is_refused() {
        for rest in [
            "",
            "/",
            ".",
            "..",
            "../purge",
            "a/../b",
            "a//b",
            "%2e%2e%2fpurge",
            "%2e%2e/purge",
            "a%2fb",
            "a%5cb",
            "a\\b",
            "%252e%252e",
            "a%00",
            "a%0a",
            ".hidden",
            "%2ehidden",
            "a/",
            "\u{ff0e}\u{ff0e}/x",
            "%ef%bc%8e%ef%bc%8e/x",
            "%ff",
        ] {
            assert_eq!(key(&format!("/api/images/{rest}")), None, "{rest:?}");
        }
        assert_eq!(key(&format!("/api/images/{}", "a".repeat(600))), None);
        assert_eq!(key("/images/fox"), None);
    }

    #[test]
    fn a_map_is_two_prefixes() {
        let map: Map = "/img/=/assets/pictures/".parse().unwrap();
        assert_eq!(map.key("/img/a/b.png").flatten().unwrap().as_str(), "/assets/pictures/a/b.png");
        assert_eq!((map.key("/img/../b.png"), map.key("/image/b.png")), (Some(None), None));
        assert_eq!(map.target("/img/events?x=1").as_deref(), Some("/assets/pictures/events?x=1"));
        assert_eq!("/img/=/".parse::<Map>().unwrap().key("/img/b.png").flatten().unwrap().as_str(), "/b.png");
        for bad in ["", "/img/", "/img=/x/", "img/=/x/", "/img/=x", "/a/../=/x/", "/a//=/x/"] {
            assert!(bad.parse::<Map>().unwrap_err().to_string().contains("FROM=TO"), "{bad}");
        }
    }
}
