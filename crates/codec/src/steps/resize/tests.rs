//! What pixels look like after they were resized.

use super::*;

fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Pixels {
    let samples = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    Pixels { width, height, layout: Layout::Rgba, samples }
}

fn resized(pixels: Pixels, query: &str) -> Pixels {
    let variant: Variant = query.parse().unwrap();
    resize(pixels, &variant.resolve(85, Format::Webp)).unwrap()
}

fn at(pixels: &Pixels, x: u32, y: u32) -> &[u8] {
    let channels = pixels.layout.channels();
    &pixels.samples[(y * pixels.width + x) as usize * channels..][..channels]
}

#[test]
fn a_fine_pattern_keeps_its_light() {
    let board = picture(256, 256, |x, y| if (x + y) % 2 == 0 { [255; 4] } else { [0, 0, 0, 255] });
    for query in ["w=128", "w=64", "w=17", "w=40&h=90"] {
        let small = resized(board.clone(), query);
        let (_, inner) = small.samples.split_at(small.samples.len() / 2);
        // Half the light is 187.5 of 255; a size that is no divisor leaves a beat.
        let mean = inner.iter().map(|sample| f64::from(*sample)).sum::<f64>() / inner.len() as f64;
        assert!((mean - 187.5).abs() < 3.0, "{query}: {mean}");
    }
    assert_eq!(at(&resized(board, "w=64"), 20, 20), [188, 188, 188]);
}

#[test]
fn colours_of_transparent_pixels_do_not_bleed() {
    for red in [255, 120] {
        let stripes = picture(256, 256, |x, _| if x % 64 < 32 { [red, 0, 0, 255] } else { [0, 255, 0, 0] });
        let small = resized(stripes, "w=100");
        assert_eq!(small.layout, Layout::Rgba);
        for pixel in small.samples.as_chunks::<4>().0 {
            assert!(pixel[3] == 0 || pixel[1] == 0, "{red}: {pixel:?}");
        }
    }
    let board = picture(64, 64, |x, y| if (x + y) % 2 == 0 { [255, 0, 0, 255] } else { [0, 255, 0, 0] });
    assert_eq!(at(&resized(board, "w=16"), 8, 8), [255, 0, 0, 128]);
}

#[test]
fn alpha_stays_only_where_something_is_transparent() {
    let opaque = picture(64, 64, |x, y| [x as u8, y as u8, 0, 255]);
    for query in ["", "w=16", "w=16&h=8"] {
        assert_eq!(resized(opaque.clone(), query).layout, Layout::Rgb, "{query}");
    }
    let hole = picture(64, 64, |x, y| [0, 0, 0, if (x, y) == (63, 63) { 254 } else { 255 }]);
    assert_eq!(resized(hole, "").layout, Layout::Rgba);
}

#[test]
fn a_contained_image_lies_in_the_middle_of_nothing_or_of_white() {
    let red = picture(40, 20, |_, _| [255, 0, 0, 255]);
    let webp = resized(red.clone(), "w=20&h=20&fit=contain");
    assert_eq!((webp.width, webp.height, webp.layout), (20, 20, Layout::Rgba));
    assert_eq!([at(&webp, 10, 4), at(&webp, 10, 5)], [[0; 4], [255, 0, 0, 255]]);
    assert_eq!([at(&webp, 0, 14), at(&webp, 19, 15)], [[255, 0, 0, 255], [0; 4]]);
    let jpeg = resized(red.clone(), "w=20&h=20&fit=contain&fm=jpeg");
    assert_eq!([at(&jpeg, 10, 4), at(&jpeg, 10, 5)], [[255; 3], [255, 0, 0]]);
    let full = resized(red, "w=20&h=10&fit=contain");
    assert_eq!(full.layout, Layout::Rgb, "nothing is left to fill");
}

#[test]
fn a_covered_box_shows_the_middle() {
    let thirds = picture(90, 30, |x, _| [0, (x / 30 * 100) as u8, 0, 255]);
    let middle = resized(thirds, "w=30&h=30");
    assert!(middle.samples.as_chunks().0.iter().all(|pixel| *pixel == [0, 100, 0]), "not one pixel is blurred");
}

#[test]
fn the_longest_and_thinnest_images_come_through() {
    for (width, height) in [(1, 16_383), (16_383, 1), (2, 16_383), (16_383, 3)] {
        for query in ["w=1", "h=1", "w=7&h=7", "w=7&h=7&fit=inside", "w=7&h=7&fit=contain", "w=16383&h=2"] {
            let grey = picture(width, height, |_, _| [90, 90, 90, 255]);
            let small = resized(grey, query);
            assert!(small.width >= 1 && small.height >= 1);
            let is_grey = |pixel: &[u8]| pixel[..3] == [90; 3] || pixel == [0; 4];
            assert!(small.samples.chunks_exact(small.layout.channels()).all(is_grey), "{width} x {height} {query}");
        }
    }
}

#[test]
fn an_image_grows_only_where_that_is_asked_for() {
    let grey = picture(10, 10, |_, _| [90, 90, 90, 255]);
    assert_eq!(resized(grey.clone(), "w=20").width, 10);
    let grown = resized(grey, "w=20&enlarge=1");
    assert_eq!((grown.width, grown.height, at(&grown, 10, 10)), (20, 20, &[90, 90, 90][..]));
}
