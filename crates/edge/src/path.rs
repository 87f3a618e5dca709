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
    let rest = path.strip_prefix(PUBLIC_PREFIX)?;
    is_plain(rest).then(|| CacheKey::new(format!("{UPSTREAM_PREFIX}{rest}")))
}

/// The keys under which an image may be kept: with and without the extension.
pub(crate) fn keys_of(id: &ImageId) -> [CacheKey; 2] {
    [CacheKey::new(format!("{UPSTREAM_PREFIX}{id}")), CacheKey::new(format!("{UPSTREAM_PREFIX}{id}.webp"))]
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
