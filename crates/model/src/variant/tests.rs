//! Texts and variants, and what signatures let through.

use http::{HeaderMap, header::ACCEPT};
use proptest::prelude::*;

use super::next_image::Question;
use super::*;
use crate::ImageId;

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn id() -> ImageId {
    "fox".parse().unwrap()
}

fn key(secret: &str) -> SigningKey {
    SigningKey::new(secret.as_bytes()).unwrap()
}

#[test]
fn every_spelling_of_a_request_becomes_one() {
    for (asked, spelling) in [
        ("", ""),
        ("w=640", "w=640"),
        ("fm=auto&w=640", "w=640&fm=auto"),
        ("utm=1&w=640&x=%26", "w=640"),
        ("fm=jpg", "fm=jpeg"),
        ("dpr=1&fit=cover&anim=0&gamut=srgb", ""),
        ("preset=thumb&fit=cover", "preset=thumb&fit=cover"),
        ("w=%36%34%30", "w=640"),
        ("max_bytes=9000&enlarge=1&anim=1&q=auto&h=96", "h=96&q=auto&anim=1&enlarge=1&max_bytes=9000"),
        ("W=640&Q=1", ""),
    ] {
        assert_eq!(query(asked).to_string(), spelling, "{asked}");
    }
}

#[test]
fn what_is_known_but_wrong_is_refused_by_name() {
    for (asked, word) in [
        ("w=0", "w:"),
        ("w=-1", "w:"),
        ("w=+1", "w:"),
        ("w=064", "w:"),
        ("w=16384", "w:"),
        ("w=1e3", "w:"),
        ("w=", "w:"),
        ("w=640&w=640", "twice"),
        ("h=a", "h:"),
        ("fit=fill", "cover, contain or inside"),
        ("dpr=4", "dpr:"),
        ("dpr=1.0", "dpr:"),
        ("q=0", "q:"),
        ("q=101", "q:"),
        ("fm=gif", "fm:"),
        ("fm=svg", "fm:"),
        ("anim=yes", "anim:"),
        ("preset=a/b", "preset:"),
        ("max_bytes=4294967296", "max_bytes:"),
        ("exp=1", "without the signature"),
        ("s=short", "43 characters"),
    ] {
        let error = Query::parse(asked).unwrap_err().to_string();
        assert!(error.contains(word), "{asked}: {error}");
    }
}

#[test]
fn a_resolved_variant_leaves_nothing_open() {
    for (asked, resolved) in [
        ("", "q=85&fm=webp"),
        ("w=320&dpr=2", "w=640&q=85&fm=webp"),
        ("w=640&fm=auto&q=75", "w=640&q=75&fm=avif"),
        ("w=640&fit=contain", "w=640&q=85&fm=webp"),
        ("w=640&h=640&fit=contain", "w=640&h=640&fit=contain&q=85&fm=webp"),
        ("fm=png&q=40", "fm=png"),
        ("fm=jpeg&anim=1", "q=85&fm=jpeg"),
        ("w=16383&dpr=3", "w=16383&q=85&fm=webp"),
    ] {
        let format = if asked.contains("auto") { Format::Avif } else { Format::Webp };
        let variant = query(asked).variant.resolve(85, format);
        assert_eq!(variant.to_string(), resolved, "{asked}");
        assert_eq!(variant.resolve(85, format), variant, "{asked}");
    }
    assert!(query("fm=webp&q=85").variant.resolve(85, Format::Webp).is_image(85));
    assert!(!query("fm=webp&q=75").variant.resolve(85, Format::Webp).is_image(85));
}

#[test]
fn a_url_is_laid_over_its_preset() {
    let preset = query("w=256&h=256&fit=contain&q=60").variant;
    let over = query("preset=x&q=75&fit=cover").variant;
    assert_eq!(preset.under(&over).resolve(85, Format::Webp).to_string(), "w=256&h=256&q=75&fm=webp");
}

#[test]
fn a_signature_is_of_one_key_one_image_and_every_option() {
    let key = key("0123456789abcdef0123456789abcdef");
    let signed = key.sign(&id(), &query("w=641&q=33"), Some(1_764_000_000));
    let text = signed.to_string();
    assert!(key.has_signed(&id(), &query(&text)), "{text}");
    assert!(key.has_signed(&id(), &query(&format!("x=1&{text}"))), "what is not known changes nothing");
    let tampered = [
        text.replace("641", "642"),
        text.replace("q=33&", ""),
        text.replace("1764000000", "1764000001"),
        text.replace("exp=1764000000&", ""),
        format!("{text}&anim=1"),
    ];
    for tampered in tampered {
        assert!(!key.has_signed(&id(), &query(&tampered)), "{tampered}");
    }
    assert!(!key.has_signed(&"fax".parse().unwrap(), &signed), "another image");
    assert!(!self::key("0123456789abcdef0123456789abcdeg").has_signed(&id(), &signed), "another key");
    assert!(!key.has_signed(&id(), &query("w=641")), "no signature");
}

#[test]
fn a_short_or_constant_key_is_refused() {
    for secret in ["", "secret", "change-me-please", &"0".repeat(64)] {
        assert!(SigningKey::new(secret.as_bytes()).is_err(), "{secret}");
    }
}

#[test]
fn only_a_client_that_names_avif_gets_it() {
    for (accept, expected) in [
        ("image/avif,image/webp,*/*", true),
        ("image/webp, IMAGE/AVIF;q=0.5", true),
        ("image/avif;q=0, */*", false),
        ("image/avif;Q=0.000", false),
        ("image/*", false),
        ("*/*", false),
        ("image/avifx", false),
    ] {
        let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
        assert_eq!(accepts_avif(&headers), expected, "{accept}");
    }
    assert!(!accepts_avif(&HeaderMap::new()));
}

#[test]
fn next_image_asks_in_its_own_words() {
    let asked = next_image::parse("url=%2Fapi%2Fimages%2Ffox&w=640&q=75").unwrap();
    assert_eq!(asked, Question::Held(id(), query("w=640&q=75&fm=auto")));
    assert_eq!(next_image::parse("url=%2Flogo.png&w=640&q=75"), Ok(Question::Elsewhere));
    assert_eq!(next_image::parse("url=https%3A%2F%2Fa.example%2Fimages%2Ffox&w=640&q=75"), Ok(Question::Elsewhere));
    for (asked, answer) in [
        ("w=640&q=75", "\"url\" parameter is required"),
        ("url=/images/fox&url=/b&w=640&q=75", "\"url\" parameter cannot be an array"),
        ("url=//a/b&w=640&q=75", "\"url\" parameter cannot be a protocol-relative URL (//)"),
        ("url=/images/fox&q=75", "\"w\" parameter (width) is required"),
        ("url=/images/fox&w=a&q=75", "\"w\" parameter (width) must be an integer greater than 0"),
        ("url=/images/fox&w=640", "\"q\" parameter (quality) is required"),
        ("url=/images/fox&w=640&q=101", "\"q\" parameter (quality) must be an integer between 1 and 100"),
    ] {
        assert_eq!(next_image::parse(asked), Err(answer), "{asked}");
    }
}

fn any_variant() -> impl Strategy<Value = Variant> {
    let side = || proptest::option::of(1..=MAX_SIDE);
    let fit = proptest::option::of(prop_oneof![Just(Fit::Contain), Just(Fit::Inside)]);
    let dpr = proptest::option::of(prop_oneof![Just("1.5".parse().unwrap()), Just("3".parse().unwrap())]);
    let quality = proptest::option::of(prop_oneof![(1..=100_u8).prop_map(Quality::Fixed), Just(Quality::Auto)]);
    let format = prop_oneof![Just(Format::Webp), Just(Format::Avif), Just(Format::Jpeg), Just(Format::Png)];
    let target =
        proptest::option::of(prop_oneof![format.prop_map(Target::Format), Just(Target::Auto), Just(Target::ThumbHash)]);
    let rest = (any::<bool>(), any::<bool>(), proptest::option::of(1..=u64::from(u32::MAX)), any::<bool>());
    (side(), side(), fit, dpr, quality, target, rest).prop_map(
        |(width, height, fit, dpr, quality, target, (animated, enlarge, max_bytes, wide))| {
            let gamut = wide.then_some(Gamut::Wide);
            Variant { width, height, fit, dpr, quality, target, animated, enlarge, max_bytes, gamut }
        },
    )
}

proptest! {
    #[test]
    fn a_variant_is_read_as_it_is_written(variant in any_variant()) {
        prop_assert_eq!(variant.to_string().parse::<Variant>().unwrap(), variant);
    }

    /// T-KEY-1: the text under which a variant is kept belongs to no other.
    #[test]
    fn two_variants_have_two_texts(one in any_variant(), other in any_variant()) {
        prop_assert_eq!(one == other, one.to_string() == other.to_string());
    }

    #[test]
    fn no_query_panics(text in "\\PC{0,80}") {
        if let Ok(read) = Query::parse(&text) {
            prop_assert_eq!(Query::parse(&read.to_string()).unwrap(), read);
        }
    }
}
