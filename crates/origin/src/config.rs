//! What an operator may choose of the origin.

use std::time::Duration;

use orbit_codec::{Limits, Quality};

use crate::Error;

/// The settings of one origin.
#[derive(Debug, Clone)]
pub struct Config {
    /// What a source may be.
    pub limits: Limits,
    /// The quality of the served WebP.
    pub quality: Quality,
    /// How many encodes run at once.
    pub codec_threads: usize,
    /// How many more may wait; beyond that uploads are answered 503.
    pub max_queued: usize,
    /// How long the body of an upload may take to arrive.
    pub body_timeout: Duration,
    /// What stands before `/api/images/{id}` in URLs; empty for the same origin.
    pub public_base_url: String,
    /// How many concepts are drawn at once.
    pub generation_workers: usize,
    /// How many more may wait; beyond that jobs are answered 503.
    pub max_queued_concepts: usize,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            limits: Limits::default(),
            quality: Quality::default(),
            codec_threads: cores,
            max_queued: 64,
            body_timeout: Duration::from_secs(60),
            public_base_url: String::new(),
            generation_workers: 4,
            max_queued_concepts: 1000,
        }
    }
}

impl Config {
    /// Checks that the settings make sense.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting and what it must be.
    pub fn validate(&self) -> Result<(), Error> {
        let at_least_one = [
            (self.codec_threads, "the number of codec threads"),
            (self.generation_workers, "the number of generation workers"),
            (self.max_queued_concepts, "the number of queued concepts"),
        ];
        if let Some((_, name)) = at_least_one.iter().find(|(value, _)| *value == 0) {
            return Err(Error::Invalid(format!("{name} must be at least 1")));
        }
        let base = &self.public_base_url;
        let url = base.is_empty() || base.starts_with("http://") || base.starts_with("https://");
        if !url || base.ends_with('/') {
            return Err(Error::Invalid(format!(
                "the public base URL `{base}` must be http(s)://HOST without a / at the end"
            )));
        }
        Ok(())
    }
}
