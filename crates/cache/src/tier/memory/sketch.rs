//! A count-min sketch of 4-bit counters (Cormode and Muthukrishnan 2005): how often keys were asked for of late.
//!
//! It counts keys that are not kept too, which is what admission needs. Counters are halved now and then, so that the
//! past fades; the table grows with the number of entries and forgets when it does.

/// Rows: a key's estimate is the least of its counters in each.
const ROWS: usize = 4;
/// The largest count.
const MAX: u8 = 15;
/// Requests for each entry after which all counters are halved.
const AGING: u64 = 100;
/// Counters in a row for each entry.
const WIDTH_FACTOR: usize = 8;

#[derive(Debug)]
pub(super) struct Sketch {
    /// `ROWS` rows of a power of two of counters.
    counters: Vec<u8>,
    mask: u64,
    counted: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self::with_width(1024)
    }
}

impl Sketch {
    fn with_width(width: usize) -> Self {
        let width = width.next_power_of_two();
        Self { counters: vec![0; ROWS * width], mask: width as u64 - 1, counted: 0 }
    }

    /// Counts a request for the key with this hash and returns its new frequency; `entries` is how many are kept.
    pub(super) fn count(&mut self, hash: u64, entries: usize) -> u32 {
        if entries * WIDTH_FACTOR > self.counters.len() / ROWS * 2 {
            *self = Self::with_width(entries * WIDTH_FACTOR);
        }
        let least = self.least(hash);
        if least < MAX {
            // Conservative update: only the counters that hold the estimate grow, so collisions add less.
            for index in self.indices(hash) {
                self.counters[index] = self.counters[index].max(least + 1);
            }
        }
        self.counted += 1;
        if self.counted > AGING * (entries.max(64) as u64) {
            self.counted = 0;
            for counter in &mut self.counters {
                *counter /= 2;
            }
        }
        u32::from((least + 1).min(MAX))
    }

    /// How often the key with this hash was asked for of late: never too low, rarely too high.
    pub(super) fn frequency(&self, hash: u64) -> u32 {
        u32::from(self.least(hash))
    }

    fn least(&self, hash: u64) -> u8 {
        self.indices(hash).map(|index| self.counters[index]).min().unwrap_or(0)
    }

    /// One counter in each row, by double hashing (Kirsch and Mitzenmacher 2006).
    fn indices(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let (mask, step) = (self.mask, (hash >> 32) | 1);
        let width = mask + 1;
        (0..ROWS as u64).map(move |row| {
            let column = hash.wrapping_add(row.wrapping_mul(step)) & mask;
            usize::try_from(row * width + column).unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[test]
    fn a_key_is_never_counted_too_low() {
        let mut sketch = Sketch::default();
        for round in 1..=5u32 {
            for key in 0..200 {
                assert!(sketch.count(hash(key), 200) >= round, "{key}");
            }
        }
        assert!((1000..1100).all(|key| sketch.frequency(hash(key)) <= 1), "strangers look like regulars");
    }

    #[test]
    fn the_past_fades() {
        let mut sketch = Sketch::default();
        for _ in 0..10 {
            sketch.count(hash(1), 64);
        }
        for key in 0..AGING * 64 * 4 {
            sketch.count(hash(2 + key % 3), 64);
        }
        assert!(sketch.frequency(hash(1)) <= 1);
    }
}
