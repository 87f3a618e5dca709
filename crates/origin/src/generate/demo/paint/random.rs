//! The one source of chance in a picture: SplitMix64, started from the 32 bytes of the seed. Scenes draw their
//! parameters from it in a fixed order, so the order of the calls is part of what a seed means.

/// A stream of numbers that depends on the seed alone.
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Folds all 32 bytes of the seed into the state.
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        let (words, _) = seed.as_chunks::<8>();
        let state = words.iter().fold(0, |state, word| mix(state ^ u64::from_le_bytes(*word)).wrapping_add(STEP));
        Self { state }
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number in `0.0..1.0`.
    pub(super) fn unit(&mut self) -> f32 {
        fraction(self.bits())
    }

    /// A number in `low..high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A whole number in `low..=high`.
    pub(super) fn whole(&mut self, low: usize, high: usize) -> usize {
        low + self.index(high.saturating_sub(low) + 1)
    }

    /// True in `share` of the cases.
    pub(super) fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// One of `N` choices.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.index(N)]
    }

    /// A whole number in `0..count`, the same where `usize` has 32 bits; `count` is not zero.
    fn index(&mut self, count: usize) -> usize {
        (self.bits() % count as u64) as usize
    }

    /// Puts the items in a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.whole(0, last));
        }
    }
}

/// The golden ratio's odd 64-bit fraction, by which SplitMix64 steps.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finaliser: every bit of the answer depends on every bit of `bits`.
pub(super) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The upper 24 bits as a number in `0.0..1.0`, which an `f32` holds exactly.
pub(super) fn fraction(bits: u64) -> f32 {
    (bits >> 40) as f32 / (1u32 << 24) as f32
}
