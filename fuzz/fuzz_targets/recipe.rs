//! What lifts prompts out of files of strangers, and what writes them into a PNG: texts stay within their bounds, and what is
//! written into a picture of ours is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orbit_codec::{encode_png, recipe, with_text};
use orbit_model::Recipe;

const MAX_TEXT_BYTES: usize = 256 << 10;

fuzz_target!(|bytes: &[u8]| {
    let found = recipe(bytes);
    for text in [&found.parameters, &found.prompt, &found.workflow, &found.user_comment].into_iter().flatten() {
        assert!((1..=MAX_TEXT_BYTES).contains(&text.len()));
    }
    assert_eq!(Recipe::from_json(&found.to_json()).as_ref(), Ok(&found));
    let _either = found.asked();
    let _either = with_text(bytes.to_vec(), &[("prompt", "x")]);

    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = Recipe { parameters: Some(text.to_owned()), prompt: Some(text.to_owned()), ..Recipe::default() };
    let _either = read.asked();
    let png = encode_png(1, 1, &[0; 4]).expect("a pixel");
    let written = with_text(png, &[("workflow", text)]).expect("a PNG of ours");
    let expected = text.replace('\0', "");
    if expected.len() <= MAX_TEXT_BYTES {
        assert_eq!(recipe(&written).workflow.unwrap_or_default(), expected);
    }
});
