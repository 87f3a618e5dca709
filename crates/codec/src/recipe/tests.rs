//! Recipes as generators write them, as nobody would, and as they come back from what [`with_text`] writes.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;
use crate::{Limits, probe};

fn trouble(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/trouble").join(name)).unwrap()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A PNG of these chunks alone: the reader asks for no more, and for no checksum.
fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, contents) in chunks {
        let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
        file.extend([&length[..], &kind[..], contents, b"crc!"].concat());
    }
    file
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn ztxt(keyword: &str, contents: &[u8]) -> (&'static [u8; 4], Vec<u8>) {
    (b"zTXt", [keyword.as_bytes(), b"\0\0", &deflate(contents)].concat())
}

/// An Exif block with a comment, and one text in its first directory.
fn exif(is_big: bool, comment: &[u8], make: &[u8]) -> Vec<u8> {
    let two = |number: u16| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
    let four = |number: usize| {
        let number = u32::try_from(number).unwrap();
        if is_big { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let entry = |tag, kind, count, value| [&two(tag)[..], &two(kind), &four(count), &four(value)].concat();
    let (inner, texts) = (8 + 2 + 2 * 12 + 4, 8 + 2 + 2 * 12 + 4 + 2 + 12 + 4);
    let head = if is_big { b"MM\0*" } else { b"II*\0" };
    [
        &head[..],
        &four(8),
        &two(2),
        &entry(0x010f, 2, make.len(), texts),
        &entry(0x8769, 4, 1, inner),
        &four(0),
        &two(1),
        &entry(0x9286, 7, comment.len(), texts + make.len()),
        &four(0),
        make,
        comment,
    ]
    .concat()
}

fn jpeg(block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len() + 8).unwrap().to_be_bytes();
    [b"\xff\xd8\xff\xe1", &length[..], b"Exif\0\0", block, b"\xff\xd9"].concat()
}

fn webp(block: &[u8]) -> Vec<u8> {
    let length = u32::try_from(block.len()).unwrap().to_le_bytes();
    [b"RIFF\0\0\0\0WEBPEXIF", &length[..], block].concat()
}

#[test]
fn every_kind_of_text_chunk_is_read_wherever_it_stands() {
    let file = png(&[
        (b"tEXt", b"parameters\0a f\xf6x".to_vec()),
        (b"tEXt", b"parameters\0another".to_vec()),
        (b"IDAT", vec![0; 9]),
        ztxt("prompt", b"{\"1\":{}}"),
        (b"iTXt", [b"workflow\0\x01\0de\0Ablauf\0", &deflate("{\"ü\":1}".as_bytes())[..]].concat()),
        (b"eXIf", exif(true, b"ASCII\0\0\0a remark\0", b"Maker\0\0")),
        (b"IEND", Vec::new()),
    ]);
    let expected = Recipe {
        parameters: text("a föx"),
        prompt: text("{\"1\":{}}"),
        workflow: text("{\"ü\":1}"),
        user_comment: text("a remark"),
    };
    assert_eq!(recipe(&file), expected);
    let canaries = recipe(&trouble("canaries.png"));
    assert_eq!(canaries.parameters, text("ORBIT-CANARY-TEXT"));
    assert_eq!(canaries.prompt, text("ORBIT-CANARY-ZTXT"));
    assert!(canaries.workflow.is_some_and(|workflow| workflow.contains("ORBIT-CANARY-WORKFLOW")));
}

#[test]
fn comments_are_read_in_each_of_their_characters_from_each_format() {
    let wide = |big: bool, text: &str| -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    for block_is_big in [false, true] {
        for (comment, expected) in [
            (b"ASCII\0\0\0a fox".to_vec(), text("a fox")),
            (b"\0\0\0\0\0\0\0\0a f\xc3\xb6x".to_vec(), text("a föx")),
            ([b"UNICODE\0", &wide(true, "a föx, 狐")[..]].concat(), text("a föx, 狐")),
            ([b"UNICODE\0", &wide(false, "a föx, 狐")[..]].concat(), text("a föx, 狐")),
            ([b"UNICODE\0\xff\xfe", &wide(false, "狐狐")[..]].concat(), text("狐狐")),
            ([b"UNICODE\0", &wide(block_is_big, "狐狐")[..]].concat(), text("狐狐")),
            (b"UNICODE\0\xd8\xd8\xd8\xd8".to_vec(), None),
            (b"no characters are named".to_vec(), text("no characters are named")),
            (b"ASCII\0\0\0\0\0".to_vec(), None),
            (b"short".to_vec(), text("short")),
            (b"JIS\0\0\0\0\0\x1b$B".to_vec(), None),
        ] {
            let block = exif(block_is_big, &comment, b"prompt:{\"3\":{}}\0");
            for file in [png(&[(b"eXIf", block.clone())]), jpeg(&block), webp(&block)] {
                let found = recipe(&file);
                assert_eq!((found.user_comment, found.prompt), (expected.clone(), text("{\"3\":{}}")), "{comment:?}");
            }
        }
    }
}

#[test]
fn what_is_too_long_is_left_and_all_that_is_inflated_is_bounded() {
    let fits = vec![b'a'; MAX_TEXT_BYTES];
    let found = recipe(&png(&[ztxt("parameters", &fits), (b"tEXt", [b"prompt\0", &fits[..]].concat())]));
    assert_eq!([found.parameters, found.prompt].map(|text| text.map(|text| text.len())), [Some(MAX_TEXT_BYTES); 2]);
    let long = vec![b'a'; MAX_TEXT_BYTES + 1];
    let file = png(&[
        ztxt("parameters", &long),
        (b"tEXt", [b"prompt\0", &long[..]].concat()),
        (b"tEXt", [b"workflow\0", &vec![0xf6; MAX_TEXT_BYTES][..]].concat()),
    ]);
    assert_eq!(recipe(&file), Recipe::default(), "the last has as many bytes again as UTF-8");
    let bombs = vec![ztxt("parameters", &vec![0; 64 << 20]); 5];
    let last = [&bombs[..4], &[ztxt("parameters", b"behind four of them")]].concat();
    assert_eq!(recipe(&png(&bombs)), Recipe::default());
    assert_eq!(recipe(&png(&last)), Recipe::default(), "four have used up what may be inflated");
    for name in ["bomb_itxt.png", "bomb_ztxt.png"] {
        let found = recipe(&trouble(name));
        assert!(found.to_json().len() <= 5 * MAX_TEXT_BYTES, "{name}");
    }
}

#[test]
fn a_directory_that_leads_to_itself_is_walked_once() {
    let mut block = exif(false, b"ASCII\0\0\0a fox", b"Maker\0");
    // Every entry of many, each of which leads to the same directory.
    block[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
    block[30..34].copy_from_slice(&8_u32.to_le_bytes());
    assert_eq!(recipe(&jpeg(&block)), Recipe::default());
}

#[test]
fn texts_that_are_written_are_read_again_and_the_pixels_stay() {
    let (source, limits) = (trouble("palette_alpha.png"), Limits::default());
    let long = "狐".repeat(10_000);
    let texts = [("parameters", "a föx\nSteps: 20, Seed: 7"), ("prompt", "{\"a\":1}"), ("workflow", &long)];
    let written = with_text(source.clone(), &texts).unwrap();
    let expected =
        Recipe { parameters: text(texts[0].1), prompt: text(texts[1].1), workflow: text(&long), user_comment: None };
    assert_eq!(recipe(&written), expected);
    assert_eq!(probe(&written, &limits).unwrap(), probe(&source, &limits).unwrap());
    let thumb = |png: &[u8]| crate::transform(png, &"fm=png".parse().unwrap(), &crate::Terms::default()).unwrap().bytes;
    assert_eq!(thumb(&written), thumb(&source));
    let canaries = with_text(trouble("canaries.png"), &[]).unwrap();
    assert!(!canaries.windows(4).any(|window| window == b"caBX"), "what vouched for other bytes is left out");
}

#[test]
fn what_is_no_png_or_no_keyword_is_refused() {
    for bytes in [Vec::new(), b"\x89PNG\r\n\x1a\n".to_vec(), trouble("lossy.webp"), trouble("truncated.png")] {
        assert!(matches!(with_text(bytes, &[("prompt", "x")]), Err(Error::Invalid(_))));
    }
    for keyword in ["", "a\0b", "ü", &"k".repeat(80)] {
        assert!(matches!(with_text(trouble("grey.png"), &[(keyword, "x")]), Err(Error::Invalid(_))), "{keyword}");
    }
}

proptest! {
    #[test]
    fn bytes_that_are_bent_or_cut_are_read_without_a_panic(
        which in 0..4_usize,
        bends in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
    ) {
        let block = exif(which % 2 == 0, b"UNICODE\0\0a\0 \0f\0o\0x", b"workflow:{}\0");
        let mut file = match which {
            0 => png(&[ztxt("parameters", b"a fox"), (b"iTXt", b"prompt\0\0\0\0\0{}".to_vec()), (b"eXIf", block)]),
            1 => jpeg(&block),
            2 => webp(&block),
            _ => with_text(trouble("grey.png"), &[("workflow", "{}")]).unwrap(),
        };
        for (place, value) in bends {
            let place = place.index(file.len());
            file[place] = value;
        }
        file.truncate(end.index(file.len() + 1));
        let found = recipe(&file);
        let _either = found.asked();
        prop_assert!(found.to_json().len() < 4096);
        let _either = with_text(file, &[("prompt", "x")]);
    }

    #[test]
    fn noise_behind_a_signature_is_read_without_a_panic(which in 0..3_usize, noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let head = [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff\xe1\0\x80Exif\0\0II*\0", b"RIFF\0\0\0\0WEBPEXIF\x80\0\0\0MM\0*"][which];
        let _either = recipe(&[head, &noise].concat());
    }

    #[test]
    fn any_text_comes_back(given in "[^\\x00]{1,300}") {
        let written = with_text(trouble("grey.png"), &[("parameters", &given)]).unwrap();
        prop_assert_eq!(recipe(&written).parameters, Some(given));
    }
}
