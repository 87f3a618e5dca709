//! What writes metadata: pixels of any size and kind in every format with a mark, and the file reads as that format and
//! size still; and files of strangers, whose own metadata the writers never repeat.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orbit_codec::{Error, Limits, Mark, Terms, encode_png, probe, transform};
use orbit_model::{Format, Variant};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        max_pixels: 1 << 14,
        max_side: 1 << 10,
        max_frames: 4,
        max_animation_pixels: 1 << 15,
        ..Limits::default()
    };
    let terms = Terms { limits, mark: Some(Mark::TrainedAlgorithmicMedia), ..Terms::default() };
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let Some(source) = drawn(choice, rest).or_else(|| Some(rest.to_vec())) else { return };
    let query =
        ["fm=webp&q=60", "fm=jpeg&q=60", "fm=png", "fm=avif&q=30", "fm=webp&q=60&anim=1"][usize::from(choice) % 5];
    let variant: Variant = query.parse().expect("these are whole");
    let rendered = match transform(&source, &variant, &terms) {
        Ok(rendered) => rendered,
        Err(Error::Internal(reason)) => panic!("blamed on us: {reason}"),
        Err(_) => return,
    };
    if rendered.format == Some(Format::Avif) {
        assert_eq!(rendered.bytes.get(4..12), Some(b"ftypavif".as_slice()));
        return;
    }
    let read = probe(&rendered.bytes, &limits).expect("what we write is a whole file");
    assert_eq!((Some(read.format), read.width, read.height), (rendered.format, rendered.width, rendered.height));
    // Read again to its end, by the decoders that are strict with strangers.
    transform(&rendered.bytes, &"fm=thumbhash".parse().expect("whole"), &terms).expect("what we write decodes");
});

/// Two in three inputs are pixels: their number is that of the bytes, so that the sides are the fuzzer's choice.
fn drawn(choice: u8, rest: &[u8]) -> Option<Vec<u8>> {
    if choice % 3 == 0 {
        return None;
    }
    let (&width, samples) = rest.split_first()?;
    let width = u32::from(width).clamp(1, 64);
    let height = u32::try_from(samples.len()).ok()? / 4 / width;
    let length = (width * height * 4) as usize;
    encode_png(width, height.min(64), samples.get(..length.min((width * 64 * 4) as usize))?).ok()
}
