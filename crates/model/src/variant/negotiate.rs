//! `fm=auto`: which format `Accept` allows (RFC 9110 section 12.5.1).
//!
//! Every browser of today shows WebP, so only AVIF is asked about; `*/*` and `image/*` are not taken for a yes, because
//! they are what clients send that have not thought about it.

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether the client names AVIF and gives it a weight above zero.
#[must_use]
pub fn accepts_avif(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_avif = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("image/avif"));
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
        });
        is_avif && weight.unwrap_or(1.0) > 0.0
    })
}
