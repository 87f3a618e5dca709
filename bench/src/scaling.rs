//! A model of Orbit past one machine: what each tier holds, which share of the requests it answers, and what that costs.
//!
//! - [`Demand`]: who asks for what, and how often. Popularity falls by Zipf's law.
//! - [`popularity`]: the images in groups of like popularity, so that a billion of them are a few hundred numbers.
//! - [`Tier`]: a cache by Che's approximation of LRU: an object stays for a time `T` after each request, and `T` is such that
//!   what stays fills the cache. What misses goes on to the next tier.
//! - [`bill`]: nodes and prices.
//!
//! `commands::scaling` prints it, and checks the approximation against caches that are really run ([`simulation`]).

pub(crate) mod bill;
pub(crate) mod simulation;

/// Groups of images, a factor of popularity wide each.
const GROUPS: usize = 600;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Images that are stored.
    pub(crate) images: f64,
    /// Requests a second, at the busiest.
    pub(crate) requests: f64,
    /// The exponent of Zipf's law: the higher, the more of the requests go to few images.
    pub(crate) zipf: f64,
    /// The share of requests that want the thumbnail.
    pub(crate) thumbnails: f64,
    /// Bytes of an image and of its thumbnail.
    pub(crate) image_bytes: f64,
    pub(crate) thumbnail_bytes: f64,
}

/// Objects that are asked for equally often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// How many there are.
    pub(crate) count: f64,
    /// How often each is asked for, a second.
    pub(crate) rate: f64,
    pub(crate) bytes: f64,
}

/// The images and their thumbnails by popularity.
pub(crate) fn popularity(demand: &Demand) -> Vec<Group> {
    let edges: Vec<f64> = (0..=GROUPS).map(|step| demand.images.powf(step as f64 / GROUPS as f64).round()).collect();
    let mut ranks: Vec<(f64, f64)> = Vec::with_capacity(GROUPS);
    for pair in edges.windows(2) {
        let [from, to] = pair else { continue };
        if to > from {
            // The weight of all ranks in between, as an integral where there are many.
            ranks.push((to - from, weight(*from + 0.5, *to + 0.5, demand.zipf)));
        }
    }
    // The first rank stands alone.
    ranks.insert(0, (1.0, weight(0.5, 1.5, demand.zipf)));
    let total: f64 = ranks.iter().map(|(_, weight)| weight).sum();
    let kinds = [(demand.thumbnails, demand.thumbnail_bytes), (1.0 - demand.thumbnails, demand.image_bytes)];
    let group = |&(count, weight): &(f64, f64), (share, bytes): (f64, f64)| Group {
        count,
        rate: demand.requests * share * weight / total / count,
        bytes,
    };
    kinds.iter().flat_map(|kind| ranks.iter().map(move |rank| group(rank, *kind))).collect()
}

/// The integral of `1 / rank^zipf`.
fn weight(from: f64, to: f64, zipf: f64) -> f64 {
    if (zipf - 1.0).abs() < 1e-9 {
        return (to / from).ln();
    }
    (to.powf(1.0 - zipf) - from.powf(1.0 - zipf)) / (1.0 - zipf)
}

/// One tier: caches that are alike, and each sees the same share of the requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tier {
    /// Bytes of each cache.
    pub(crate) bytes: f64,
    /// How many there are.
    pub(crate) caches: f64,
    /// Whether each object has its own cache among them, as with a consistent hash; else each cache sees every object.
    pub(crate) is_spread: bool,
}

/// What a tier does with requests.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// The share of requests that it has.
    pub(crate) hits: f64,
    /// What goes on: requests and bytes a second.
    pub(crate) misses: f64,
    pub(crate) miss_bytes: f64,
    /// The same by group.
    pub(crate) beyond: Vec<Group>,
}

impl Tier {
    /// Lets it answer.
    pub(crate) fn answer(&self, groups: &[Group]) -> Answered {
        // Each cache alone: a part of the objects at their whole rate, or all at a part of it.
        let part = |group: &Group| match self.is_spread {
            true => Group { count: group.count / self.caches, ..*group },
            false => Group { rate: group.rate / self.caches, ..*group },
        };
        let seen: Vec<Group> = groups.iter().map(part).collect();
        let stays = time(&seen, self.bytes);
        let missed = |rate: f64| (-rate * stays).exp();
        let beyond: Vec<Group> =
            groups.iter().zip(&seen).map(|(all, own)| Group { rate: all.rate * missed(own.rate), ..*all }).collect();
        let (requests, _) = load(groups);
        let (misses, miss_bytes) = load(&beyond);
        Answered { hits: 1.0 - misses / requests, misses, miss_bytes, beyond }
    }
}

/// Requests and bytes a second.
pub(crate) fn load(groups: &[Group]) -> (f64, f64) {
    let sum = |each: fn(&Group) -> f64| groups.iter().map(each).sum();
    (sum(|group| group.count * group.rate), sum(|group| group.count * group.rate * group.bytes))
}

/// The time after which what was not asked for again has gone, so that what stays fills `bytes`.
fn time(groups: &[Group], bytes: f64) -> f64 {
    let held = |time: f64| -> f64 {
        groups.iter().map(|group| group.count * group.bytes * -(-group.rate * time).exp_m1()).sum()
    };
    let (mut low, mut high) = (0.0_f64, 1e13_f64);
    if held(high) <= bytes {
        return high;
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if held(middle) < bytes { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: Demand =
        Demand { images: 1e6, requests: 1e4, zipf: 0.9, thumbnails: 0.7, image_bytes: 90e3, thumbnail_bytes: 12e3 };

    #[test]
    fn the_groups_are_all_images_and_all_requests() {
        for zipf in [0.6, 0.9, 1.0, 1.2] {
            let groups = popularity(&Demand { zipf, ..DEMAND });
            let count: f64 = groups.iter().map(|group| group.count).sum();
            assert!((count - 2e6).abs() < 10.0, "{count}");
            let (requests, bytes) = load(&groups);
            assert!((requests - 1e4).abs() < 1e-3, "{requests}");
            assert!((bytes - 1e4 * (0.7 * 12e3 + 0.3 * 90e3)).abs() < 1.0, "{bytes}");
        }
    }

    #[test]
    fn a_larger_cache_hits_more_and_one_that_holds_all_misses_nothing() {
        let groups = popularity(&DEMAND);
        let hits = |bytes| Tier { bytes, caches: 1.0, is_spread: false }.answer(&groups).hits;
        assert!(hits(1e8) < hits(1e9) && hits(1e9) < hits(1e10), "{} {} {}", hits(1e8), hits(1e9), hits(1e10));
        assert!(hits(2e11) > 0.999_99);
    }

    #[test]
    fn caches_that_share_the_objects_hit_more_than_caches_that_each_see_all() {
        let groups = popularity(&DEMAND);
        let hits = |is_spread| Tier { bytes: 1e9, caches: 4.0, is_spread }.answer(&groups).hits;
        assert!(hits(true) > hits(false));
        let one = Tier { bytes: 4e9, caches: 1.0, is_spread: false }.answer(&groups);
        assert!((hits(true) - one.hits).abs() < 1e-6, "four parts are one whole");
    }
}
