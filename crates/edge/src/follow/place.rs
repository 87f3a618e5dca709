//! Where an edge is in the log, written down beside its disk tier: a small file, replaced as a whole.
//!
//! It may be older than what is true, never newer: then purges are done once more. After a power cut the disk tier may have
//! files back whose removal was not on the disk, so a place of another boot of the machine does not count.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use orbit_model::Position;
use serde_json::{Value, json};

const FILE: &str = "purges.json";
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// How far an edge has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// All up to there is done; `None` where nothing is known.
    pub(super) position: Option<Position>,
    /// What was kept before then may have been purged unheard.
    pub(super) since: Option<Timestamp>,
}

/// The file; without a disk tier there is none, for nothing outlives the process.
#[derive(Debug)]
pub(super) struct Kept(Option<PathBuf>);

impl Kept {
    pub(super) fn beside(disk: Option<&Path>) -> Self {
        Self(disk.map(|dir| dir.join(FILE)))
    }

    /// What was noted; `None` where no log was followed. What cannot be read is a place that is not known.
    pub(super) fn recall(&self) -> Option<Place> {
        let text = match fs::read(self.0.as_ref()?) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => return Some(Place::default()),
        };
        let noted: Value = serde_json::from_slice(&text).unwrap_or_default();
        let is_same_boot = boot().is_some_and(|boot| noted["boot"] == boot);
        let position = noted["position"].as_str().and_then(|text| text.parse().ok()).filter(|_| is_same_boot);
        let since = noted["since_ms"].as_i64().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        Some(Place { position, since })
    }

    /// Notes a place. Where that fails, the next start begins further back.
    pub(super) async fn note(&self, place: Place) {
        let Some(path) = self.0.clone() else { return };
        let text = json!({
            "position": place.position.map(|position| position.to_string()),
            "since_ms": place.since.map(Timestamp::as_millisecond),
            "boot": boot(),
        });
        let write = move || {
            let new = path.with_extension("json.new");
            fs::write(&new, text.to_string()).and_then(|()| fs::rename(&new, &path))
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            tracing::warn!(target: "orbit::edge", %error, "the place in the log of purges was not noted")
        }
    }
}

fn boot() -> Option<String> {
    fs::read_to_string(BOOT).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_noted_is_recalled_and_what_is_damaged_is_a_place_that_nobody_knows() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::beside(Some(dir.path()));
        assert_eq!(kept.recall(), None);
        let place = Place {
            position: Some("00c0ffee00c0ffee.7-0".parse().unwrap()),
            since: Some(Timestamp::from_millisecond(1_764_000_000_000).unwrap()),
        };
        kept.note(place.clone()).await;
        assert_eq!(kept.recall(), Some(place));
        for damaged in ["", "{", "[]", r#"{"position": "00c0ffee00c0ffee.7-0", "boot": "another"}"#] {
            fs::write(dir.path().join(FILE), damaged).unwrap();
            assert_eq!(kept.recall(), Some(Place::default()), "{damaged}");
        }
    }

    #[tokio::test]
    async fn without_a_disk_nothing_is_noted() {
        let kept = Kept::beside(None);
        kept.note(Place::default()).await;
        assert_eq!(kept.recall(), None);
    }
}
