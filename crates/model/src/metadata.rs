//! Metadata: the public face of a manifest, as JSON.
//!
//! It leaves out all that is private: the source's name and digest, file names, and the prompt with its seed and recipe unless
//! the reader holds the token. The same JSON answers an upload, a list, and fills events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Derived, Digest, Format, ImageId, Labels, Manifest, Placeholder, Rendition, ThreadId};

/// What the world may know of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The image's name.
    pub id: ImageId,
    /// Where a browser loads it from.
    pub url: String,
    /// The thread that it belongs to.
    pub thread_id: Option<ThreadId>,
    /// A word for its kind.
    pub style: Option<String>,
    /// A name for people.
    pub title: Option<String>,
    /// The prompt; absent unless the reader may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The number that chose it among the pictures of its prompt; absent unless it is known and the reader may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether what a generator wrote into the file is kept; absent unless it is and the reader may see it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recipe: bool,
    /// The model that made it.
    pub model: Option<String>,
    /// Whether a machine made it.
    pub generated: bool,
    /// Always true: metadata exists only of images that are stored.
    pub cached: bool,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// The size of the served bytes.
    pub bytes: u64,
    /// The format of the served bytes.
    pub format: Format,
    /// The digest of the served bytes.
    pub digest: Digest,
    /// When it was stored.
    #[serde(with = "crate::clock::millis")]
    pub created_at: Timestamp,
    /// What to show before the image has come.
    pub placeholder: Placeholder,
    /// Derived renditions.
    pub variants: Vec<PublicVariant>,
}

/// What the world may know of a derived rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicVariant {
    /// Where a browser loads it from, unless only a signed URL may ask for it.
    pub url: String,
    /// Its format.
    pub format: Format,
    /// The quality that it was encoded at; 100 where nothing was lost.
    pub quality: u8,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Its size.
    pub bytes: u64,
}

impl PublicVariant {
    fn of(derived: &Derived, image: &str) -> Self {
        let Rendition { format, quality, width, height, bytes, .. } = derived.rendition;
        Self { url: format!("{image}?{}", derived.variant), format, quality, width, height, bytes }
    }
}

impl Metadata {
    /// Tells the public part of a manifest, without the prompt and what goes with it.
    ///
    /// `public_base` is put before the path `/api/images/{id}`; empty gives a same-origin URL.
    #[must_use]
    pub fn public(manifest: &Manifest, public_base: &str) -> Self {
        let Labels { thread_id, style, title, model, generated, .. } = manifest.labels.clone();
        let url = manifest.id.url(public_base);
        let variants = manifest.variants.iter().map(|derived| PublicVariant::of(derived, &url)).collect();
        Self {
            id: manifest.id.clone(),
            url,
            thread_id,
            style,
            title,
            prompt: None,
            seed: None,
            recipe: false,
            model,
            generated,
            cached: true,
            width: manifest.image.width,
            height: manifest.image.height,
            bytes: manifest.image.bytes,
            format: manifest.image.format,
            digest: manifest.image.digest,
            created_at: manifest.created_at,
            placeholder: manifest.placeholder.clone(),
            variants,
        }
    }

    /// Tells the public part and the prompt, its seed, and whether there is a recipe, for one who may see them.
    #[must_use]
    pub fn with_prompt(manifest: &Manifest, public_base: &str) -> Self {
        let Labels { prompt, seed, .. } = manifest.labels.clone();
        Self { prompt, seed, recipe: manifest.recipe.is_some(), ..Self::public(manifest, public_base) }
    }
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataPage {
    /// The images of this page.
    pub images: Vec<Metadata>,
    /// What to hand back as `cursor` for the next page; `None` at the end.
    pub next_cursor: Option<String>,
}
