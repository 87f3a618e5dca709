//! From a request's path to the cache key: the only way in for a name from outside.
//!
//! `/api/images/{rest}` becomes `/images/{rest}` at the upstream. A rest that could mean another place than it seems to
//! (`..`, empty segments, encoded slashes or dots, control characters) is refused here, before a key is made or anything is
//! asked. The query is no part of the key: parameters that are not known change nothing.

use orbit_model::{CacheKey, ImageId};

/// The edge's public prefix.
pub(crate) const PUBLIC_PREFIX: &str = "/api/images/";
/// The same resources at the upstream.
pub(crate) const UPSTREAM_PREFIX: &str = "/images/";
/// The longest rest that is looked at, in bytes.
const MAX_LEN: usize = 512;

/// The key of a public image path; `None` where it is none of ours.
pub(crate) fn key(path: &str) -> Option<CacheKey> {
    key_of_rest(path.strip_prefix(PUBLIC_PREFIX)?)
}

/// The keys under which an image may be kept: with and without the extension.
pub(crate) fn keys_of(id: &ImageId) -> [CacheKey; 2] {
    [CacheKey::new(format!("{UPSTREAM_PREFIX}{id}")), CacheKey::new(format!("{UPSTREAM_PREFIX}{id}.webp"))]
}

/// The keys of what a write to a path of the upstream changes; none where it is no image path.
pub(crate) fn keys_of_write(path: &str) -> Vec<CacheKey> {
    let Some(key) = path.strip_prefix(UPSTREAM_PREFIX).and_then(key_of_rest) else { return Vec::new() };
    match ImageId::from_segment(name(&key)) {
        Ok(id) => keys_of(&id).into(),
        Err(_) => vec![key],
    }
}

fn key_of_rest(rest: &str) -> Option<CacheKey> {
    is_plain(rest).then(|| CacheKey::new(format!("{UPSTREAM_PREFIX}{}", normalise(rest))))
}

/// One spelling for each path: an encoded octet that need not be is decoded, the others have upper-case digits
/// (RFC 3986 section 6.2.2).
fn normalise(rest: &str) -> String {
    let mut parts = rest.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
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
    text
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
        let Ok(decoded) = percent_encoding::percent_decode_str(segment).decode_utf8() else { return false };
        let hides = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%' | '\u{ff0e}' | '\u{2024}');
        !decoded.is_empty() && !decoded.starts_with('.') && !decoded.contains(hides)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(keys_of_write("/images/%66ox").len(), 2);
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
}
