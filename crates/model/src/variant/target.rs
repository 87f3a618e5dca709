//! The values that a variant's options may have, and their spellings in a URL.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Format};

/// How an image takes its place in a box of two given sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// It fills the box; what lies over is cut off around the middle.
    #[default]
    Cover,
    /// It lies whole in the box, which is filled up with transparency, or with white where there is none.
    Contain,
    /// It is as large as the box lets it be, and so is the result.
    Inside,
}

/// Pixels of the screen to a pixel of the page, in tenths: 1, 1.5, 2 or 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dpr(u8);

/// How close a lossy rendition stays to its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    /// An encoder's own scale, 1 (smallest) to 100 (closest).
    Fixed(u8),
    /// The least that looks the same: found by the eye's measure.
    Auto,
}

/// What a variant is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// An image of this format; never GIF.
    Format(Format),
    /// The best that `Accept` allows.
    Auto,
    /// The bytes of the ThumbHash.
    ThumbHash,
}

/// The colours that a variant may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Gamut {
    /// Those of sRGB, which every screen shows.
    #[default]
    Srgb,
    /// Those of Display P3 where the image has more than sRGB's.
    Wide,
}

impl Dpr {
    const TENTHS: [u8; 4] = [10, 15, 20, 30];

    /// A length on the screen, rounded.
    #[must_use]
    pub fn scale(self, side: u32) -> u32 {
        side.saturating_mul(u32::from(self.0)).saturating_add(5) / 10
    }
}

impl Default for Dpr {
    fn default() -> Self {
        Self(10)
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cover => "cover",
            Self::Contain => "contain",
            Self::Inside => "inside",
        })
    }
}

impl FromStr for Fit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "cover" => Ok(Self::Cover),
            "contain" => Ok(Self::Contain),
            "inside" => Ok(Self::Inside),
            _ => Err(Error::invalid("fit", "it must be cover, contain or inside")),
        }
    }
}

impl fmt::Display for Dpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenths => write!(f, "{}.{tenths}", self.0 / 10),
        }
    }
}

impl FromStr for Dpr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::TENTHS.into_iter().map(Self).find(|dpr| dpr.to_string() == text);
        known.ok_or_else(|| Error::invalid("dpr", "it must be 1, 1.5, 2 or 3"))
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(value) => write!(f, "{value}"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl FromStr for Quality {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let value = text.parse().ok().filter(|value| (1..=100).contains(value));
        value.map(Self::Fixed).ok_or_else(|| Error::invalid("q", "it must be a number from 1 to 100, or auto"))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => format.fmt(f),
            Self::Auto => f.write_str("auto"),
            Self::ThumbHash => f.write_str("thumbhash"),
        }
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "webp" => Self::Format(Format::Webp),
            "avif" => Self::Format(Format::Avif),
            "jpeg" | "jpg" => Self::Format(Format::Jpeg),
            "png" => Self::Format(Format::Png),
            "auto" => Self::Auto,
            "thumbhash" => Self::ThumbHash,
            _ => return Err(Error::invalid("fm", "it must be webp, avif, jpeg, png, auto or thumbhash")),
        })
    }
}

impl fmt::Display for Gamut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Srgb => "srgb",
            Self::Wide => "wide",
        })
    }
}

impl FromStr for Gamut {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "srgb" => Ok(Self::Srgb),
            "wide" => Ok(Self::Wide),
            _ => Err(Error::invalid("gamut", "it must be srgb or wide")),
        }
    }
}
