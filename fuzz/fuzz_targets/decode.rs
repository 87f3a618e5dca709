//! Bytes of a stranger through everything that decodes: the probe, ingest, a still rendition and a moving one.
//!
//! A panic is a finding, and so is an answer that blames us for what came in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orbit_codec::{Error, Limits, Quality, Terms, encode, probe, transform};
use orbit_model::Variant;

fuzz_target!(|bytes: &[u8]| {
    // Small, so that time goes into odd files and not into large ones.
    let limits = Limits {
        max_pixels: 1 << 16,
        max_side: 1 << 12,
        max_frames: 8,
        max_animation_pixels: 1 << 17,
        ..Limits::default()
    };
    let terms = Terms { limits, ..Terms::default() };
    let Ok(probed) = probe(bytes, &limits) else { return };
    check(encode(bytes, Quality::default(), &terms).map(|encoded| encoded.webp));
    for query in ["w=16&fm=jpeg&q=50", "w=16&anim=1&q=50", "fm=thumbhash"] {
        let variant: Variant = query.parse().expect("these are whole");
        check(transform(bytes, &variant, &terms).map(|rendered| rendered.bytes));
    }
    assert!(u64::from(probed.width) * u64::from(probed.height) <= limits.max_pixels);
});

fn check(made: Result<Vec<u8>, Error>) {
    match made {
        Ok(bytes) => assert!(!bytes.is_empty()),
        Err(Error::Internal(reason)) => panic!("blamed on us: {reason}"),
        Err(_) => {}
    }
}
