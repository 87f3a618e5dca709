//! Why some bytes did not become an image, named by what the caller can do about it.
//!
//! Every message is fit for the public: it says what is wrong and what to do, and holds no path and no secret. The
//! services turn the variants into statuses; nothing here knows HTTP.

use std::fmt;

use orbit_model::Format;

/// Why an image could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are of no accepted type, or use a feature of theirs that is not read: send another format.
    #[error("unsupported image: {0}")]
    Unsupported(String),
    /// The bytes are empty, cut off or damaged: send whole ones.
    #[error("invalid image: {0}")]
    Invalid(String),
    /// The image is over a limit: send a smaller one.
    #[error("image too large: {0}")]
    TooLarge(String),
    /// It was ended before it was done, for the reason that is given.
    #[error("the work was ended: {0}")]
    Stopped(&'static str),
    /// Renditions cannot be signed with this certificate and key: give others.
    #[error("renditions cannot be signed: {0}")]
    Unsigned(String),
    /// The fault is not the caller's.
    #[error("the image could not be encoded: {0}")]
    Internal(String),
}

impl Error {
    /// The bytes of a known format are damaged in the way that `reason` says.
    pub(crate) fn damaged(format: Format, reason: impl fmt::Display) -> Self {
        let name = name(format);
        Self::Invalid(format!("the {name} is damaged or cut off ({reason}); save it again and send the whole file"))
    }
}

/// A format's name as people write it.
pub(crate) fn name(format: Format) -> &'static str {
    match format {
        Format::Png => "PNG",
        Format::Jpeg => "JPEG",
        Format::Webp => "WebP",
        Format::Gif => "GIF",
        Format::Avif => "AVIF",
    }
}
