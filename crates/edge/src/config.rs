//! What an operator may choose of the edge.

use std::time::Duration;

use crate::Error;

/// The settings of one edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the memory tier may hold, in bytes.
    pub memory_bytes: u64,
    /// How many responses it may hold; `None` leaves it to the bytes.
    pub memory_max_images: Option<usize>,
    /// The largest response that a fill takes in, in bytes.
    pub max_fill_bytes: u64,
    /// How long the upstream may take to begin its answer and, after that, to send the whole of an image.
    pub upstream_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            memory_max_images: None,
            max_fill_bytes: 64 << 20,
            upstream_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Checks that the settings make sense together.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting and what it must be.
    pub fn validate(&self) -> Result<(), Error> {
        if self.upstream_timeout.is_zero() {
            return Err(Error::Invalid("the upstream timeout must be longer than 0".to_owned()));
        }
        if self.max_fill_bytes == 0 {
            return Err(Error::Invalid("the largest fill must be more than 0 bytes".to_owned()));
        }
        Ok(())
    }
}
