//! Names: image, thread and job ids.
//!
//! An id is checked here, once, before any path, query or key is made of it; from then on the type is
//! the proof. An image id is `[A-Za-z0-9][A-Za-z0-9_-]{0,127}`, so it is safe as a file name, a URL segment
//! and a log field. Ids that Orbit makes read as `{style}_{title}_{12 characters of a digest}`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Digest, Error};

/// The longest id, in bytes.
const MAX_LEN: usize = 128;
/// The longest part that a style or a title gives to an id, in bytes.
const MAX_SLUG: usize = 40;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $extra:expr, $grammar:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let extra: &[u8] = $extra;
                let bytes = text.as_bytes();
                let head = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
                let tail = bytes.iter().all(|b| b.is_ascii_alphanumeric() || extra.contains(b));
                if head && tail && bytes.len() <= MAX_LEN {
                    return Ok(Self(text.into()));
                }
                Err(Error::invalid($what, concat!("it must match ", $grammar)))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id_type!(
    /// The name of one image, written once: the same id always means the same picture.
    ImageId, "image id", b"_-", "[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
);
id_type!(
    /// The name of a conversation or board that images belong to; the caller chooses it.
    ThreadId, "thread id", b"_-.:@", "[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}"
);
id_type!(
    /// The name of one batch of generations.
    JobId, "job id", b"_-", "[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
);

impl ImageId {
    /// The most previews by which an image is shown before it is finished.
    pub const MAX_PREVIEWS: u8 = 3;

    /// Names an image after its content: the same digest, style and title give the same id.
    ///
    /// For a generated image, whose bytes do not exist yet, `digest` is that of the job and its place in it.
    #[must_use]
    pub fn for_content(style: Option<&str>, title: Option<&str>, digest: &Digest) -> Self {
        let mut text = String::new();
        for part in [style, title].into_iter().flatten() {
            let slug = short_slug(part);
            if !slug.is_empty() {
                text.push_str(&slug);
                text.push('_');
            }
        }
        text.push_str(&digest.short());
        Self(text.into())
    }

    /// Reads the last segment of an image URL: an id, with or without `.webp`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the rest is not an id.
    pub fn from_segment(segment: &str) -> Result<Self, Error> {
        segment.strip_suffix(".webp").unwrap_or(segment).parse()
    }

    /// The name of a preview: the image's own with its number behind it, so that it is served and cached as an image. `None` where
    /// there are no previews of that number, or where the name would be too long.
    #[must_use]
    pub fn preview(&self, number: u8) -> Option<Self> {
        if number >= Self::MAX_PREVIEWS {
            return None;
        }
        format!("{self}-preview-{number}").parse().ok()
    }

    /// The names of all previews that there may be of this image: they belong to it, and go with it.
    pub fn previews(&self) -> impl Iterator<Item = Self> {
        (0..Self::MAX_PREVIEWS).filter_map(|number| self.preview(number))
    }

    /// The URL that a browser loads the image from; an empty `public_base` gives a same-origin path.
    #[must_use]
    pub fn url(&self, public_base: &str) -> String {
        format!("{public_base}/api/images/{self}")
    }
}

impl ThreadId {
    /// Names a thread that nobody has named after what is asked for, as in `v1-7f3k2m9qabcd`.
    #[must_use]
    pub fn from_digest(digest: &Digest) -> Self {
        Self(format!("v1-{}", digest.short()).into())
    }
}

impl JobId {
    /// Names a job after a digest, as in `job_7f3k2m9qabcd`.
    #[must_use]
    pub fn from_digest(digest: &Digest) -> Self {
        Self(format!("job_{}", digest.short()).into())
    }
}

/// ASCII words joined by `-`, cut at a whole character.
fn short_slug(text: &str) -> String {
    let mut slug = slug::slugify(text);
    slug.truncate(MAX_SLUG);
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_that_could_leave_a_folder_are_refused() {
        for text in ["", ".", "..", "../x", "a/b", "a\\b", "a%2e", "a\0b", "-a", "_a", "ａ", "a.webp", "a b"] {
            assert!(text.parse::<ImageId>().is_err(), "{text:?}");
        }
        assert!("a".repeat(129).parse::<ImageId>().is_err());
        assert!("a".repeat(128).parse::<ImageId>().is_ok());
    }

    #[test]
    fn an_id_names_style_title_and_content() {
        let digest = Digest::of(b"pixels");
        let id = ImageId::for_content(Some("Hero"), Some("Recycle, réuse!"), &digest);
        assert_eq!(id.as_str(), format!("hero_recycle-reuse_{}", digest.short()));
        assert_eq!(ImageId::for_content(None, Some("—"), &digest).as_str(), digest.short());
    }

    #[test]
    fn previews_have_names_of_their_own_and_there_are_three() {
        let fox: ImageId = "fox".parse().unwrap();
        let names: Vec<_> = fox.previews().map(String::from).collect();
        assert_eq!(names, ["fox-preview-0", "fox-preview-1", "fox-preview-2"]);
        assert_eq!((fox.preview(2).unwrap().as_str(), fox.preview(3)), ("fox-preview-2", None));
        assert_eq!("a".repeat(128).parse::<ImageId>().unwrap().previews().count(), 0);
    }

    #[test]
    fn a_segment_may_end_in_webp() {
        assert_eq!(ImageId::from_segment("fox.webp").unwrap().as_str(), "fox");
        assert!(ImageId::from_segment("fox.png").is_err());
        assert!(ImageId::from_segment(".webp").is_err());
    }

    proptest! {
        #[test]
        fn any_style_and_title_give_a_valid_id(style in any::<Option<String>>(), title in any::<Option<String>>()) {
            let id = ImageId::for_content(style.as_deref(), title.as_deref(), &Digest::of(b"x"));
            prop_assert_eq!(id.as_str().parse::<ImageId>().unwrap(), id);
        }
    }
}
