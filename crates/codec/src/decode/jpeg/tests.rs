//! Decoding scaled shows what decoding whole does, and what it does not know it leaves to that.

use std::path::Path;

use jpeg_encoder::SamplingFactor;
use proptest::prelude::*;

use super::*;

use crate::{Limits, ingest, probe};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)).unwrap()
}

/// 64 pixels a side.
fn jpeg_of(sample: fn(usize, usize) -> u8) -> Vec<u8> {
    let samples: Vec<u8> = (0..64 * 64).map(|at| sample(at % 64, at / 64)).collect();
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    encoder.encode(&samples, 64, 64, jpeg_encoder::ColorType::Luma).unwrap();
    bytes
}

/// 64 by 48 pixels; with tables made for the image, this encoder writes each component by itself.
fn colours_of(samples: &[u8], sampling: SamplingFactor, tables: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    encoder.set_sampling_factor(sampling);
    encoder.set_optimized_huffman_tables(tables);
    encoder.encode(samples, 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// The upright image in sRGB, decoded for a rendition of which each pixel is made of `factor` a side.
fn read(bytes: &[u8], factor: f64) -> Result<Pixels, Error> {
    let limits = Limits::default();
    let decoded = decode_for(bytes, probe(bytes, &limits)?, &limits, |_| factor)?;
    Ok(ingest::upright(decoded))
}

/// The mean of the samples that `part` pixels cover along both sides.
fn mean(pixels: &Pixels, part: [std::ops::Range<u32>; 2]) -> [f64; 3] {
    let [across, down] = part;
    let count = f64::from((across.end - across.start) * (down.end - down.start));
    let mut sums = [0.0; 3];
    for (x, y) in down.flat_map(|y| across.clone().map(move |x| (x, y))) {
        let at = (y * pixels.width + x) as usize * 3;
        sums.iter_mut().zip(&pixels.samples[at..at + 3]).for_each(|(sum, sample)| *sum += f64::from(*sample));
    }
    sums.map(|sum| sum / count)
}

/// The mean difference between an image and the means of one that is `shrink` times as large.
fn difference(small: &Pixels, large: &Pixels, shrink: u32) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (x, y) in (0..large.height / shrink).flat_map(|y| (0..large.width / shrink).map(move |x| (x, y))) {
        let expected = mean(large, [x * shrink..(x + 1) * shrink, y * shrink..(y + 1) * shrink]);
        let found = mean(small, [x..x + 1, y..y + 1]);
        sum += found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).sum::<f64>();
        count += 3.0;
    }
    sum / count
}

#[test]
fn an_image_that_is_decoded_scaled_shows_what_it_shows_decoded_whole() {
    let smooth = (1..=8).map(|number| format!("trouble/orientation_{number}.jpg"));
    let other = ["trouble/baseline.jpg", "trouble/display_p3.jpg", "trouble/grey.jpg", "trouble/canaries.jpg"];
    let photos = ["photos/rocket.jpg", "photos/retina.jpg"];
    for name in smooth.chain(other.map(String::from)).chain(photos.map(String::from)) {
        let bytes = fixture(&name);
        let whole = read(&bytes, 1.0).unwrap();
        let mut scaled = 0;
        for shrink in [2, 4, 8] {
            let small = read(&bytes, f64::from(shrink) * LEAST_LEFT).unwrap();
            if small.width == whole.width {
                continue; // what is hidden would show
            }
            let size = (whole.width.div_ceil(shrink), whole.height.div_ceil(shrink));
            assert_eq!((small.width, small.height), size, "{name}");
            let difference = difference(&small, &whole, shrink);
            // What is left out of a hard edge rings, which no mean does; the small fixtures have little else.
            let most = if name.starts_with("photos") { 1.5 } else { 4.0 };
            assert!(difference < most, "{name} at 1/{shrink}: {difference}");
            scaled += 1;
        }
        assert!(scaled > 0 || name.starts_with("trouble"), "{name} was never scaled");
    }
}

/// A wave of so many samples at one of them, of unit energy over eight.
fn wave(samples: usize, wave: usize, at: usize) -> f64 {
    let angle = (2 * at + 1) as f64 * wave as f64 * std::f64::consts::PI / (2 * samples) as f64;
    if wave == 0 { 0.125_f64.sqrt() } else { 0.5 * angle.cos() }
}

#[test]
fn a_scaled_block_is_made_of_the_lowest_waves_of_the_whole_one() {
    let bytes = fixture("trouble/grey.jpg");
    let whole = read(&bytes, 1.0).unwrap();
    let grey = |x: usize, y: usize| f64::from(whole.samples[(y * whole.width as usize + x) * 3]);
    for side in [4, 2] {
        let small = scaled::decode(&bytes, (whole.width, whole.height), side).unwrap_or_else(|| panic!("{side}"));
        for (x, y) in (0..4 * side).flat_map(|y| (0..6 * side).map(move |x| (x, y))) {
            let (left, top) = (x / side * 8, y / side * 8);
            let mut expected = 0.0;
            for (u, v) in (0..side).flat_map(|v| (0..side).map(move |u| (u, v))) {
                let part = |at: usize| grey(left + at % 8, top + at / 8) * wave(8, u, at % 8) * wave(8, v, at / 8);
                expected += (0..64).map(part).sum::<f64>() * wave(side, u, x % side) * wave(side, v, y % side);
            }
            let found = f64::from(small.samples[y * small.width as usize + x]);
            // The whole one was rounded and cut to 0 to 255, too.
            assert!((found - expected.clamp(0.0, 255.0)).abs() < 4.0, "{x},{y} of {side}: {found}, not {expected}");
        }
    }
}

#[test]
fn components_in_scans_of_their_own_are_read() {
    let samples: Vec<u8> = (0..64 * 48).flat_map(|at| [(at % 64 * 3) as u8, (at / 64 * 4) as u8, 99]).collect();
    for (sampling, tables) in
        [(SamplingFactor::F_2_2, true), (SamplingFactor::F_2_1, true), (SamplingFactor::F_2_2, false)]
    {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
        encoder.set_sampling_factor(sampling);
        // With tables made for the image, this encoder writes each component by itself.
        encoder.set_optimized_huffman_tables(tables);
        encoder.encode(&samples, 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
        assert_eq!(separate::is_separate(&bytes), tables);
        for factor in [1.0, 4.0] {
            let read = read(&bytes, factor).unwrap();
            let shrink = 64 / read.width;
            let expected = Pixels { width: 64, height: 48, layout: Layout::Rgb, samples: samples.clone() };
            assert!(difference(&read, &expected, shrink) < 3.0, "{sampling:?} at {factor}");
        }
    }
}

#[test]
fn what_is_not_known_is_decoded_whole() {
    for name in ["progressive.jpg", "cmyk.jpg", "cmyk_profile.jpg", "ycck.jpg"] {
        let bytes = fixture(&format!("trouble/{name}"));
        assert_eq!(read(&bytes, 100.0).unwrap(), read(&bytes, 1.0).unwrap(), "{name}");
    }
    assert!(read(&fixture("trouble/truncated.jpg"), 100.0).is_err());
}

#[test]
fn a_pattern_that_would_lose_its_light_is_decoded_whole() {
    let board = jpeg_of(|x, y| if (x + y) % 2 == 0 { 255 } else { 0 });
    assert_eq!(read(&board, 100.0).unwrap().width, 64);
}

#[test]
fn the_scale_leaves_lanczos_something_to_do() {
    let bytes = jpeg_of(|x, y| (x * 2 + y) as u8);
    for (factor, width) in [(1.0, 64), (2.9, 64), (3.0, 32), (5.9, 32), (6.0, 16), (12.0, 8), (1e9, 8)] {
        assert_eq!(read(&bytes, factor).unwrap().width, width, "{factor}");
    }
}

proptest! {
    #[test]
    fn damaged_bytes_are_answered(
        seed in prop::sample::select(vec!["canaries.jpg", "grey.jpg", "orientation_6.jpg", "progressive.jpg", "separate"]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        factor in 1.0..20.0,
    ) {
        let mut bytes = match seed {
            "separate" => colours_of(&[90; 64 * 48 * 3], SamplingFactor::F_2_2, true),
            _ => fixture(&format!("trouble/{seed}")),
        };
        for (index, value) in flips {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let answer = read(&bytes, factor);
        prop_assert!(!matches!(answer, Err(Error::Internal(_))), "{:?}", answer.err());
        // By itself, too, as its refusals would be hidden by the other decoder.
        for eighths in [1, 2, 4] {
            let _ = scaled::decode(&bytes, (48, 36), eighths);
        }
    }
}
