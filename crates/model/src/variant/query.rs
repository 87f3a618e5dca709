//! A variant as a URL asks for it: the query string, read strictly where it is known and not at all where it is not.
//!
//! Edge and origin both read it here, so they never differ on what a URL means; what the edge makes of it is the cache
//! key (T-KEY-3).

use std::fmt;
use std::str::FromStr;

use super::{MAX_SIDE, Signature, Variant};
use crate::Error;

/// The longest name of a preset.
const MAX_PRESET: usize = 64;

/// What a query asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// The name of a set of options that the server keeps; options beside it are laid over it.
    pub preset: Option<String>,
    /// The options.
    pub variant: Variant,
    /// Leave for what the lists do not allow.
    pub signature: Option<Signature>,
}

impl Query {
    /// Reads a query string without its `?`. Names that are not known are passed over, and so change nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a known name that is given twice or whose value is none of its own.
    pub fn parse(query: &str) -> Result<Self, Error> {
        let mut read = Self::default();
        let mut seen: Vec<&'static str> = Vec::new();
        let (mut signature, mut expires) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(name) = NAMES.into_iter().find(|known| *known == name) else { continue };
            if seen.contains(&name) {
                return Err(Error::invalid(name, "it is given twice"));
            }
            seen.push(name);
            match name {
                "preset" => read.preset = Some(preset(&value)?),
                "s" => signature = Some(value.into_owned()),
                "exp" => expires = Some(number("exp", &value, u64::MAX)?),
                _ => read.variant.set(name, &value)?,
            }
        }
        // Over a preset, what holds anyway may say something.
        if read.preset.is_none() {
            read.variant = read.variant.plain();
        }
        read.signature = match (signature, expires) {
            (None, None) => None,
            (None, Some(_)) => return Err(Error::invalid("exp", "it means nothing without the signature s")),
            (Some(text), expires) => Some(Signature::new(&text, expires)?),
        };
        Ok(read)
    }

    /// Whether nothing is asked for but the image itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The query that a signature covers: everything but the signature itself.
    #[must_use]
    pub fn signed_part(&self) -> String {
        let expires = self.signature.as_ref().and_then(Signature::expires);
        join([self.options(), expires.map(|at| format!("exp={at}")).unwrap_or_default()])
    }

    fn options(&self) -> String {
        let preset = self.preset.as_ref().map(|name| format!("preset={name}")).unwrap_or_default();
        join([preset, self.variant.to_string()])
    }
}

/// The query in its one spelling, without a `?`.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = self.signature.as_ref().map(|signature| format!("s={}", signature.text()));
        f.write_str(&join([self.signed_part(), signature.unwrap_or_default()]))
    }
}

impl FromStr for Query {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Every name that means something, in the order in which they are written.
const NAMES: [&str; 13] =
    ["preset", "w", "h", "fit", "dpr", "q", "fm", "anim", "enlarge", "max_bytes", "gamut", "exp", "s"];

impl Variant {
    fn set(&mut self, name: &'static str, value: &str) -> Result<(), Error> {
        let side = |value| number(name, value, u64::from(MAX_SIDE)).map(|side| u32::try_from(side).ok());
        match name {
            "w" => self.width = side(value)?,
            "h" => self.height = side(value)?,
            "fit" => self.fit = Some(value.parse()?),
            "dpr" => self.dpr = Some(value.parse()?),
            "q" => self.quality = Some(value.parse()?),
            "fm" => self.target = Some(value.parse()?),
            "anim" => self.animated = switch(name, value)?,
            "enlarge" => self.enlarge = switch(name, value)?,
            "max_bytes" => self.max_bytes = Some(number(name, value, u64::from(u32::MAX))?),
            "gamut" => self.gamut = Some(value.parse()?),
            _ => return Err(Error::invalid(name, "it is no option of a variant")),
        }
        Ok(())
    }
}

fn join<const N: usize>(parts: [String; N]) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("&")
}

fn preset(name: &str) -> Result<String, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=MAX_PRESET).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(name.to_owned());
    }
    Err(Error::invalid("preset", "it must match [A-Za-z0-9_-]{1,64}"))
}

/// A whole number from 1, without sign or leading zeros: a value has one spelling.
fn number(name: &'static str, text: &str, max: u64) -> Result<u64, Error> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let value = text.parse().ok().filter(|value| plain && (1..=max).contains(value));
    value.ok_or_else(|| Error::invalid(name, format!("it must be a whole number from 1 to {max}")))
}

fn switch(name: &'static str, text: &str) -> Result<bool, Error> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(Error::invalid(name, "it must be 1 or 0")),
    }
}
