//! What every picture owes its callers, at every size.

use proptest::prelude::*;

use super::colour::{Ramp, Rgb};
use super::geometry::sine;
use super::palette::PALETTES;
use super::{Canvas, paint};

/// The seed of the numbered example; the first few show every scene.
fn seed(number: u8) -> [u8; 32] {
    *blake3::hash(&[number]).as_bytes()
}

fn square(side: u32) -> Canvas {
    Canvas { width: side, height: side }
}

#[test]
fn the_same_seed_paints_the_same_pixels() {
    for number in 0..24 {
        assert_eq!(paint(square(48), &seed(number)), paint(square(48), &seed(number)), "seed {number}");
    }
}

#[test]
fn fifty_seeds_paint_fifty_pictures() {
    let pictures: std::collections::HashSet<Vec<u8>> = (0..50).map(|number| paint(square(24), &seed(number))).collect();
    assert_eq!(pictures.len(), 50);
}

#[test]
fn one_bit_of_the_seed_changes_the_picture() {
    let original = seed(0);
    for byte in (0..32).step_by(3) {
        let mut changed = original;
        changed[byte] ^= 1;
        assert_ne!(paint(square(24), &original), paint(square(24), &changed), "byte {byte}");
    }
}

#[test]
fn every_picture_has_light_and_dark() {
    for number in 0..50 {
        let pixels = paint(square(48), &seed(number));
        let greens = || pixels.iter().skip(1).step_by(4);
        let (low, high) = (greens().min().unwrap(), greens().max().unwrap());
        assert!(high - low > 60, "seed {number}: greens from {low} to {high}");
    }
}

#[test]
fn a_small_picture_shows_what_the_large_one_shows() {
    for number in 0..16 {
        let (small, large) = (paint(square(64), &seed(number)), paint(square(192), &seed(number)));
        let average = |pixels: &[u8]| pixels.iter().map(|byte| f64::from(*byte)).sum::<f64>() / pixels.len() as f64;
        let (small, large) = (average(&small), average(&large));
        assert!((small - large).abs() < 3.0, "seed {number}: {small} and {large}");
    }
}

#[test]
fn palettes_keep_figure_and_ground_apart() {
    for palette in PALETTES {
        assert!(palette.ground.contrast(palette.ink) > 9.0, "{palette:?}");
        for hue in palette.hues() {
            assert!(palette.ground.contrast(hue) > 1.5, "{hue:?} on the ground of {palette:?}");
            assert!(palette.ink.contrast(hue) > 1.3, "{hue:?} on the ink of {palette:?}");
        }
        assert!(
            palette.ground.contrast(palette.primary).max(palette.ground.contrast(palette.accent)) > 2.5,
            "{palette:?}"
        );
    }
}

#[test]
fn a_ramp_begins_and_ends_with_its_stops() {
    let stops = [Rgb::hex(0x0000ff), Rgb::hex(0x808080), Rgb::hex(0xffff00)];
    let ramp = Ramp::through(stops);
    for (place, stop) in [0.0, 0.5, 1.0].into_iter().zip(stops) {
        let difference = (ramp.at(place) - stop).0.map(f32::abs);
        assert!(difference.into_iter().all(|channel| channel < 0.02), "{place}: {difference:?}");
    }
}

#[test]
fn the_sine_is_the_sine() {
    for step in -2000i16..=2000 {
        let turns = f32::from(step) / 700.0;
        let exact = (f64::from(turns) * std::f64::consts::TAU).sin();
        assert!((f64::from(sine(turns)) - exact).abs() < 1e-5, "{turns}");
    }
}

#[test]
fn slivers_and_single_pixels_are_pictures_too() {
    for (width, height) in [(1, 1), (1, 4096), (4096, 1), (16, 1024), (1023, 17), (0, 5)] {
        for number in 0..8 {
            let pixels = paint(Canvas { width, height }, &seed(number));
            assert_eq!(pixels.len(), (width * height * 4) as usize);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_size_and_seed_give_opaque_pixels(width in 16u32..120, height in 16u32..120, seed: [u8; 32]) {
        let pixels = paint(Canvas { width, height }, &seed);
        prop_assert_eq!(pixels.len(), (width * height * 4) as usize);
        prop_assert!(pixels.iter().skip(3).step_by(4).all(|alpha| *alpha == u8::MAX));
    }
}
