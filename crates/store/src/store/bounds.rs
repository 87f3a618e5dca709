//! How much a store may hold, and what goes when it holds more: variants first, then sources, then whole images.
//!
//! All goes by least recent use. [`Store::excess`] looks at every row twice: first it sums by hours, which takes the same memory
//! for a thousand images as for a million, then it knows up to which hour everything goes. It removes nothing itself:
//! [`Store::let_go`] does, or, of a whole image, whoever can tell the copies of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use orbit_model::{ImageId, Manifest};

use super::Store;
use crate::{Error, Query};

/// How many images are named at once; the rest follows when these have gone.
const BATCH: usize = 10_000;
const HOUR: i64 = 3600;

/// A bound on one kind of thing; what is `None` is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bound {
    /// Their size together.
    pub max_bytes: Option<u64>,
    /// How many there are.
    pub max_count: Option<u64>,
    /// How long they stay after their last use.
    pub max_age: Option<Duration>,
}

impl Bound {
    /// Whether it bounds anything.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a store may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// All variants.
    pub variants: Bound,
    /// All sources.
    pub sources: Bound,
    /// All images; the bytes are those of everything, sources and variants included.
    pub images: Bound,
    /// Whether whole images go when nothing else is left to go.
    pub evict_images: bool,
}

impl Bounds {
    /// Whether they bound anything.
    #[must_use]
    pub fn is_none(&self) -> bool {
        [self.variants, self.sources, self.images].iter().all(Bound::is_none)
    }
}

/// What is to go of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// What can be made again or done without.
    Parts {
        /// Its variants.
        variants: bool,
        /// Its source.
        source: bool,
    },
    /// All of it.
    Image,
}

/// An image of which something is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// Which image.
    pub id: ImageId,
    /// What of it.
    pub going: Going,
    /// How many bytes that is.
    pub bytes: u64,
    /// When it was used last, as far as was known.
    pub last_use: Timestamp,
}

/// Sums of one kind of thing by the hour of their last use.
#[derive(Debug, Default)]
pub(super) struct Kind {
    hours: BTreeMap<i64, (u64, u64)>,
}

impl Kind {
    fn add(&mut self, hour: i64, bytes: u64) {
        let (sum, count) = self.hours.entry(hour).or_default();
        (*sum, *count) = (*sum + bytes, *count + 1);
    }

    /// What stays, in bytes and number, if all goes that is older than an hour.
    fn since(&self, hour: i64) -> (u64, u64) {
        self.hours.range(hour..).fold((0, 0), |(bytes, count), (_, (more, many))| (bytes + more, count + many))
    }

    /// How much stays under a bound.
    fn bytes_under(&self, bound: &Bound, now: Timestamp) -> u64 {
        let bytes = self.since(oldest(bound, now)).0;
        bound.max_bytes.map_or(bytes, |max| bytes.min(max))
    }

    /// What goes so that the rest keeps within a bound.
    fn cut(&self, bound: &Bound, now: Timestamp) -> Cut {
        let from = oldest(bound, now);
        let (bytes, count) = self.since(from);
        let over = |sum: u64, max: Option<u64>| max.map_or(0, |max| sum.saturating_sub(max));
        self.cut_off(from, over(bytes, bound.max_bytes), over(count, bound.max_count))
    }

    /// Lets go of all before an hour, and from there on of so many bytes and so many things, the oldest first.
    fn cut_off(&self, from: i64, mut bytes: u64, mut count: u64) -> Cut {
        let mut cut = Cut { before: from, bytes: 0, count: 0 };
        for (hour, (more, many)) in self.hours.range(from..) {
            if bytes == 0 && count == 0 {
                break;
            }
            cut = Cut { before: *hour, bytes, count };
            (bytes, count) = (bytes.saturating_sub(*more), count.saturating_sub(*many));
        }
        cut
    }
}

/// The hour before which all goes for its age.
fn oldest(bound: &Bound, now: Timestamp) -> i64 {
    let age = bound.max_age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    age.map_or(i64::MIN, |age| now.as_second().saturating_sub(age).div_euclid(HOUR))
}

/// What goes of one kind: all before an hour, and of that hour as much as it takes.
#[derive(Debug)]
pub(super) struct Cut {
    before: i64,
    bytes: u64,
    count: u64,
}

impl Cut {
    fn takes(&mut self, hour: i64, bytes: u64) -> bool {
        if hour != self.before {
            return hour < self.before;
        }
        // In which order things of one hour go matters to nobody.
        let takes = self.bytes > 0 || self.count > 0;
        (self.bytes, self.count) = (self.bytes.saturating_sub(bytes), self.count.saturating_sub(1));
        takes
    }
}

/// What goes of each kind.
pub(super) struct Cuts {
    variants: Cut,
    sources: Cut,
    images: Option<Cut>,
}

impl Cuts {
    pub(super) fn of(sums: &Sums, bounds: &Bounds, now: Timestamp) -> Self {
        let Sums { variants, sources, rest } = sums;
        let (mut variant, mut source, mut image) = (bounds.variants, bounds.sources, bounds.images);
        let kept = (variants.bytes_under(&variant, now), sources.bytes_under(&source, now));
        let all = kept.0 + kept.1 + rest.since(i64::MIN).0;
        // What is too much in all goes from variants as far as they reach, then from sources, then from images.
        let mut over = image.max_bytes.map_or(0, |max| all.saturating_sub(max));
        for (bound, kept) in [(&mut variant, kept.0), (&mut source, kept.1)] {
            if over > 0 {
                bound.max_bytes = Some(kept.saturating_sub(over));
                over = over.saturating_sub(kept);
            }
        }
        image.max_bytes = (over > 0).then(|| rest.since(i64::MIN).0.saturating_sub(over));
        Self {
            variants: variants.cut(&variant, now),
            sources: sources.cut(&source, now),
            images: bounds.evict_images.then(|| rest.cut(&image, now)),
        }
    }

    pub(super) fn judge(&mut self, manifest: &Manifest) -> Option<Excess> {
        let last_use = manifest.last_use();
        let hour = hour(manifest);
        let (of_variants, of_source, all) =
            (manifest.variant_bytes(), manifest.source_bytes(), manifest.stored_bytes());
        let named = |going, bytes| Some(Excess { id: manifest.id.clone(), going, bytes, last_use });
        if self.images.as_mut().is_some_and(|cut| cut.takes(hour, all - of_variants - of_source)) {
            return named(Going::Image, all);
        }
        let variants = !manifest.variants.is_empty() && self.variants.takes(hour, of_variants);
        let source = !manifest.source.evicted && self.sources.takes(hour, of_source);
        let bytes = if variants { of_variants } else { 0 } + if source { of_source } else { 0 };
        if variants || source { named(Going::Parts { variants, source }, bytes) } else { None }
    }
}

/// All that is stored, by kind.
#[derive(Debug, Default)]
pub(super) struct Sums {
    variants: Kind,
    sources: Kind,
    /// What is served, and what else an image cannot be without.
    rest: Kind,
}

impl Sums {
    pub(super) fn add(&mut self, manifest: &Manifest) {
        let hour = hour(manifest);
        if !manifest.variants.is_empty() {
            self.variants.add(hour, manifest.variant_bytes());
        }
        if !manifest.source.evicted {
            self.sources.add(hour, manifest.source_bytes());
        }
        self.rest.add(hour, manifest.stored_bytes() - manifest.variant_bytes() - manifest.source_bytes());
    }
}

fn hour(manifest: &Manifest) -> i64 {
    manifest.last_use().as_second().div_euclid(HOUR)
}

impl Store {
    /// Names what is to go so that the store keeps within its bounds, by least recent use; the number of variants is that of
    /// the images that have some. At most some thousand images are named at once.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn excess(&self, bounds: &Bounds, now: Timestamp) -> Result<Vec<Excess>, Error> {
        if bounds.is_none() {
            return Ok(Vec::new());
        }
        let mut sums = Sums::default();
        self.each_row(|manifest| {
            sums.add(manifest);
            true
        })
        .await?;
        let mut cuts = Cuts::of(&sums, bounds, now);
        let mut excess = Vec::new();
        self.each_row(|manifest| {
            excess.extend(cuts.judge(manifest));
            excess.len() < BATCH
        })
        .await?;
        Ok(excess)
    }

    /// Lets go of variants, of the source, or of both, unless the image was used since that was decided; tells how many bytes
    /// were let go.
    ///
    /// # Errors
    /// As of [`Store::amend`].
    pub async fn let_go(&self, excess: &Excess) -> Result<u64, Error> {
        let Going::Parts { variants, source } = excess.going else { return Ok(0) };
        let (last_use, before) = (excess.last_use, self.manifest(&excess.id).await?.stored_bytes());
        let amended = self.amend(&excess.id, Vec::new(), move |mut manifest| {
            if manifest.last_use() <= last_use {
                if variants {
                    manifest.variants.clear();
                }
                manifest.source.evicted |= source;
            }
            Ok(manifest)
        });
        Ok(before.saturating_sub(amended.await?.stored_bytes()))
    }

    /// Looks at every row, until the look tells to stop.
    async fn each_row(&self, mut look: impl FnMut(&Manifest) -> bool + Send) -> Result<(), Error> {
        let mut query = Query { limit: Query::MAX_LIMIT, ..Query::default() };
        loop {
            let page = self.list(&query).await?;
            if !page.manifests.iter().all(&mut look) {
                return Ok(());
            }
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(()),
            }
        }
    }
}
