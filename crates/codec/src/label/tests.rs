//! Labels on what the encoders write: read back by this crate, by hand, and by exiftool; the pixels stay as they were.

use std::io::Write as _;
use std::process::{Command, Stdio};

use orbit_model::variant::Gamut;

use super::*;
use crate::pixels::{Layout, Pixels};
use crate::{Limits, Quality, Terms, decode, encode, probe};

const FORMATS: [Format; 4] = [Format::Webp, Format::Jpeg, Format::Png, Format::Avif];
const MARK: Mark = Mark::TrainedAlgorithmicMedia;
const SOURCE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/// With and without alpha, each of the labels that say something.
fn cases() -> impl Iterator<Item = (Format, Layout, Label)> {
    let labels = [(Some(MARK), Gamut::Srgb), (None, Gamut::Wide), (Some(MARK), Gamut::Wide)];
    let labels = labels.map(|(mark, gamut)| Label { mark, gamut });
    FORMATS.into_iter().flat_map(move |format| {
        [Layout::Rgb, Layout::Rgba].into_iter().flat_map(move |layout| labels.map(|label| (format, layout, label)))
    })
}

/// A file that an encoder of ours has written: odd in its sides, with half of it transparent where there is alpha.
fn written(format: Format, layout: Layout) -> Vec<u8> {
    let (width, height) = (37, 23);
    let mut pixels = Pixels::zeroed(width, height, layout).unwrap();
    for (index, pixel) in pixels.samples.chunks_exact_mut(layout.channels()).enumerate() {
        let colour = [(index * 7) as u8, (index * 3) as u8, (index / 9) as u8, if index % 37 < 18 { 90 } else { 255 }];
        pixel.copy_from_slice(&colour[..layout.channels()]);
    }
    encode::write(&pixels, format, Quality::default(), &Terms::default()).unwrap()
}

fn read(bytes: &[u8]) -> decode::Decoded {
    let limits = Limits::default();
    decode::decode(bytes, probe(bytes, &limits).unwrap(), &limits).unwrap()
}

/// What exiftool says of tags, as it reads them from a pipe; its warnings are a failure.
fn exiftool(bytes: &[u8], tags: &[&str]) -> serde_json::Value {
    let mut child = Command::new("exiftool")
        .args(["-j", "-n", "-warning", "-error"])
        .args(tags)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("install libimage-exiftool-perl");
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said[0].get("Warning").or(said[0].get("Error")).is_none(), "{said}");
    said[0].clone()
}

/// The pieces of an AVIF's items by `iloc`, in its order.
fn avif_items(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let u16_at = |at: usize| u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap());
    let u32_at = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let start = bytes.windows(4).position(|window| window == b"iloc").unwrap() + 4;
    let place = |index: usize| start + 8 + index * 14;
    let item = |at: usize| (u16_at(at), bytes[u32_at(at + 6)..][..u32_at(at + 10)].to_vec());
    (0..u16_at(start + 6)).map(|index| item(place(usize::from(index)))).collect()
}

fn riff_chunks(webp: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut rest, mut chunks) = (&webp[12..], Vec::new());
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        chunks.push((String::from_utf8(rest[..4].to_vec()).unwrap(), rest[8..8 + length].to_vec()));
        rest = &rest[8 + length + length % 2..];
    }
    chunks
}

#[test]
fn exiftool_reads_the_mark_and_the_profile_from_every_format() {
    let tags = ["-XMP-iptcExt:DigitalSourceType", "-ICC_Profile:ProfileDescription", "-ColorPrimaries", "-ImageSize"];
    for (format, layout, label) in cases() {
        let said = exiftool(&label.write(written(format, layout), format).unwrap(), &tags);
        let case = format!("{format:?} {layout:?} {label:?}: {said}");
        assert_eq!(said["ImageSize"], "37 23", "{case}");
        assert_eq!(
            said.get("DigitalSourceType").map(|it| it.as_str().unwrap()),
            label.mark.map(|_| SOURCE_TYPE),
            "{case}"
        );
        let is_wide = said["ProfileDescription"] == "Display P3" || said["ColorPrimaries"] == 12;
        assert_eq!(is_wide, label.gamut == Gamut::Wide, "{case}");
    }
}

#[test]
fn a_label_changes_no_pixel_and_its_profile_is_read_back() {
    for (format, layout, label) in cases().filter(|case| case.0 != Format::Avif) {
        let plain = written(format, layout);
        let (before, after) = (read(&plain), read(&label.write(plain.clone(), format).unwrap()));
        assert_eq!(after.pixels, before.pixels, "{format:?} {layout:?} {label:?}");
        assert_eq!(after.icc.as_deref(), (label.gamut == Gamut::Wide).then(display_p3), "{format:?} {label:?}");
    }
}

#[test]
fn a_label_of_an_avif_leaves_its_streams_as_they_were() {
    for (format, layout, label) in cases().filter(|case| case.0 == Format::Avif) {
        let plain = written(format, layout);
        let (before, mut after) = (avif_items(&plain), avif_items(&label.write(plain, format).unwrap()));
        assert_eq!(before.len(), layout.channels() - 2, "{layout:?}");
        let xmp = label.mark.map(|_| after.pop().unwrap().1);
        assert_eq!(xmp.as_deref(), label.mark.map(|mark| mark.xmp().as_bytes()));
        assert_eq!(after, before, "{layout:?} {label:?}");
    }
}

#[test]
fn a_label_adds_no_more_than_it_says() {
    for (format, layout, label) in cases() {
        let plain = written(format, layout);
        let added = label.write(plain.clone(), format).unwrap().len() - plain.len();
        assert!(added as u64 <= label.max_bytes(), "{format:?} {layout:?} {label:?}: {added}");
    }
    let nothing = Label::default();
    assert_eq!((nothing.max_bytes(), nothing.write(b"any".to_vec(), Format::Avif).unwrap()), (0, b"any".to_vec()));
}

#[test]
fn a_webp_gets_the_header_that_its_image_asks_for() {
    let trouble = |name: &str| {
        std::fs::read(format!("{}/../../tests/fixtures/trouble/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let both = Label { mark: Some(MARK), gamut: Gamut::Wide };
    let table = [
        (written(Format::Webp, Layout::Rgb), 0b10_0100, vec!["VP8X", "ICCP", "VP8 ", "XMP "]),
        (written(Format::Webp, Layout::Rgba), 0b11_0100, vec!["VP8X", "ICCP", "ALPH", "VP8 ", "XMP "]),
        (trouble("lossless_alpha.webp"), 0b11_0100, vec!["VP8X", "ICCP", "VP8L", "XMP "]),
        (trouble("animated.webp"), 0b10_0110, vec!["VP8X", "ICCP", "ANIM", "ANMF", "ANMF", "XMP "]),
    ];
    for (plain, flags, kinds) in table {
        let size = probe(&plain, &Limits::default()).unwrap();
        let labelled = both.write(plain, Format::Webp).unwrap();
        let chunks = riff_chunks(&labelled);
        assert_eq!(chunks.iter().map(|chunk| chunk.0.as_str()).collect::<Vec<_>>(), kinds);
        assert_eq!(chunks[0].1[0], flags, "{kinds:?}");
        assert_eq!(probe(&labelled, &Limits::default()).unwrap(), size);
        assert_eq!(labelled.len(), 8 + u32::from_le_bytes(labelled[4..8].try_into().unwrap()) as usize);
    }
}

#[test]
fn the_mark_is_well_formed_and_comes_before_the_pixels_of_a_png_and_a_jpeg() {
    let mark =
        |format| Label { mark: Some(MARK), gamut: Gamut::Srgb }.write(written(format, Layout::Rgb), format).unwrap();
    let at = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).position(|window| window == word).unwrap();
    let png = mark(Format::Png);
    assert!(at(&png, b"XML:com.adobe.xmp") < at(&png, b"IDAT"));
    let jpeg = mark(Format::Jpeg);
    assert_eq!((at(&jpeg, b"\xff\xe0"), at(&jpeg, b"\xff\xe1")), (2, 20));
    assert!(at(&jpeg, b"http://ns.adobe.com/xap/1.0/\0") < at(&jpeg, b"\xff\xdb"));
    assert_eq!(MARK.xmp().matches('<').count(), MARK.xmp().matches('>').count());
}

#[test]
fn a_png_of_greys_gets_no_profile_of_colours() {
    let both = Label { mark: Some(MARK), gamut: Gamut::Wide };
    for (layout, is_there) in [(Layout::Grey, false), (Layout::GreyAlpha, false), (Layout::Rgb, true)] {
        let plain = encode::png::encode_small(&Pixels::zeroed(3, 2, layout).unwrap()).unwrap();
        let grey = plain[25] & 2 == 0;
        let labelled = both.write(plain, Format::Png).unwrap();
        assert_eq!(read(&labelled).icc.is_some(), is_there && !grey, "{layout:?}");
        assert_eq!(exiftool(&labelled, &["-DigitalSourceType"])["DigitalSourceType"], SOURCE_TYPE, "{layout:?}");
    }
}

#[test]
fn what_no_encoder_of_ours_has_written_is_an_internal_error() {
    let both = Label { mark: Some(MARK), gamut: Gamut::Wide };
    for format in FORMATS {
        let whole = written(format, Layout::Rgba);
        let head = whole.len().min(600);
        for end in 0..head {
            let cut = both.write(whole[..end].to_vec(), format);
            assert!(matches!(cut, Err(Error::Internal(_))), "{format:?} cut at {end}");
        }
        for at in 0..head {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                // Some bytes may well be others; none may end in a panic.
                let _ = both.write(bytes, format);
            }
        }
        for other in FORMATS.into_iter().filter(|other| *other != format) {
            assert!(matches!(both.write(whole.clone(), other), Err(Error::Internal(_))), "{format:?} as {other:?}");
        }
    }
    assert!(matches!(both.write(b"GIF89a".to_vec(), Format::Gif), Err(Error::Internal(_))));
}

#[test]
fn an_avif_is_labelled_with_either_part_once() {
    let plain = written(Format::Avif, Layout::Rgb);
    let wide = Label { mark: None, gamut: Gamut::Wide };
    let once = wide.write(plain, Format::Avif).unwrap();
    assert!(matches!(wide.write(once.clone(), Format::Avif), Err(Error::Internal(_))));
    let marked = Label { mark: Some(MARK), gamut: Gamut::Srgb }.write(once, Format::Avif).unwrap();
    assert_eq!(exiftool(&marked, &["-DigitalSourceType"])["DigitalSourceType"], SOURCE_TYPE);
}
