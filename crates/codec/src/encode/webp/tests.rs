//! What our own planes bring, and what alpha must not cost.

use super::*;
use crate::{Limits, decode, probe, score};

fn score(pixels: &Pixels, webp: &[u8]) -> f64 {
    let limits = Limits::default();
    let decoded = decode::decode(webp, probe(webp, &limits).unwrap(), &limits).unwrap();
    score::Reference::new(pixels).unwrap().unwrap().score(&decoded.pixels).unwrap()
}

/// Coloured stripes, which are what half the resolution of colour does most harm to.
fn stripes(layout: Layout) -> Pixels {
    let mut pixels = Pixels::zeroed(64, 64, layout).unwrap();
    for (index, pixel) in pixels.samples.chunks_exact_mut(layout.channels()).enumerate() {
        let colour = if index % 64 / 5 % 2 == 0 { [210, 40, 30, 255] } else { [40, 60, 170, 255] };
        pixel.copy_from_slice(&colour[..layout.channels()]);
    }
    pixels
}

#[test]
fn coloured_edges_look_better_than_as_libwebp_converts_them() {
    let pixels = stripes(Layout::Rgb);
    let (quality, stop) = (Quality::default(), Stop::never());
    let ours = encode(&pixels, quality, Effort::First, &stop).unwrap();
    let usual = encode_usual(&pixels, quality, &stop).unwrap();
    let (ours, usual) = (score(&pixels, &ours), score(&pixels, &usual));
    assert!(ours > usual + 1.0, "{ours} and {usual}");
}

#[test]
fn an_alpha_that_hides_nothing_costs_nothing() {
    for effort in [Effort::First, Effort::Best] {
        let encode = |layout| encode(&stripes(layout), Quality::default(), effort, &Stop::never()).unwrap();
        assert_eq!(encode(Layout::Rgba), encode(Layout::Rgb));
    }
}

#[test]
fn a_better_quality_is_a_better_level_and_the_best_is_the_best() {
    let levels: Vec<f32> = (1..=100).filter_map(Quality::new).map(best_level).collect();
    assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(levels[0] >= 0.0 && levels[99] <= 100.0);
}
