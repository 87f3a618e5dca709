//! The image formats that Orbit reads and writes, and their names on the wire and on disk.
//!
//! Which format some bytes have is found by the codec from the bytes themselves; nothing here trusts a name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An image container format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, in a JFIF, Exif or Adobe wrapper.
    Jpeg,
    /// WebP, lossy or lossless.
    Webp,
    /// GIF; it is read and never written.
    Gif,
    /// AVIF; it is written and never read.
    Avif,
}

impl Format {
    /// Every format, in the order in which messages name them.
    pub const ALL: [Self; 5] = [Self::Png, Self::Jpeg, Self::Webp, Self::Gif, Self::Avif];

    /// The media type, as in `image/webp`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The usual file extension, without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        })
    }
}
