//! What an operator may choose of the origin.

use std::time::Duration;

use orbit_codec::{Limits, Quality, Signer};
use orbit_model::variant::MAX_SIDE;
use orbit_store::Bounds;

use crate::{Error, Rules};

/// The shortest and the longest lease of an edge: it must outlast a few questions, and a purge may have to wait for it.
const MIN_EDGE_LEASE: Duration = Duration::from_secs(1);
const MAX_EDGE_LEASE: Duration = Duration::from_secs(600);

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
    /// What all that is encoded at once may take of memory, in bytes.
    pub codec_memory_bytes: u64,
    /// How long an image may be worked on while somebody waits.
    pub transform_timeout: Duration,
    /// How long one may be worked on behind.
    pub background_timeout: Duration,
    /// Whether images are encoded once more while nothing else is to be done, as small as they get.
    pub refine: bool,
    /// Widths of variants that are derived ahead of time.
    pub prebuild: Vec<u32>,
    /// Which variants may be asked for.
    pub rules: Rules,
    /// Who vouches for every rendition in a C2PA manifest; without one there are none.
    pub signer: Option<Signer>,
    /// How many variants an image keeps; beyond that the oldest goes.
    pub max_variants: usize,
    /// How long the body of an upload may take to arrive.
    pub body_timeout: Duration,
    /// What stands before `/api/images/{id}` in URLs; empty for the same origin.
    pub public_base_url: String,
    /// How long caches that act for the origin may keep what lasts; without it as long as browsers.
    pub cdn_max_age: Option<Duration>,
    /// How many concepts are drawn at once.
    pub generation_workers: usize,
    /// How many more may wait; beyond that jobs are answered 503.
    pub max_queued_concepts: usize,
    /// How long a generator may take for one image.
    pub generation_timeout: Duration,
    /// How often it is tried to draw an image.
    pub generation_attempts: u32,
    /// What becomes of images that were being drawn when the last run ended.
    pub interrupted: Interrupted,
    /// The width of the variant that copies take in with each generated image; it must be one that may be asked for.
    pub thumbnail: Option<u32>,
    /// What previews may take of memory, in bytes.
    pub preview_bytes: usize,
    /// How long an edge that follows the log of purges may serve its copies without asking again: so long a purge waits for one
    /// that is cut off.
    pub edge_lease: Duration,
    /// Whether all manifests are read at the start, for an index of one's own beside a bucket that others write to.
    pub catch_up: bool,
    /// What the store may hold; beyond that something is let go.
    pub bounds: Bounds,
    /// How often it is looked whether the store holds more.
    pub collect_interval: Duration,
}

/// What becomes of an image that was being drawn when the server ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Interrupted {
    /// It is drawn again, which may cost its price a second time.
    #[default]
    Retry,
    /// It fails.
    Fail,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            limits: Limits::default(),
            quality: Quality::default(),
            codec_threads: cores,
            max_queued: 64,
            codec_memory_bytes: 3 << 30,
            transform_timeout: Duration::from_secs(10),
            background_timeout: Duration::from_secs(120),
            refine: true,
            prebuild: Vec::new(),
            rules: Rules::default(),
            signer: None,
            max_variants: 64,
            body_timeout: Duration::from_secs(60),
            public_base_url: String::new(),
            cdn_max_age: None,
            generation_workers: 4,
            max_queued_concepts: 1000,
            generation_timeout: Duration::from_secs(180),
            generation_attempts: 3,
            interrupted: Interrupted::Retry,
            thumbnail: Some(256),
            preview_bytes: 64 << 20,
            edge_lease: Duration::from_secs(5),
            catch_up: false,
            bounds: Bounds::default(),
            collect_interval: Duration::from_secs(300),
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
            (self.max_variants, "the number of variants that an image keeps"),
            (self.generation_workers, "the number of generation workers"),
            (self.max_queued_concepts, "the number of queued concepts"),
            (self.generation_attempts as usize, "the number of tries of an image"),
        ];
        if let Some((_, name)) = at_least_one.iter().find(|(value, _)| *value == 0) {
            return Err(Error::Invalid(format!("{name} must be at least 1")));
        }
        if let Some(width) = self.prebuild.iter().find(|width| !(1..=MAX_SIDE).contains(*width)) {
            return Err(Error::Invalid(format!(
                "a width to prebuild must be from 1 to {MAX_SIDE} pixels, not {width}"
            )));
        }
        if !(MIN_EDGE_LEASE..=MAX_EDGE_LEASE).contains(&self.edge_lease) {
            return Err(Error::Invalid("the lease of edges must be from 1 second to 10 minutes".to_owned()));
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
