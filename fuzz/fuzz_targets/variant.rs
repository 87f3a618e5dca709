//! Queries of URLs: what is read is written in one spelling, which reads as the same again.
#![no_main]

use http::header::{ACCEPT, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use orbit_model::variant::{SigningKey, accepts_avif, next_image};
use orbit_model::{Format, ImageId, VariantQuery};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let _either = accepts_avif(&HeaderMap::from_iter([(ACCEPT, value)]));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(next_image::Question::Held(id, query)) = next_image::parse(text) {
        assert_eq!(id.as_str().parse::<ImageId>().as_ref(), Ok(&id));
        same(&query);
    }
    let Ok(query) = VariantQuery::parse(text) else { return };
    same(&query);
    let resolved = query.variant.resolve(85, Format::Webp);
    assert_eq!(resolved.resolve(85, Format::Webp), resolved, "a choice that is made stays made");
    assert_eq!(resolved.to_string().parse().as_ref(), Ok(&resolved));
    let key = SigningKey::new(b"0123456789abcdef0123456789abcdef").expect("long enough");
    let id: ImageId = "fox".parse().expect("an id");
    assert!(!key.has_signed(&id, &query), "nobody guesses a signature");
    assert!(key.has_signed(&id, &key.sign(&id, &query, None)));
});

fn same(query: &VariantQuery) {
    let text = query.to_string();
    assert_eq!(VariantQuery::parse(&text).as_ref(), Ok(query), "{text}");
}
