//! How the index is written in Redis: names of keys, rows, places in lists, and the metadata of an image.

use jiff::Timestamp;
use orbit_model::{Digest, ImageId, Manifest, ThreadId};
use serde_json::{Value, json};

use crate::index::Position;
use crate::{Query, Totals};

/// The key that every script names; all others that it touches carry its tag.
pub(super) const ROWS: &str = "{orbit}:rows";
pub(super) const SOURCES: &str = "{orbit}:sources";
pub(super) const TOTALS: &str = "{orbit}:totals";
pub(super) const STATE: &str = "{orbit}:state";

/// Characters of a stamp.
const STAMP_LEN: usize = 13;
/// What brings every instant that jiff knows above zero, in milliseconds.
const STAMP_OFFSET: i64 = 1 << 51;
/// Characters of a source's digest in a list: 128 bits.
pub(super) const SOURCE_LEN: usize = 32;

/// The key of an image's metadata, for whoever else reads it.
pub(super) fn metadata_key(id: &ImageId) -> String {
    format!("orbit:image:{id}")
}

/// The key of the list that a query walks: a thread's before a style's, as threads are small and styles few.
pub(super) fn list_key(query: &Query) -> String {
    match (&query.thread_id, &query.style) {
        (Some(thread), _) => format!("{{orbit}}:thread:{thread}"),
        (None, Some(style)) => format!("{{orbit}}:style:{style}"),
        (None, None) => "{orbit}:all".to_owned(),
    }
}

/// A moment as text that sorts as moments do.
fn stamp(millis: i64) -> String {
    let above = millis.saturating_add(STAMP_OFFSET).clamp(0, 2 * STAMP_OFFSET - 1);
    format!("{above:0STAMP_LEN$x}")
}

/// Where a list is read from, backwards.
pub(super) fn from(position: &Position) -> String {
    match &position.id {
        None => "+".to_owned(),
        Some(id) => format!("({}{id}", stamp(position.micros.div_euclid(1_000))),
    }
}

/// The place in the order of lists that a member stands for, and its image.
pub(super) fn position(member: &str) -> Option<(Position, ImageId)> {
    let (stamp, id) = member.split_at_checked(STAMP_LEN)?;
    let millis = i64::from_str_radix(stamp, 16).ok()? - STAMP_OFFSET;
    let id: ImageId = id.parse().ok()?;
    Some((Position { micros: millis.checked_mul(1_000)?, id: Some(id.clone()) }, id))
}

/// The image of a member of the list of sources.
pub(super) fn id_of_source(member: &str) -> Option<ImageId> {
    member.get(SOURCE_LEN + STAMP_LEN..)?.parse().ok()
}

/// The digest of a source as lists have it.
pub(super) fn source(digest: &Digest) -> String {
    let mut hex = digest.hex();
    hex.truncate(SOURCE_LEN);
    hex
}

/// What a script must know of an image, without the epoch.
pub(super) fn row(manifest: &Manifest) -> String {
    let Totals { image_bytes, source_bytes, .. } = Totals::of(manifest);
    let (stamp, source) = (stamp(millis(manifest.created_at)), source(&manifest.source.digest));
    let thread = label(manifest.labels.thread_id.as_ref().map(ThreadId::as_str));
    let style = label(manifest.labels.style.as_deref());
    format!("{stamp}|{image_bytes}|{source_bytes}|{source}|{thread}|{style}")
}

/// A label in a row: what is none differs from what is empty.
pub(super) fn label(label: Option<&str>) -> String {
    label.map(|label| format!("+{label}")).unwrap_or_default()
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The epoch of a row that Redis has.
pub(super) fn epoch(row: &str) -> Option<u64> {
    row.split('|').next()?.parse().ok()
}

/// An image's metadata: what anybody may look for there, and the manifest for us.
pub(super) fn metadata(manifest: &Manifest) -> String {
    let labels = &manifest.labels;
    json!({
        "id": manifest.id, "thread_id": labels.thread_id, "style": labels.style, "title": labels.title,
        "prompt": labels.prompt, "model": labels.model, "generated": labels.generated, "cached": true,
        "manifest": manifest,
    })
    .to_string()
}

/// The manifest in an image's metadata, if this release can read it.
pub(super) fn manifest(metadata: &str) -> Option<Manifest> {
    let mut metadata: Value = serde_json::from_str(metadata).ok()?;
    let manifest: Manifest = serde_json::from_value(metadata.get_mut("manifest")?.take()).ok()?;
    (manifest.version == Manifest::VERSION).then_some(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::image;

    #[test]
    fn stamps_sort_as_moments_do() {
        let moments = [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX].map(millis);
        let near = [i64::MIN, moments[0], -1, 0, 1, 1_764_000_000_000, moments[2], i64::MAX];
        let stamps = near.map(stamp);
        assert!(stamps.is_sorted() && stamps.iter().all(|stamp| stamp.len() == STAMP_LEN), "{stamps:?}");
    }

    #[test]
    fn metadata_has_the_fields_that_others_look_for_and_gives_the_manifest_back() {
        let fox = image("fox", "a fox").in_thread("a").of_style("hero").manifest;
        let text = metadata(&fox);
        let value: Value = serde_json::from_str(&text).unwrap();
        for field in ["thread_id", "style", "title", "prompt", "model"] {
            assert!(value.get(field).is_some(), "{field}");
        }
        assert_eq!(value["cached"], true);
        assert_eq!(manifest(&text), Some(fox));
        assert_eq!(manifest("{}"), None);
    }
}
