//! Encoder: one way from a picture's bytes to a file's: a verb of ours, or a library of others.
//!
//! Each is what its user would write, with the settings that are named; quality is always the encoder's own number, so that
//! equal numbers of two formats mean nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use orbit_codec::{Effort, Encoded, Quality, Terms};
use orbit_model::Variant;

use super::worker::{Job, Library, Made};
use super::{Lab, timed};

/// A way to encode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Encoder {
    /// Ours, as an upload waits for it: WebP, and a placeholder.
    First,
    /// Ours, as nobody waits for it: WebP once more.
    Second,
    /// Ours, as a rendition in a format: while somebody waits for it, or behind.
    Rendition(&'static str, Effort),
    /// Another's, in a format, with an effort or its default.
    Peer(Library, &'static str, Option<u8>),
}

impl Encoder {
    /// Its name in tables.
    pub(crate) fn label(self) -> String {
        match self {
            Self::First => "Orbit WebP, first pass".to_owned(),
            Self::Second => "Orbit WebP, second pass".to_owned(),
            Self::Rendition(format, Effort::First) => format!("Orbit {}, at once", spelled(format)),
            Self::Rendition(format, Effort::Best) => format!("Orbit {}, behind", spelled(format)),
            Self::Peer(library, format, None) => format!("{} {}", library.label(), spelled(format)),
            Self::Peer(library, format, Some(effort)) => {
                format!("{} {}, effort {effort}", library.label(), spelled(format))
            }
        }
    }

    /// Whether it is Orbit's.
    pub(crate) fn is_ours(self) -> bool {
        !matches!(self, Self::Peer(..))
    }

    /// Encodes a picture, timed so many turns.
    pub(crate) fn encode(self, lab: &mut Lab, source: &Path, quality: u8, turns: u32) -> Result<Made> {
        let (bytes, cost) = match self {
            Self::Peer(library, format, effort) => {
                let job = Job { source, format, quality: Some(quality), effort, width: None, turns };
                return lab.worker(library)?.make(&job);
            }
            Self::First => {
                let source = fs::read(source)?;
                let (encoded, cost) = timed(turns, || first(&source, quality))?;
                (encoded.webp, cost)
            }
            Self::Second => {
                let source = fs::read(source)?;
                timed(turns, || second(&source, quality))?
            }
            Self::Rendition(format, effort) => {
                let source = fs::read(source)?;
                let variant = variant(&format!("q={quality}&fm={format}"))?;
                timed(turns, || rendition(&source, &variant, effort))?
            }
        };
        Ok(Made { bytes, cost })
    }
}

/// A rendition as a URL asks for it.
pub(crate) fn variant(text: &str) -> Result<Variant> {
    text.parse().with_context(|| format!("the variant {text}"))
}

/// The first pass over an upload.
pub(crate) fn first(source: &[u8], quality: u8) -> Result<Encoded> {
    Ok(orbit_codec::encode(source, of(quality)?, &Terms::default())?)
}

/// One rendition.
pub(crate) fn rendition(source: &[u8], variant: &Variant, effort: Effort) -> Result<Vec<u8>> {
    Ok(orbit_codec::transform(source, variant, &Terms { effort, ..Terms::default() })?.bytes)
}

fn second(source: &[u8], quality: u8) -> Result<Vec<u8>> {
    let refined = orbit_codec::refine(source, of(quality)?, u64::MAX, &Terms::default())?;
    Ok(refined.context("the second pass made nothing")?.bytes)
}

fn of(quality: u8) -> Result<Quality> {
    Quality::new(quality).with_context(|| format!("there is no quality {quality}"))
}

fn spelled(format: &str) -> &str {
    match format {
        "webp" => "WebP",
        "avif" => "AVIF",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_what_differs_from_a_default() {
        assert_eq!(Encoder::Peer(Library::Sharp, "webp", None).label(), "sharp WebP");
        assert_eq!(Encoder::Peer(Library::Sharp, "webp", Some(6)).label(), "sharp WebP, effort 6");
        assert_eq!(Encoder::Rendition("avif", Effort::Best).label(), "Orbit AVIF, behind");
    }

    #[test]
    fn ours_make_a_smaller_file_of_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        let png = crate::picture::png(64, 4.0, 1).unwrap();
        fs::write(&path, &png).unwrap();
        for encoder in [Encoder::First, Encoder::Second, Encoder::Rendition("webp", Effort::First)] {
            let made = encoder.encode(&mut Lab::default(), &path, 85, 1).unwrap();
            assert!(made.bytes.len() < png.len() && made.cost.ms > 0.0, "{}", encoder.label());
        }
    }
}
