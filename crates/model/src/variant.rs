//! Variants: renditions of an image that differ in size, shape, format or quality.
//!
//! - [`Variant`]: what is wanted, and, once [`Variant::resolve`] has made the choices that were left open, what is derived,
//!   stored and listed. Its text is its one spelling: two texts are equal exactly if they ask for the same.
//! - [`Query`]: the same as it comes in a URL, with a preset's name and a signature.
//! - [`Signature`]: leave for what the lists of widths and qualities do not allow.
//! - [`next_image`]: the way in which next/image asks.
//!
//! Which widths and qualities are allowed is the origin's affair; here a number only has a range.

mod negotiate;
pub mod next_image;
mod query;
mod signature;
mod target;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use negotiate::accepts_avif;
pub use query::Query;
pub use signature::{Signature, SigningKey};
pub use target::{Dpr, Fit, Gamut, Quality, Target};

use crate::{Error, Format};

/// The longest side that can be asked for, in pixels: that of a WebP.
pub const MAX_SIDE: u32 = 16_383;

/// A rendition of an image; the default is the image as it is served without a query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Variant {
    /// Pixels from left to right before [`Variant::dpr`]; `None` follows from the height.
    pub width: Option<u32>,
    /// Pixels from top to bottom before [`Variant::dpr`]; `None` follows from the width.
    pub height: Option<u32>,
    /// How the image takes its place where both sides are given; `None` is [`Fit::Cover`].
    pub fit: Option<Fit>,
    /// Pixels of the screen to a pixel of the page, by which both sides are multiplied; `None` is 1.
    pub dpr: Option<Dpr>,
    /// How close it stays to the image; `None` is the server's default.
    pub quality: Option<Quality>,
    /// What it is written as; `None` is WebP.
    pub target: Option<Target>,
    /// Whether an animation keeps its frames.
    pub animated: bool,
    /// Whether it may have more pixels than the image.
    pub enlarge: bool,
    /// The most bytes that it may have; quality gives way.
    pub max_bytes: Option<u64>,
    /// The colours that it may have; `None` is [`Gamut::Srgb`].
    pub gamut: Option<Gamut>,
}

impl Variant {
    /// The variant with every choice made: sides multiplied out, a quality, and `format` in place of `auto` or nothing.
    ///
    /// Two requests that resolve to equal variants are answered by the same bytes.
    #[must_use]
    pub fn resolve(&self, default_quality: u8, format: Format) -> Self {
        let dpr = self.dpr.unwrap_or_default();
        let scaled = |side: Option<u32>| side.map(|side| dpr.scale(side).min(MAX_SIDE));
        let (width, height) = (scaled(self.width), scaled(self.height));
        let target = match self.target {
            None | Some(Target::Auto) => Target::Format(format),
            Some(target) => target,
        };
        // PNG has no loss, so that there is nothing to choose.
        let quality = match target {
            Target::Format(Format::Png) | Target::ThumbHash => None,
            _ => Some(self.quality.unwrap_or(Quality::Fixed(default_quality))),
        };
        let fit = self.fit.filter(|_| width.is_some() && height.is_some());
        let animated = self.animated && target == Target::Format(Format::Webp);
        let resolved = Self { width, height, fit, dpr: None, quality, target: Some(target), animated, ..self.clone() };
        resolved.plain()
    }

    /// The same without the options that say what holds anyway.
    pub(super) fn plain(self) -> Self {
        Self {
            fit: self.fit.filter(|fit| *fit != Fit::default()),
            dpr: self.dpr.filter(|dpr| *dpr != Dpr::default()),
            gamut: self.gamut.filter(|gamut| *gamut != Gamut::default()),
            ..self
        }
    }

    /// This variant with what `over` says laid over it: the options of a URL over those of its preset.
    #[must_use]
    pub fn under(self, over: &Self) -> Self {
        Self {
            width: over.width.or(self.width),
            height: over.height.or(self.height),
            fit: over.fit.or(self.fit),
            dpr: over.dpr.or(self.dpr),
            quality: over.quality.or(self.quality),
            target: over.target.or(self.target),
            animated: over.animated || self.animated,
            enlarge: over.enlarge || self.enlarge,
            max_bytes: over.max_bytes.or(self.max_bytes),
            gamut: over.gamut.or(self.gamut),
        }
    }

    /// Whether this resolved variant is the image itself, as it is stored at `quality`.
    #[must_use]
    pub fn is_image(&self, quality: u8) -> bool {
        let image = Self {
            quality: Some(Quality::Fixed(quality)),
            target: Some(Target::Format(Format::Webp)),
            ..Self::default()
        };
        *self == image
    }

    /// The format of a resolved variant; `None` for what is no image.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        match self.target {
            Some(Target::Format(format)) => Some(format),
            Some(Target::ThumbHash) => None,
            None | Some(Target::Auto) => Some(Format::Webp),
        }
    }
}

/// The query in its one spelling, without a `?`; empty for the image itself.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let mut pair = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        pair("w", self.width.map(|width| width.to_string()));
        pair("h", self.height.map(|height| height.to_string()));
        pair("fit", self.fit.map(|fit| fit.to_string()));
        pair("dpr", self.dpr.map(|dpr| dpr.to_string()));
        pair("q", self.quality.map(|quality| quality.to_string()));
        pair("fm", self.target.map(|target| target.to_string()));
        pair("anim", self.animated.then(|| "1".to_owned()));
        pair("enlarge", self.enlarge.then(|| "1".to_owned()));
        pair("max_bytes", self.max_bytes.map(|bytes| bytes.to_string()));
        pair("gamut", self.gamut.map(|gamut| gamut.to_string()));
        for (index, (name, value)) in pairs.iter().enumerate() {
            let ampersand = if index == 0 { "" } else { "&" };
            write!(f, "{ampersand}{name}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Variant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Query::parse(text)?.variant)
    }
}

impl TryFrom<String> for Variant {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Variant> for String {
    fn from(variant: Variant) -> Self {
        variant.to_string()
    }
}

#[cfg(test)]
mod tests;
