//! Picture: makes the pictures that the benches upload: smooth colour with as much noise as a size asks for.
//!
//! Noise sets how many bytes an encoder needs, so one procedure gives 60 KB and 1.5 MB. The same seed gives the same
//! bytes on every machine.

use anyhow::{Result, ensure};
use orbit_codec::{Quality, Terms};

/// A picture before and after the encoder.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// The PNG to upload.
    pub(crate) source: Vec<u8>,
    /// The WebP that Orbit makes of it, and that both designs deliver.
    pub(crate) webp: Vec<u8>,
}

/// Finds the noise with which a square of `side` pixels becomes a WebP of about `bytes`, to one hundredth.
pub(crate) fn of_bytes(side: u32, bytes: usize) -> Result<Picture> {
    let (mut low, mut high) = (0.0, 128.0);
    loop {
        let noise = f64::midpoint(low, high);
        let source = png(side, noise, 1)?;
        let webp = orbit_codec::encode(&source, Quality::default(), &Terms::default())?.webp;
        if webp.len().abs_diff(bytes) <= bytes / 100 {
            return Ok(Picture { source, webp });
        }
        ensure!(high - low > 1e-3, "no noise makes {side} x {side} pixels {bytes} bytes: {noise} makes {}", webp.len());
        if webp.len() < bytes { low = noise } else { high = noise }
    }
}

/// A square as PNG: a gradient, different for each seed, under uniform noise of at most `noise` levels up and down.
pub(crate) fn png(side: u32, noise: f64, seed: u64) -> Result<Vec<u8>> {
    Ok(orbit_codec::encode_png(side, side, &paint(side, noise, seed))?)
}

/// The square's pixels, RGBA and opaque.
fn paint(side: u32, noise: f64, seed: u64) -> Vec<u8> {
    // xorshift64 never leaves 0, so the seed is mixed first.
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let from: [f64; 3] = std::array::from_fn(|_| 40.0 + 80.0 * random());
    let to: [f64; 3] = std::array::from_fn(|_| 120.0 + 100.0 * random());
    let span = f64::from(2 * side);
    let mut rgba = Vec::with_capacity(4 * side as usize * side as usize);
    for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
        let at = f64::from(x + y) / span;
        for (from, to) in from.iter().zip(to) {
            let level = from + (to - from) * at + (2.0 * random() - 1.0) * noise;
            rgba.push(level.clamp(0.0, 255.0) as u8);
        }
        rgba.push(255);
    }
    rgba
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_picture_and_two_give_two() {
        assert_eq!(paint(16, 4.0, 7), paint(16, 4.0, 7));
        assert_ne!(paint(16, 4.0, 7), paint(16, 4.0, 8));
    }

    #[test]
    fn a_picture_has_the_size_that_was_asked_for() {
        let picture = of_bytes(96, 5_000).unwrap();
        assert!(picture.webp.len().abs_diff(5_000) <= 50, "{}", picture.webp.len());
        assert!(picture.source.starts_with(b"\x89PNG"));
    }
}
