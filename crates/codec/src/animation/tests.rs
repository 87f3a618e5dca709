//! Frames in and frames out: how many, when, in which colours and sizes, and how much is too much. libwebp's own reader
//! says what was written.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use ::gif::{self as stored, DisposalMethod, Encoder, Repeat};
use webpx::AnimationDecoder;

use super::*;
use crate::{Limits, Stop, probe};

const RED: u8 = 0;
const GREEN: u8 = 1;
const BLUE: u8 = 2;
const BARE: u8 = 3;
const PALETTE: [u8; 12] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0];
const CANVAS: (u16, u16) = (48, 36);

/// A frame of one colour: its left edge, width, delay in hundredths and disposal.
struct Stored(u16, u16, u8, u16, DisposalMethod);

fn gif_file(frames: &[Stored], repeat: Option<Repeat>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, CANVAS.0, CANVAS.1, &PALETTE).unwrap();
    if let Some(repeat) = repeat {
        encoder.set_repeat(repeat).unwrap();
    }
    for &Stored(left, width, colour, delay, dispose) in frames {
        let buffer = Cow::Owned(vec![colour; usize::from(width) * usize::from(CANVAS.1)]);
        let height = CANVAS.1;
        let transparent = Some(BARE);
        let frame =
            stored::Frame { left, width, height, delay, dispose, transparent, buffer, ..stored::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

fn whole(colour: u8, delay: u16) -> Stored {
    Stored(0, CANVAS.0, colour, delay, DisposalMethod::Keep)
}

/// As many frames as asked, no two in a row alike.
fn long(frames: usize) -> Vec<u8> {
    gif_file(&(0..frames).map(|index| whole(u8::try_from(index % 3).unwrap(), 4)).collect::<Vec<_>>(), None)
}

fn render(bytes: &[u8], query: &str, terms: &Terms) -> Result<Rendered, Error> {
    crate::transform(bytes, &query.parse().unwrap(), terms)
}

struct Read {
    loops: u32,
    size: (u32, u32),
    milliseconds: Vec<u32>,
    /// RGBA of each frame.
    frames: Vec<Vec<u8>>,
}

fn read(webp: &[u8]) -> Read {
    let mut decoder = AnimationDecoder::new(webp).unwrap();
    let info = decoder.info().clone();
    let frames = decoder.decode_all().unwrap();
    Read {
        loops: info.loop_count,
        size: (info.width, info.height),
        milliseconds: frames.iter().map(|frame| frame.duration_ms).collect(),
        frames: frames.into_iter().map(|frame| frame.data).collect(),
    }
}

/// What shows at a place in the middle row: r, g, b, or a dot where nothing does.
fn letter(rgba: &[u8], width: u32, x: u32) -> char {
    let at = (rgba.len() / 8 / (width as usize * 4) * 4) * 2 * width as usize + x as usize * 4;
    match rgba[at..at + 4] {
        [.., 0..=30] => '.',
        [180..=255, 0..=80, 0..=80, 225..=255] => 'r',
        [0..=80, 180..=255, 0..=80, 225..=255] => 'g',
        [0..=80, 0..=80, 180..=255, 225..=255] => 'b',
        [red, green, blue, alpha] => panic!("{red} {green} {blue} {alpha} at {x}"),
        _ => unreachable!("four samples"),
    }
}

fn letters(read: &Read, places: &[u32]) -> Vec<String> {
    let line = |rgba: &Vec<u8>| places.iter().map(|x| letter(rgba, read.size.0, *x)).collect();
    read.frames.iter().map(line).collect()
}

#[test]
fn a_gif_keeps_its_frames_and_their_times() {
    let gif = gif_file(&[whole(RED, 0), whole(GREEN, 1), whole(BLUE, 50)], Some(Repeat::Infinite));
    let rendered = render(&gif, "anim=1", &Terms::default()).unwrap();
    assert_eq!((rendered.width, rendered.height, rendered.format), (48, 36, Some(Format::Webp)));
    let read = read(&rendered.bytes);
    assert_eq!(letters(&read, &[1, 46]), ["rr", "gg", "bb"]);
    assert_eq!(read.milliseconds, [100, 100, 500], "a delay that nobody meant is that of browsers");
    assert_eq!(read.loops, 0, "without end");
}

#[test]
fn a_gif_plays_as_often_as_in_a_browser() {
    for (repeat, loops) in [(None, 1), (Some(Repeat::Finite(2)), 3), (Some(Repeat::Finite(u16::MAX)), 65_535)] {
        let gif = gif_file(&[whole(RED, 5), whole(BLUE, 5)], repeat);
        assert_eq!(read(&render(&gif, "anim=1", &Terms::default()).unwrap().bytes).loops, loops, "{repeat:?}");
    }
}

#[test]
fn frames_are_laid_over_what_the_ones_before_left() {
    let frames = [
        Stored(0, 24, RED, 9, DisposalMethod::Keep),
        Stored(16, 16, GREEN, 9, DisposalMethod::Previous),
        Stored(32, 16, BLUE, 9, DisposalMethod::Background),
        Stored(0, 48, BARE, 9, DisposalMethod::Keep),
    ];
    let read = read(&render(&gif_file(&frames, None), "anim=1", &Terms::default()).unwrap().bytes);
    assert_eq!(letters(&read, &[2, 20, 28, 42]), ["rr..", "rgg.", "rr.b", "rr.."]);
}

#[test]
fn every_frame_has_the_size_that_was_asked_for() {
    let gif = gif_file(&[whole(RED, 5), Stored(0, 24, GREEN, 5, DisposalMethod::Keep), whole(BLUE, 5)], None);
    let rendered = render(&gif, "w=24&anim=1", &Terms::default()).unwrap();
    assert_eq!((rendered.width, rendered.height), (24, 18));
    let read = read(&rendered.bytes);
    assert_eq!((read.size, letters(&read, &[1, 22])), ((24, 18), vec!["rr".into(), "gr".into(), "bb".into()]));
}

#[test]
fn an_animated_webp_shows_what_libwebp_shows_of_it() {
    let frames = [
        Stored(0, 24, RED, 9, DisposalMethod::Keep),
        Stored(16, 16, GREEN, 9, DisposalMethod::Previous),
        Stored(32, 16, BLUE, 9, DisposalMethod::Background),
        whole(GREEN, 200),
    ];
    let webp = render(&gif_file(&frames, Some(Repeat::Finite(1))), "anim=1", &Terms::default()).unwrap().bytes;
    for flags in 0..4 {
        let webp = with_flags(&webp, flags);
        let expected = read(&webp);
        let variant = Variant { animated: true, ..Variant::default() };
        let probe = probe(&webp, &Limits::default()).unwrap();
        let source = Source { bytes: &webp, variant: &variant, probe, terms: &Terms::default() };
        let (mut shown, mut times) = (Vec::new(), Vec::new());
        let each = |pixels: Pixels, milliseconds| {
            times.push(milliseconds);
            shown.push(with_alpha(pixels));
            Ok(true)
        };
        source.show(source.open().unwrap(), each).unwrap();
        assert_eq!((times, shown.len()), (expected.milliseconds, expected.frames.len()), "{flags}");
        for (index, (shown, expected)) in shown.iter().zip(&expected.frames).enumerate() {
            let far =
                shown.as_chunks::<4>().0.iter().zip(expected.as_chunks::<4>().0).filter(|(a, b)| differ(a, b)).count();
            assert_eq!(far, 0, "flags {flags}, frame {index}");
        }
        assert_eq!(read(&render(&webp, "anim=1", &Terms::default()).unwrap().bytes).loops, 2);
    }
}

/// RGBA, whatever the steps have made of it.
fn with_alpha(pixels: Pixels) -> Vec<u8> {
    match pixels.layout.channels() {
        3 => pixels.samples.as_chunks::<3>().0.iter().flat_map(|&[red, green, blue]| [red, green, blue, 255]).collect(),
        _ => pixels.samples,
    }
}

/// Two readers round and smooth colour in their own ways; what nobody sees has none.
fn differ(one: &[u8; 4], other: &[u8; 4]) -> bool {
    let far = one.iter().zip(other).any(|(one, other)| one.abs_diff(*other) > 12);
    far && (one[3], other[3]) != (0, 0)
}

/// The same file with other flags in each frame but the first: 1 clears, 2 does not blend.
fn with_flags(webp: &[u8], flags: u8) -> Vec<u8> {
    let mut webp = webp.to_vec();
    let starts: Vec<usize> =
        webp.windows(4).enumerate().filter(|(_, kind)| kind == b"ANMF").map(|(at, _)| at).collect();
    starts.into_iter().for_each(|at| webp[at + 8 + 15] = flags);
    webp
}

#[test]
fn both_kinds_of_fixtures_keep_their_frames() {
    for name in ["animated.gif", "animated.webp"] {
        let bytes = fixture(name);
        let moving = read(&render(&bytes, "anim=1", &Terms::default()).unwrap().bytes);
        assert!(moving.frames.len() > 1, "{name}");
        let still = render(&bytes, "", &Terms::default()).unwrap();
        assert_eq!(read(&still.bytes).frames.len(), 1, "{name}: only who asks for motion gets it");
    }
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../tests/fixtures/trouble/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn a_mark_changes_neither_frames_nor_times() {
    let gif = gif_file(&[whole(RED, 9), whole(BLUE, 30)], Some(Repeat::Infinite));
    let mark = Some(crate::Mark::TrainedAlgorithmicMedia);
    let plain = read(&render(&gif, "anim=1", &Terms::default()).unwrap().bytes);
    let marked = render(&gif, "anim=1", &Terms { mark, ..Terms::default() }).unwrap().bytes;
    assert!(marked.windows(23).any(|word| word == b"trainedAlgorithmicMedia"));
    let marked = read(&marked);
    assert_eq!((marked.frames, marked.milliseconds), (plain.frames, plain.milliseconds));
}

#[test]
fn one_frame_is_a_still_image() {
    let gif = gif_file(&[whole(RED, 5)], None);
    assert!(!is_animated(&gif, probe(&gif, &Limits::default()).unwrap()));
    assert_eq!(render(&gif, "anim=1", &Terms::default()), render(&gif, "", &Terms::default()));
}

#[test]
fn frames_that_are_cut_off_are_left_out() {
    let gif = gif_file(&[whole(RED, 5), whole(GREEN, 5), whole(BLUE, 5)], None);
    let cut = read(&render(&gif[..gif.len() - 4], "anim=1", &Terms::default()).unwrap().bytes);
    assert_eq!(letters(&cut, &[1]), ["r", "g"]);
}

/// T-DOS-4.
#[test]
fn too_many_frames_or_pixels_are_refused_before_one_is_decoded() {
    let gif = long(1_024);
    let webp = render(&long(30), "anim=1", &Terms::default()).unwrap().bytes;
    let start = Instant::now();
    let frames = Limits { max_frames: 29, ..Limits::default() };
    let pixels = Limits { max_animation_pixels: 30 * 48 * 36 - 1, ..Limits::default() };
    for (bytes, limits) in [(&gif, Limits::default()), (&gif, pixels), (&webp, frames), (&webp, pixels)] {
        let refused = render(bytes, "anim=1", &Terms { limits, ..Terms::default() });
        assert!(matches!(refused, Err(Error::TooLarge(_))), "{limits:?}: {refused:?}");
        assert!(render(bytes, "", &Terms { limits, ..Terms::default() }).is_ok(), "the first frame is not many");
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let enough = Limits { max_frames: 30, max_animation_pixels: 30 * 48 * 36, ..Limits::default() };
    assert!(render(&webp, "anim=1", &Terms { limits: enough, ..Terms::default() }).is_ok());
}

#[test]
fn a_frame_that_is_larger_than_its_canvas_counts_as_what_it_is() {
    let mut gif = gif_file(&[whole(RED, 5), whole(BLUE, 5)], None);
    gif[6..10].copy_from_slice(&[1, 0, 1, 0]);
    let limits = Limits { max_animation_pixels: 2 * 48 * 36 - 1, ..Limits::default() };
    assert!(matches!(render(&gif, "anim=1", &Terms { limits, ..Terms::default() }), Err(Error::TooLarge(_))));
}

#[test]
fn an_animation_ends_between_frames_when_it_is_stopped() {
    let gif = long(1_000);
    let start = Instant::now();
    let stop = Stop::after(Duration::from_millis(20));
    let ended = render(&gif, "w=4096&enlarge=1&anim=1", &Terms { stop, ..Terms::default() });
    assert!(matches!(ended, Err(Error::Stopped(_))), "{ended:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let stop = Stop::never();
    stop.cancel();
    assert!(matches!(render(&gif, "anim=1", &Terms { stop, ..Terms::default() }), Err(Error::Stopped(_))));
}

#[test]
fn a_bound_on_bytes_holds_for_all_frames_together() {
    let gif = long(8);
    let free = render(&gif, "anim=1", &Terms::default()).unwrap();
    match render(&gif, &format!("anim=1&max_bytes={}", free.bytes.len() - 1), &Terms::default()) {
        Ok(bound) => assert!(bound.bytes.len() < free.bytes.len() && bound.quality < free.quality),
        Err(error) => assert!(matches!(error, Error::TooLarge(_)), "{error}"),
    }
    let auto = render(&gif, "anim=1&q=auto", &Terms::default()).unwrap();
    assert_eq!(read(&auto.bytes).frames.len(), 8);
}
