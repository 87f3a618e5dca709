//! Where an origin keeps images, beside its own folder, and how much of them.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use bytesize::ByteSize;
use clap::Args;
use orbit_store::{Bound, Bounds};

/// Where images are kept, and how many.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
#[group(skip)]
pub(crate) struct Storage {
    /// Where images are kept in place of the data folder, as in s3://bucket/prefix (gs, az), which several origins may share; or file:///folder
    #[arg(long, env = "ORBIT_BLOBS", value_name = "URL")]
    pub(crate) blobs: Option<String>,
    #[command(flatten)]
    pub(crate) keeping: Keeping,
    /// How often it is looked whether more is kept
    #[arg(long, env = "ORBIT_COLLECT_INTERVAL", default_value = "5m", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) collect_interval: Duration,
}

impl Default for Storage {
    fn default() -> Self {
        Self { blobs: None, keeping: Keeping::default(), collect_interval: Duration::from_secs(300) }
    }
}

/// How much is kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Storage")]
#[group(skip)]
pub(crate) struct Keeping {
    /// How much is kept of variants: a size, a number of images that have some, a time since their last use, or several, as in 10GiB,30d
    #[arg(long, env = "ORBIT_KEEP_VARIANTS", value_name = "BOUNDS")]
    keep_variants: Option<Limit>,
    /// How much is kept of sources, in the same words; an image is served without its source, and variants are made of what is served
    #[arg(long, env = "ORBIT_KEEP_SOURCES", value_name = "BOUNDS")]
    keep_sources: Option<Limit>,
    /// How much is kept in all: variants go first, then sources, then, with --evict-images, whole images
    #[arg(long, env = "ORBIT_KEEP_IMAGES", value_name = "BOUNDS")]
    keep_images: Option<Limit>,
    /// Let whole images go where --keep-images says so, those first that nobody has asked for the longest
    #[arg(long, env = "ORBIT_EVICT_IMAGES")]
    evict_images: bool,
}

impl Keeping {
    /// What the store may hold.
    pub(crate) fn bounds(&self) -> Bounds {
        let bound = |limit: &Option<Limit>| limit.as_ref().map(|limit| limit.0).unwrap_or_default();
        Bounds {
            variants: bound(&self.keep_variants),
            sources: bound(&self.keep_sources),
            images: bound(&self.keep_images),
            evict_images: self.evict_images,
        }
    }
}

/// A bound as it is written: a size, a number, a time, or several of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Limit(Bound);

impl FromStr for Limit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bound = Bound::default();
        for word in text.split(',').map(str::trim) {
            let explain = || format!("`{word}` is neither a size as 10GiB, nor a number, nor a time as 30d");
            if word.bytes().all(|byte| byte.is_ascii_digit()) {
                bound.max_count = Some(word.parse().with_context(explain)?);
            } else if word.ends_with(['B', 'b']) {
                let size: Result<ByteSize, String> = word.parse();
                bound.max_bytes = Some(size.map_err(Error::msg).with_context(explain)?.as_u64());
            } else {
                bound.max_age = Some(humantime::parse_duration(word).with_context(explain)?);
            }
        }
        Ok(Self(bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_size_a_number_a_time_or_several() {
        let day = Duration::from_secs(86_400);
        let bound = |bytes, count, age| Limit(Bound { max_bytes: bytes, max_count: count, max_age: age });
        for (text, expected) in [
            ("10GiB", bound(Some(10 << 30), None, None)),
            ("5000", bound(None, Some(5000), None)),
            ("30d", bound(None, None, Some(30 * day))),
            ("1MB, 7, 1day", bound(Some(1_000_000), Some(7), Some(day))),
            ("0B", bound(Some(0), None, None)),
        ] {
            assert_eq!(text.parse::<Limit>().unwrap(), expected, "{text}");
        }
        for text in ["", "much", "-1", "10GiB,", "GiB", "99999999999999999999"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
