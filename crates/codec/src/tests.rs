//! Fixtures through the whole of [`encode()`]: what is read right, what is refused, and what never gets out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orbit_model::Format;
use proptest::prelude::*;

use super::*;
use crate::pixels::{Layout, Pixels};

mod broken;
mod labels;
mod pngsuite;
mod stops;

/// Levels by which two sound decoders may differ: rounding of a JPEG's transform, of a profile's tables.
const DECODER_TOLERANCE: u8 = 3;
/// Levels that WebP at quality 85 may add in the middle of a patch that is smaller than its blocks of chroma.
const ENCODER_TOLERANCE: u8 = 24;

#[derive(Debug)]
struct Expected {
    size: (u32, u32),
    /// x, y, red, green, blue, alpha.
    points: Vec<[u32; 6]>,
}

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(folder)
}

fn trouble(name: &str) -> Vec<u8> {
    std::fs::read(fixtures("trouble").join(name)).unwrap()
}

fn expected() -> BTreeMap<String, Expected> {
    let json: serde_json::Value = serde_json::from_slice(&trouble("expected.json")).unwrap();
    let number = |value: &serde_json::Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let point = |point: &serde_json::Value| std::array::from_fn(|index| number(&point[index]));
    let entry = |(name, value): (&String, &serde_json::Value)| {
        let points = value["points"].as_array().unwrap().iter().map(point).collect();
        (name.clone(), Expected { size: (number(&value["width"]), number(&value["height"])), points })
    };
    json.as_object().unwrap().iter().map(entry).collect()
}

fn read(bytes: &[u8]) -> Result<Pixels, Error> {
    let limits = Limits::default();
    let decoded = decode::decode(bytes, probe(bytes, &limits)?, &limits)?;
    let oriented = steps::orient::orient(decoded.pixels, decoded.orientation);
    Ok(steps::colour::to_srgb(oriented, decoded.icc.as_deref()))
}

fn within(limits: Limits) -> Terms {
    Terms { limits, ..Terms::default() }
}

fn encode_default(bytes: &[u8]) -> Result<Encoded, Error> {
    encode(bytes, Quality::default(), &Terms::default())
}

fn pixel(pixels: &Pixels, x: u32, y: u32) -> [u8; 4] {
    let channels = pixels.layout.channels();
    let at = (y * pixels.width + x) as usize * channels;
    match pixels.samples[at..at + channels] {
        [red, green, blue] => [red, green, blue, 255],
        [red, green, blue, alpha] => [red, green, blue, alpha],
        _ => panic!("{:?} after the colour step", pixels.layout),
    }
}

fn assert_shows(name: &str, pixels: &Pixels, expected: &Expected, tolerance: u8) {
    assert_eq!((pixels.width, pixels.height), expected.size, "{name}");
    for &[x, y, colour @ ..] in &expected.points {
        let (found, colour) = (pixel(pixels, x, y), colour.map(|sample| u8::try_from(sample).unwrap()));
        assert_eq!(found[3], colour[3], "alpha of {name} at {x},{y}");
        let close = found.iter().zip(colour).all(|(found, wanted)| found.abs_diff(wanted) <= tolerance);
        assert!(colour[3] == 0 || close, "{name} at {x},{y}: {found:?}, not {colour:?}");
    }
}

fn riff_chunks(webp: &[u8]) -> Vec<String> {
    let (mut rest, mut kinds) = (&webp[12..], Vec::new());
    while !rest.is_empty() {
        kinds.push(String::from_utf8(rest[..4].to_vec()).unwrap());
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        rest = &rest[8 + length + length % 2..];
    }
    kinds
}

#[test]
fn pixels_are_those_that_pillow_and_littlecms_read() {
    let all = expected();
    assert!(all.len() > 35, "only {}", all.len());
    for (name, expected) in &all {
        let pixels = read(&trouble(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_shows(name, &pixels, expected, DECODER_TOLERANCE);
    }
}

#[test]
fn the_webp_shows_what_the_source_did() {
    for (name, expected) in &expected() {
        let encoded = encode_default(&trouble(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((encoded.width, encoded.height), expected.size, "{name}");
        assert_shows(name, &read(&encoded.webp).unwrap(), expected, ENCODER_TOLERANCE);
    }
}

#[test]
fn the_type_comes_from_the_bytes_and_not_from_the_name() {
    assert_eq!(encode_default(&trouble("png_named.jpg")).unwrap().source_format, Format::Png);
}

#[test]
fn a_frame_that_leaves_the_canvas_bare_leaves_it_transparent() {
    let pixels = read(&trouble("offset.gif")).unwrap();
    assert_eq!((pixels.width, pixels.height), (64, 48));
    assert_eq!(pixel(&pixels, 4, 3), [0; 4]);
    assert_eq!(pixel(&pixels, 5, 2), [0; 4]);
    assert_eq!(pixel(&pixels, 5, 3), [255, 0, 0, 255]);
    assert_eq!(pixel(&pixels, 63, 47), [0; 4]);
}

#[test]
fn nothing_but_pixels_gets_out() {
    for name in ["canaries.png", "canaries.jpg", "canaries.webp"] {
        let source = trouble(name);
        let holds = |bytes: &[u8]| bytes.windows(12).any(|window| window == b"ORBIT-CANARY");
        assert!(holds(&source), "{name} has lost its canaries");
        let encoded = encode_default(&source).unwrap();
        assert!(!holds(&encoded.webp), "{name}");
        for kind in riff_chunks(&encoded.webp) {
            assert!(["VP8 ", "VP8L", "VP8X", "ALPH"].contains(&kind.as_str()), "{name} came out with {kind:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_whole_image_are_refused_by_what_the_sender_can_do() {
    let kind = |name: &str| match encode_default(&trouble(name)).map(|encoded| encoded.webp.len()) {
        Err(Error::Unsupported(reason)) => ("unsupported", reason),
        Err(Error::Invalid(reason)) => ("invalid", reason),
        Err(Error::TooLarge(reason)) => ("too large", reason),
        other => panic!("{name}: {other:?}"),
    };
    let table = [
        ("truncated.png", "invalid", "PNG"),
        ("truncated.jpg", "invalid", "JPEG"),
        ("truncated.webp", "invalid", "WebP"),
        ("truncated.gif", "invalid", "GIF"),
        ("empty.png", "invalid", "no bytes"),
        ("zero.png", "invalid", "0 x 0"),
        ("wide_50001x1000.png", "too large", "50001 x 1000"),
        ("huge_65535x65535.png", "too large", "65535 x 65535"),
        ("picture.svg", "unsupported", "SVG"),
        ("html_named.webp", "unsupported", "HTML"),
        ("pdf_named.png", "unsupported", "PDF"),
    ];
    for (name, expected, words) in table {
        let (found, reason) = kind(name);
        assert_eq!(found, expected, "{name}: {reason}");
        assert!(reason.contains(words), "{name}: {reason}");
    }
}

#[test]
fn metadata_that_unfolds_a_thousandfold_is_passed_over() {
    let plain = read(&trouble("png_named.jpg")).unwrap();
    for name in ["bomb_ztxt.png", "bomb_itxt.png", "bomb_iccp.png"] {
        assert_eq!(read(&trouble(name)).unwrap(), plain, "{name}");
    }
}

#[test]
fn limits_hold_for_bytes_sides_and_pixels() {
    let bytes = trouble("baseline.jpg");
    let fits = Limits { max_pixels: 48 * 36, max_side: 48, max_bytes: bytes.len() as u64, ..Limits::default() };
    assert!(encode(&bytes, Quality::default(), &within(fits)).is_ok());
    let table = [
        Limits { max_pixels: 48 * 36 - 1, ..fits },
        Limits { max_side: 47, ..fits },
        Limits { max_bytes: fits.max_bytes - 1, ..fits },
    ];
    for limits in table {
        assert!(matches!(encode(&bytes, Quality::default(), &within(limits)), Err(Error::TooLarge(_))), "{limits:?}");
    }
}

#[test]
fn every_photograph_becomes_a_smaller_webp_with_a_placeholder() {
    let mut photos = 0;
    for entry in std::fs::read_dir(fixtures("photos")).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read(&path).unwrap();
        let encoded = encode_default(&source).unwrap();
        assert!(encoded.webp.len() < source.len(), "{}", path.display());
        assert_eq!(probe(&encoded.webp, &Limits::default()).unwrap().width, encoded.width);
        assert!(encoded.placeholder.data_url.len() <= 500);
        let Timings { decode, encode, .. } = encoded.timings;
        assert!(decode > Duration::ZERO && encode > Duration::ZERO);
        photos += 1;
    }
    assert!(photos >= 8);
}

#[test]
fn pixels_of_a_generator_survive_their_png() {
    let rgba: Vec<u8> = (0..5 * 3 * 4).collect();
    let png = encode_png(5, 3, &rgba).unwrap();
    let pixels = read(&png).unwrap();
    assert_eq!((pixels.layout, pixels.samples), (Layout::Rgba, rgba.clone()));
    assert!(matches!(encode_png(5, 4, &rgba), Err(Error::Invalid(_))));
    assert!(matches!(encode_png(0, 0, &[]), Err(Error::Invalid(_))));
}

/// Small whole files of every format, each with something that is easily got wrong.
const SEEDS: [&str; 10] = [
    "canaries.png",
    "interlaced.png",
    "palette_alpha.png",
    "canaries.jpg",
    "progressive.jpg",
    "cmyk_profile.jpg",
    "canaries.webp",
    "animated.webp",
    "lossy_alpha.webp",
    "animated.gif",
];

/// Whatever a stranger sends is either an image or the stranger's fault.
fn assert_answered(bytes: &[u8]) {
    let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
    if let Err(Error::Internal(reason)) = encode(bytes, Quality::default(), &within(limits)) {
        panic!("blamed on us: {reason}");
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_answered() {
    for name in SEEDS {
        let bytes = trouble(name);
        (0..bytes.len()).step_by(97).chain(0..bytes.len().min(64)).for_each(|end| assert_answered(&bytes[..end]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        assert_answered(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_signature_are_answered(kind in 0..4_usize, tail in prop::collection::vec(any::<u8>(), 0..512)) {
        let heads: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"\xff\xd8\xff", b"RIFF\xff\0\0\0WEBPVP8", b"GIF89a"];
        assert_answered(&[heads[kind], &tail].concat());
    }

    #[test]
    fn a_file_with_flipped_bytes_is_answered(
        seed in 0..SEEDS.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..8),
    ) {
        let mut bytes = trouble(SEEDS[seed]);
        for (index, flip) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= flip;
        }
        assert_answered(&bytes);
    }
}
