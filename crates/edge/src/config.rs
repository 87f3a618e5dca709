//! What an operator may choose of the edge.

use std::path::PathBuf;

use orbit_cache::Limits;

use crate::path::Map;
use crate::{Error, Following, Profile};

/// The settings of one edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What kind of cache it is.
    pub profile: Profile,
    /// Which public paths are cached, and what they are at the upstream; profile [`Profile::Image`] only.
    pub maps: Vec<Map>,
    /// What the memory tier may hold, in bytes.
    pub memory_bytes: u64,
    /// How many responses it may hold; `None` leaves it to the bytes.
    pub memory_max_images: Option<usize>,
    /// The tier on disk; `None` where there is none.
    pub disk: Option<Disk>,
    /// The bounds of fills.
    pub limits: Limits,
    /// How it follows its upstream's log of purges; `None` where it does not.
    pub follow: Option<Following>,
}

/// The settings of the disk tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The folder, which is the edge's own.
    pub dir: PathBuf,
    /// What it may hold, in bytes.
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            profile: Profile::Image,
            maps: vec![Map::default()],
            memory_bytes: 256 << 20,
            memory_max_images: None,
            disk: None,
            limits: Limits::default(),
            follow: None,
        }
    }
}

impl Config {
    /// Checks that the settings make sense together.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting and what it must be.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::Invalid(what.to_owned()));
        if self.limits.max_body_bytes == 0 {
            return refuse("the largest body that is kept must be more than 0 bytes");
        }
        if self.limits.max_silence.is_zero() {
            return refuse("the upstream timeout must be longer than 0");
        }
        if self.disk.as_ref().is_some_and(|disk| disk.max_bytes == 0) {
            return refuse("a disk tier of 0 bytes keeps nothing: leave it out");
        }
        Ok(())
    }
}
