//! What the searches find, and how often they try.

use std::cell::Cell;

use super::*;
use crate::pixels::Layout;

fn quality(value: u8) -> Quality {
    Quality::new(value).unwrap()
}

/// A photograph's stand-in: smooth colour under noise.
fn noisy(side: u32) -> Pixels {
    let mut pixels = Pixels::noise(side, side, Layout::Rgb);
    for (index, sample) in pixels.samples.iter_mut().enumerate() {
        *sample = (60 + index / 3 % side as usize + usize::from(*sample >> 3)).min(255) as u8;
    }
    pixels
}

/// Lettering's stand-in: few colours, sharp edges.
fn flat_art(side: u32) -> Pixels {
    let mut pixels = Pixels::zeroed(side, side, Layout::Rgb).unwrap();
    for (index, pixel) in pixels.samples.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (index % side as usize, index / side as usize);
        *pixel = if (x / 5 + y / 7) % 3 == 0 { [20, 40, 200] } else { [250, 250, 250] };
    }
    pixels
}

#[test]
fn what_fits_is_found_in_a_few_trials_and_nothing_better_is_passed_over_by_far() {
    for (max_bytes, most) in [(1, 100), (50, 85), (333, 100), (700, 85), (851, 85), (10_000, 85), (100, 1)] {
        let trials = Cell::new(0);
        // A file has ten bytes for each step of quality.
        let found = within(max_bytes, quality(most), |quality| {
            trials.set(trials.get() + 1);
            Ok(vec![0; usize::from(quality.get()) * 10])
        });
        assert!(trials.get() <= MAX_TRIALS + 1, "{max_bytes}: {} trials", trials.get());
        match found {
            Ok((bytes, found)) => {
                assert!(bytes.len() as u64 <= max_bytes);
                let best = u8::try_from(max_bytes / 10).unwrap_or(u8::MAX).min(most);
                assert!(best - found.get() <= 2, "{max_bytes}: {found:?} for {best}");
            }
            Err(error) => assert!(max_bytes < 10 && matches!(error, Error::TooLarge(_)), "{max_bytes}: {error}"),
        }
    }
}

#[test]
fn a_quality_by_eye_reaches_the_target_with_no_more_than_it_takes() {
    let (pixels, terms) = (noisy(96), Terms::default());
    let reference = Reference::new(&pixels).unwrap().unwrap();
    for format in [Format::Webp, Format::Jpeg] {
        let (bytes, found) = search(&pixels, format, &reference, &terms).unwrap();
        let score = reference.score(&read(&bytes).unwrap()).unwrap();
        assert!(score >= TARGET || f64::from(found.get()) >= RANGE.1, "{format}: {score} at {found:?}");
        if f64::from(found.get()) > RANGE.0 {
            let less = encode::write(&pixels, format, quality(found.get() - 3), &terms).unwrap();
            let less = reference.score(&read(&less).unwrap()).unwrap();
            assert!(less < score, "{format}: {less} and {score}");
        }
    }
}

#[test]
fn flat_art_is_written_without_loss_where_that_is_smaller() {
    let (pixels, terms) = (flat_art(128), Terms::default());
    let (bytes, quality) = by_eye(&pixels, Format::Webp, None, &terms).unwrap();
    assert_eq!((quality, read(&bytes).unwrap().samples), (Quality::BEST, pixels.samples));
    let (_, quality) = by_eye(&noisy(96), Format::Webp, None, &terms).unwrap();
    assert!(quality < Quality::BEST);
}

#[test]
fn bytes_come_before_looks() {
    let (pixels, terms) = (noisy(96), Terms::default());
    let free = by_eye(&pixels, Format::Webp, None, &terms).unwrap().0.len() as u64;
    let (bytes, _) = by_eye(&pixels, Format::Webp, Some(free / 2), &terms).unwrap();
    assert!(bytes.len() as u64 <= free / 2);
}

#[test]
fn a_search_ends_when_nobody_waits() {
    let terms = Terms::default();
    terms.stop.cancel();
    assert!(matches!(by_eye(&noisy(64), Format::Webp, None, &terms), Err(Error::Stopped(_))));
}
