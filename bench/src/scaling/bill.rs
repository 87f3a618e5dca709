//! Nodes and prices: what the model's tiers are made of, and what they cost a month.
//!
//! Every number that is no measurement is an assumption with a name, so that it can be argued with; `docs/scaling.md` lists them.

/// What is assumed of machines, objects and prices. Prices are in US dollars, of public price lists or of what such machines usually cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assumptions {
    /// The mean of a month over its busiest second.
    pub(crate) mean_of_peak: f64,
    /// Bytes of a source, and the share of images whose source is kept.
    pub(crate) source_bytes: f64,
    pub(crate) sources_kept: f64,
    /// Bytes of the manifest and of variants beside the thumbnail, an image.
    pub(crate) beside_bytes: f64,
    /// Months in which the images came.
    pub(crate) months: f64,
    /// Bytes of an image in the index on Redis.
    pub(crate) index_bytes: f64,
    /// Bytes that an entry takes in an edge's memory beside its body.
    pub(crate) entry_bytes: f64,
    /// How much of a node is used at the busiest.
    pub(crate) used: f64,
    /// An edge: memory and disk for copies, bytes a second out, requests a second, a month.
    pub(crate) edge_memory: f64,
    pub(crate) edge_disk: f64,
    pub(crate) edge_out: f64,
    pub(crate) edge_requests: f64,
    pub(crate) edge_price: f64,
    /// An origin: requests a second from the bucket, images taken in a second, a month.
    pub(crate) origin_requests: f64,
    pub(crate) origin_images: f64,
    pub(crate) origin_price: f64,
    /// A shard of Redis with its replica: bytes, a month.
    pub(crate) redis_bytes: f64,
    pub(crate) redis_price: f64,
    /// A bucket: a gigabyte and month, a million reads, a million writes.
    pub(crate) stored_gb: f64,
    pub(crate) million_reads: f64,
    pub(crate) million_writes: f64,
    /// A CDN: places, bytes of copies in each, a gigabyte out.
    pub(crate) cdn_places: f64,
    pub(crate) cdn_place_bytes: f64,
    pub(crate) cdn_gb: f64,
    /// A gigabyte out of an edge.
    pub(crate) edge_gb: f64,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            mean_of_peak: 0.5,
            source_bytes: 1.5e6,
            sources_kept: 0.1,
            beside_bytes: 40e3,
            months: 36.0,
            index_bytes: 600.0,
            entry_bytes: 1842.0,
            used: 0.5,
            edge_memory: 96e9,
            edge_disk: 7e12,
            edge_out: 1.25e9,
            edge_requests: 1e5,
            edge_price: 450.0,
            origin_requests: 3e3,
            origin_images: 30.0,
            origin_price: 250.0,
            redis_bytes: 50e9,
            redis_price: 600.0,
            stored_gb: 0.021,
            million_reads: 0.4,
            million_writes: 5.0,
            cdn_places: 40.0,
            cdn_place_bytes: 2e12,
            cdn_gb: 0.01,
            edge_gb: 0.005,
        }
    }
}

/// Seconds of a month.
pub(crate) const MONTH: f64 = 30.0 * 86_400.0;

/// What a layout takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nodes {
    pub(crate) edges: f64,
    pub(crate) origins: f64,
    pub(crate) redis: f64,
}

impl Assumptions {
    /// Edges that can give out so many requests and bytes a second.
    pub(crate) fn edges(&self, requests: f64, bytes: f64) -> f64 {
        (requests / self.edge_requests).max(bytes / self.edge_out).max(0.0) / self.used
    }

    /// Origins that can read so many a second, and take in what comes in; three at the least, so that one may be missing.
    pub(crate) fn origins(&self, reads: f64, images: f64) -> f64 {
        let taken_in = images / self.months / MONTH / self.mean_of_peak;
        ((reads / self.origin_requests + taken_in / self.origin_images) / self.used).ceil().max(3.0)
    }

    /// Shards for the index of so many images.
    pub(crate) fn redis(&self, images: f64) -> f64 {
        (images * self.index_bytes / self.redis_bytes).ceil()
    }

    /// Bytes in the bucket.
    pub(crate) fn stored(&self, images: f64, served: f64) -> f64 {
        images * (served + self.beside_bytes + self.source_bytes * self.sources_kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_enough_for_the_busiest_second_with_half_of_them_idle() {
        let assumed = Assumptions::default();
        assert!((assumed.edges(1e5, 0.0) - 2.0).abs() < 1e-9, "by requests");
        assert!((assumed.edges(0.0, 2.5e9) - 4.0).abs() < 1e-9, "by bytes");
        assert!((assumed.origins(0.0, 1.0) - 3.0).abs() < 1e-9, "never fewer than three");
        assert!((assumed.redis(1e9) - 12.0).abs() < 1e-9);
    }
}
