//! What kind of cache the edge is.

use std::fmt;
use std::str::FromStr;

use orbit_cache::Policy;

use crate::Error;

/// One policy with two sets of settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// For images that are written once: certain paths are cached by defaults of our own, the others pass.
    #[default]
    Image,
    /// A plain shared cache as RFC 9111 has it, for any path, method and field.
    Rfc,
}

impl Profile {
    /// The cache policy.
    #[must_use]
    pub fn policy(self) -> Policy {
        match self {
            Self::Image => Policy::image(),
            Self::Rfc => Policy::rfc(),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "image",
            Self::Rfc => "rfc",
        })
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "image" => Ok(Self::Image),
            "rfc" => Ok(Self::Rfc),
            other => Err(Error::Invalid(format!("`{other}` is no profile: choose image or rfc"))),
        }
    }
}
