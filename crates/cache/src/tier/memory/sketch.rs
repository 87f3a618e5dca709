//! A count-min sketch of 4-bit counters (Cormode and Muthukrishnan 2005): how often keys were asked for of late.
//!
//! It counts keys that are not kept too, which is what admission needs. All counters of a key lie in one block of the
//! size of a cache line, so that counting costs one access to memory. Counters are halved now and then, so that the past
//! fades; the table grows with the number of entries and keeps its counts when it does. Each shelf has one, and it knows
//! keys by their hashes alone.

/// Rows in a block: a key's estimate is the least of its counters in each.
const ROWS: usize = 4;
/// 4-bit counters in a row of a block, two words of them.
const ROW_COUNTERS: u64 = 32;
/// Entries for each block, at the most, before the table grows.
const BLOCK_ENTRIES: usize = 8;
/// The largest count.
const MAX: u64 = 15;
/// Requests for each entry after which all counters are halved: sooner than TinyLFU (Einziger, Friedman and Manes 2017)
/// does it, for what is looked at a hundred times in ten minutes may never be asked for again.
const AGING: u64 = 3;
/// As if there were at least so many entries.
const LEAST_ENTRIES: u64 = 64;
/// The lower three bits of each counter.
const HALVES: u64 = 0x7777_7777_7777_7777;

type Block = [u64; 2 * ROWS];

#[derive(Debug)]
pub(super) struct Sketch {
    /// A power of two of them.
    blocks: Vec<Block>,
    counted: u64,
}

/// Where a counter is: the word in its block, and the bits in that word.
#[derive(Debug, Clone, Copy)]
struct Counter {
    word: usize,
    shift: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { blocks: vec![[0; 2 * ROWS]; 8], counted: 0 }
    }
}

impl Sketch {
    /// Counts a request for the key with this hash and returns its new frequency; `entries` is how many are kept.
    pub(super) fn count(&mut self, hash: u64, entries: usize) -> u32 {
        if entries > self.blocks.len() * BLOCK_ENTRIES {
            // A key's block in the doubled table is either of the copies of its old one.
            self.blocks.extend_from_within(..);
        }
        let index = self.index(hash);
        let block = &mut self.blocks[index];
        let least = least(block, hash);
        let frequency = (least + 1).min(MAX);
        // Conservative update: only the counters that hold the estimate grow, so collisions add less.
        for counter in counters(hash) {
            if read(block, counter) < frequency {
                block[counter.word] += 1 << counter.shift;
            }
        }
        self.counted += 1;
        if self.counted > AGING * LEAST_ENTRIES.max(entries as u64) {
            self.halve();
        }
        narrow(frequency)
    }

    /// How often the key with this hash was asked for of late: never too low, rarely too high.
    pub(super) fn frequency(&self, hash: u64) -> u32 {
        narrow(least(&self.blocks[self.index(hash)], hash))
    }

    fn halve(&mut self) {
        self.counted = 0;
        for word in self.blocks.iter_mut().flatten() {
            *word = (*word >> 1) & HALVES;
        }
    }

    fn index(&self, hash: u64) -> usize {
        // The cast cuts off high bits, which the mask does not ask for.
        usize::try_from(hash & (self.blocks.len() as u64 - 1)).unwrap_or(0)
    }
}

fn least(block: &Block, hash: u64) -> u64 {
    counters(hash).map(|counter| read(block, counter)).min().unwrap_or(0)
}

fn read(block: &Block, counter: Counter) -> u64 {
    (block[counter.word] >> counter.shift) & MAX
}

/// A key's counters, one in each row, by bits of the hash that neither the block nor the shelf was chosen by.
fn counters(hash: u64) -> impl Iterator<Item = Counter> {
    (0..ROWS).map(move |row| {
        let column = (hash >> (32 + 5 * row)) % ROW_COUNTERS;
        let upper = usize::from(column >= ROW_COUNTERS / 2);
        Counter { word: 2 * row + upper, shift: column % (ROW_COUNTERS / 2) * 4 }
    })
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: u64) -> u64 {
        let mixed = (key + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }

    #[test]
    fn a_key_is_never_counted_too_low() {
        let mut sketch = Sketch::default();
        for round in 1..=3u32 {
            for key in 0..200 {
                assert!(sketch.count(hash(key), 200) >= round, "{key}");
            }
        }
        let mistaken = (1000..2000).filter(|key| sketch.frequency(hash(*key)) > 1).count();
        assert!(mistaken < 50, "{mistaken} of 1000 strangers look like regulars");
    }

    #[test]
    fn a_table_that_grows_keeps_its_counts() {
        let mut sketch = Sketch::default();
        for _ in 0..5 {
            sketch.count(hash(1), 10);
        }
        for entries in [100, 1000, 10_000] {
            sketch.count(hash(2), entries);
            assert!(sketch.frequency(hash(1)) >= 5);
        }
    }

    #[test]
    fn the_past_fades() {
        let mut sketch = Sketch::default();
        for _ in 0..10 {
            sketch.count(hash(1), 64);
        }
        for key in 0..AGING * LEAST_ENTRIES * 5 {
            sketch.count(hash(2 + key % 3), 64);
        }
        assert_eq!(sketch.frequency(hash(1)), 0);
    }
}
