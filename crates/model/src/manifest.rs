//! The manifest: all that is known of one stored image, and the truth about it.
//!
//! It lies beside the blobs that it names, as `manifest.json`, and is written after them, so a manifest that can be
//! read names only blobs that are whole. Every index is derived from manifests and can be made again.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, Error, Format, ImageId, ThreadId, Variant};

/// The name of a file in an image's folder, as in `image-7f3k2m9qabcd.webp`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobName(String);

impl BlobName {
    /// The name of the manifest itself.
    pub const MANIFEST: &'static str = "manifest.json";

    /// Names a blob after its role and its bytes, so that other bytes never take its place.
    #[must_use]
    pub fn for_content(role: &'static str, digest: &Digest, format: Format) -> Self {
        Self(format!("{role}-{}.{}", digest.short(), format.extension()))
    }

    /// Names a blob of JSON in the same way.
    #[must_use]
    pub fn for_json(role: &'static str, digest: &Digest) -> Self {
        Self(format!("{role}-{}.json", digest.short()))
    }

    /// The same name with a number of its own, in the place of the one that it has: of two writers of the same bytes
    /// neither then removes what the other has written.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        let (stem, extension) = self.0.rsplit_once('.').unwrap_or((&self.0, "blob"));
        let mut words = stem.splitn(3, '-');
        let (role, digest) = (words.next().unwrap_or_default(), words.next());
        let digest = digest.map(|digest| format!("-{digest}")).unwrap_or_default();
        Self(format!("{role}{digest}-{number:016x}.{extension}"))
    }

    /// The name as text: one path segment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for BlobName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let head = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if head && text.len() <= 128 && text.bytes().all(plain) && !text.contains("..") {
            return Ok(Self(text));
        }
        Err(Error::invalid("blob name", "it must match [a-z][a-z0-9.-]{0,127} without two dots in a row"))
    }
}

impl From<BlobName> for String {
    fn from(name: BlobName) -> Self {
        name.0
    }
}

/// What the one who brought an image said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The thread that it belongs to.
    #[serde(default)]
    pub thread_id: Option<ThreadId>,
    /// A word for its kind, as in `hero`.
    #[serde(default)]
    pub style: Option<String>,
    /// A name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// The prompt that it was made from; private.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The number that chose it among the pictures of its prompt; private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The model that made it.
    #[serde(default)]
    pub model: Option<String>,
    /// Whether a machine made it.
    #[serde(default)]
    pub generated: bool,
}

/// The bytes that were brought, kept as they came; private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The blob's name.
    pub file: BlobName,
    /// Its format, told from its bytes.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
    /// Whether the bytes were let go to make room; the digest still tells what they were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evicted: bool,
}

/// A file beside an image that nobody is served; private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateFile {
    /// The blob's name.
    pub file: BlobName,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
}

/// One servable form of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendition {
    /// The blob's name.
    pub file: BlobName,
    /// Its format.
    pub format: Format,
    /// The quality that it was encoded at, 1 to 100.
    pub quality: u8,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Its size.
    pub bytes: u64,
    /// Its digest; the `ETag` comes from it.
    pub digest: Digest,
}

/// A rendition that was derived from the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// What was asked for, with every choice made ([`Variant::resolve`]).
    pub variant: Variant,
    /// What came of it.
    #[serde(flatten)]
    pub rendition: Rendition,
}

/// What to show before the image has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placeholder {
    /// A ThumbHash in base64.
    pub thumbhash: String,
    /// A tiny PNG as a `data:` URI.
    pub data_url: String,
    /// The mean colour, as `#rrggbb`.
    pub color: String,
}

/// All that is known of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this layout; [`Manifest::VERSION`].
    pub version: u32,
    /// How often the bytes under this name were written: 1 unless they were replaced.
    #[serde(default = "first")]
    pub revision: u32,
    /// The image's name.
    pub id: ImageId,
    /// What its owner said of it.
    pub labels: Labels,
    /// When it was stored.
    #[serde(with = "crate::clock::millis")]
    pub created_at: Timestamp,
    /// The bytes as they came.
    pub source: Source,
    /// What their generator wrote into them ([`Recipe`](crate::Recipe)); not in the manifest itself, for a list would carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<PrivateFile>,
    /// The bytes that are served.
    pub image: Rendition,
    /// Whether the bytes that are served are the smallest that were found for them.
    #[serde(default)]
    pub refined: bool,
    /// What to show before.
    pub placeholder: Placeholder,
    /// Derived renditions, the oldest first.
    #[serde(default)]
    pub variants: Vec<Derived>,
    /// When somebody asked for it, to a day or so; kept only where images go by least recent use.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::clock::optional_millis")]
    pub used_at: Option<Timestamp>,
}

fn first() -> u32 {
    1
}

impl Manifest {
    /// The layout that this release writes.
    pub const VERSION: u32 = 1;

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is not JSON of a known version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| Error::invalid("manifest", error.to_string()))?;
        if manifest.version == Self::VERSION {
            return Ok(manifest);
        }
        let reason =
            format!("version {} was written by another release; this one reads {}", manifest.version, Self::VERSION);
        Err(Error::invalid("manifest", reason))
    }

    /// Writes the manifest as JSON that people can read.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A manifest is plain structs with string keys: serialising it into memory has no way to fail.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// The derived rendition of a resolved variant.
    #[must_use]
    pub fn derived(&self, variant: &Variant) -> Option<&Rendition> {
        self.variants.iter().find(|derived| derived.variant == *variant).map(|derived| &derived.rendition)
    }

    /// Every blob that the manifest names, the source first.
    pub fn files(&self) -> impl Iterator<Item = &BlobName> {
        self.blobs().map(|(file, _)| file)
    }

    /// Every blob that the manifest names with its digest, the source first.
    pub fn blobs(&self) -> impl Iterator<Item = (&BlobName, &Digest)> {
        let image = &self.image;
        let source = (!self.source.evicted).then_some((&self.source.file, &self.source.digest));
        let recipe = self.recipe.iter().map(|it| (&it.file, &it.digest));
        let variants = self.variants.iter().map(|it| (&it.rendition.file, &it.rendition.digest));
        source.into_iter().chain([(&image.file, &image.digest)]).chain(recipe).chain(variants)
    }

    /// The bytes of every blob that the manifest names.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        let recipe = self.recipe.as_ref().map_or(0, |it| it.bytes);
        self.source_bytes() + recipe + self.image.bytes + self.variant_bytes()
    }

    /// The bytes that are stored of the source.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        if self.source.evicted { 0 } else { self.source.bytes }
    }

    /// The bytes of all variants.
    #[must_use]
    pub fn variant_bytes(&self) -> u64 {
        self.variants.iter().map(|it| it.rendition.bytes).sum()
    }

    /// When it was used last, as far as that is known.
    #[must_use]
    pub fn last_use(&self) -> Timestamp {
        self.used_at.map_or(self.created_at, |used| used.max(self.created_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blob_names_stay_in_their_folder() {
        for bad in ["", "..", "a..b", "/etc/passwd", "a/b", "A.webp", ".hidden", "a\\b"] {
            assert!(BlobName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let name = BlobName::for_content("image", &Digest::of(b"x"), Format::Webp);
        let json = BlobName::for_json("recipe", &Digest::of(b"x"));
        for name in [name, json] {
            assert_eq!(BlobName::try_from(name.as_str().to_owned()).unwrap(), name);
        }
    }

    #[test]
    fn a_number_takes_the_place_of_the_one_before() {
        let name = BlobName::for_content("image", &Digest::of(b"x"), Format::Webp);
        let (first, second) = (name.numbered(7), name.numbered(u64::MAX));
        assert_ne!(first, second);
        assert_eq!(first.numbered(u64::MAX), second);
        assert!(first.as_str().starts_with(name.as_str().trim_end_matches(".webp")), "{first}");
        for name in [first, second, BlobName("a".to_owned()).numbered(1), BlobName("a.b.png".to_owned()).numbered(1)] {
            assert_eq!(BlobName::try_from(name.as_str().to_owned()).unwrap(), name);
        }
    }

    #[test]
    fn a_manifest_of_another_version_is_refused_by_name() {
        let error = Manifest::from_json(b"{\"version\":2}").unwrap_err();
        assert!(error.to_string().starts_with("not a valid manifest"), "{error}");
    }
}
