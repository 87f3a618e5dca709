//! The pictures under `tests/fixtures`, and ones made of them that no other test has.

use std::path::PathBuf;

/// Each photograph with its size in pixels.
pub(crate) const PHOTOS: [(&str, u32, u32); 8] = [
    ("astronaut.png", 512, 512),
    ("camera.png", 512, 512),
    ("chelsea.png", 451, 300),
    ("coffee.png", 600, 400),
    ("gravel.png", 512, 512),
    ("hubble_deep_field.jpg", 1000, 872),
    ("retina.jpg", 1411, 1411),
    ("rocket.jpg", 640, 427),
];

/// The folder of the photographs.
pub(crate) fn photos() -> PathBuf {
    fixtures().join("photos")
}

/// A photograph.
pub(crate) fn photo(name: &str) -> Vec<u8> {
    std::fs::read(photos().join(name)).unwrap()
}

/// A file that is hard to take in, or must not be taken in.
pub(crate) fn trouble(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("trouble").join(name)).unwrap()
}

/// The names of all such files.
pub(crate) fn all_trouble() -> Vec<String> {
    let entries = std::fs::read_dir(fixtures().join("trouble")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "expected.json")
        .collect()
}

/// A tiny picture with bytes that no other number gives: they follow the end of the PNG, where readers stop.
pub(crate) fn tiny(number: u64) -> Vec<u8> {
    [trouble("grey.png"), number.to_le_bytes().to_vec()].concat()
}

/// A picture of middling size, as unique as [`tiny`].
pub(crate) fn middling(number: u64) -> Vec<u8> {
    [photo("chelsea.png"), number.to_le_bytes().to_vec()].concat()
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}
