//! What is said to caches: how long an answer is fresh, for browsers and for caches that act for the origin, and the tags by which
//! those can be told to drop it.

use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};
use orbit_model::{ImageId, Labels, Manifest, tags};

/// How long an answer is fresh, in seconds; one that something better will take the place of; and what is said of either.
pub(super) const MAX_AGE: i64 = 3600;
pub(super) const PROVISIONAL_MAX_AGE: i64 = 60;
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=3600, immutable");
const REPLACED: HeaderValue = HeaderValue::from_static("public, max-age=3600");
pub(super) const PROVISIONAL: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// How long a cache that acts for the origin may serve what is no longer fresh, in seconds: while it asks again, or if that fails.
const STALE: u64 = 24 * 3600;

/// For caches that act for the origin (RFC 9213); for those that do not know it `s-maxage` says the same.
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
/// Tags parted by commas, and by spaces.
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// How long an image lasts: what was written once is for ever; of one that was replaced its URL has shown other bytes.
pub(super) fn lasting(manifest: &Manifest) -> HeaderValue {
    if manifest.revision == 1 { IMMUTABLE } else { REPLACED }
}

/// Lets caches that act for the origin keep what lasts for this long. They can be told to drop it and browsers cannot, so
/// browsers are told what they always are.
pub(super) fn keep_further_out(headers: &mut HeaderMap, time: Duration) {
    let (seconds, said) = (time.as_secs(), headers.get(CACHE_CONTROL));
    let for_all = match said {
        Some(said) if *said == IMMUTABLE => format!("public, max-age={MAX_AGE}, s-maxage={seconds}, immutable"),
        Some(said) if *said == REPLACED => format!("public, max-age={MAX_AGE}, s-maxage={seconds}"),
        // What is provisional, and what ends with its URL's signature.
        _ => return,
    };
    let targeted = format!("max-age={seconds}, stale-while-revalidate={STALE}, stale-if-error={STALE}");
    if let (Ok(for_all), Ok(targeted)) = (HeaderValue::try_from(for_all), HeaderValue::try_from(targeted)) {
        headers.insert(CACHE_CONTROL, for_all);
        headers.insert(CDN_CACHE_CONTROL, targeted);
    }
}

/// Names the answer for a purge.
pub(crate) fn tag(headers: &mut HeaderMap, id: &ImageId, labels: &Labels) {
    let tags = tags::of_image(id, labels);
    for (name, separator) in [(CACHE_TAG, ","), (SURROGATE_KEY, " ")] {
        // Tags are plain text: there is none that is no value.
        if let Ok(value) = HeaderValue::try_from(tags.join(separator)) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(control: HeaderValue) -> [String; 2] {
        let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, control)]);
        keep_further_out(&mut headers, Duration::from_secs(604_800));
        let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
        [text(CACHE_CONTROL).unwrap_or_default(), text(CDN_CACHE_CONTROL).unwrap_or_default()]
    }

    #[test]
    fn only_what_lasts_is_kept_longer_further_out_and_browsers_are_told_the_same() {
        let targeted = "max-age=604800, stale-while-revalidate=86400, stale-if-error=86400";
        assert_eq!(kept(IMMUTABLE), ["public, max-age=3600, s-maxage=604800, immutable", targeted]);
        assert_eq!(kept(REPLACED), ["public, max-age=3600, s-maxage=604800", targeted]);
        for control in ["public, max-age=60", "public, max-age=7, must-revalidate", "no-store"] {
            assert_eq!(kept(HeaderValue::from_static(control)), [control, ""]);
        }
    }
}
