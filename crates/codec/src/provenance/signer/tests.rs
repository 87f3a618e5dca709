//! Signed renditions, as a reader of C2PA sees them who trusts the test's authority.

mod chain;

use std::path::Path;
use std::sync::LazyLock;

use orbit_model::Variant;
use proptest::prelude::*;
use serde_json::Value;

use self::chain::Chain;
use super::*;
use crate::provenance::Descent;
use crate::{Mark, Rendered, encode, refine, transform};

const FORMATS: [(&str, Format); 4] =
    [("webp", Format::Webp), ("jpeg", Format::Jpeg), ("png", Format::Png), ("avif", Format::Avif)];

fn trouble(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/trouble").join(name)).unwrap()
}

fn terms(chain: &Chain) -> Terms {
    let signer = Some(Signer::from_pem(chain.certificates.as_bytes(), chain.key.as_bytes()).unwrap());
    Terms { mark: Some(Mark::TrainedAlgorithmicMedia), signer, ..Terms::default() }
}

fn render(source: &[u8], query: &str, terms: &Terms) -> Rendered {
    let variant: Variant = query.parse().unwrap();
    transform(source, &variant, terms).unwrap()
}

/// What a reader says of some bytes, and its active manifest.
fn read(bytes: &[u8], format: Format, chain: &Chain) -> (ValidationState, Value) {
    let settings = serde_json::json!({ "trust": { "trust_anchors": chain.authority } });
    let context = Context::new().with_settings(settings.to_string()).unwrap();
    let reader = Reader::from_context(context).with_stream(format.media_type(), Cursor::new(bytes)).unwrap();
    let said: Value = serde_json::from_str(&reader.json()).unwrap();
    let active = said["manifests"][said["active_manifest"].as_str().unwrap()].clone();
    (reader.validation_state(), active)
}

fn actions(manifest: &Value) -> Vec<&str> {
    let assertions = manifest["assertions"].as_array().unwrap();
    let actions = assertions.iter().find(|assertion| assertion["label"] == "c2pa.actions.v2").unwrap();
    actions["data"]["actions"].as_array().unwrap().iter().map(|action| action["action"].as_str().unwrap()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    format!("nih:sha-256;{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn a_rendition_of_every_format_is_trusted_and_names_its_source() {
    let (chain, source) = (Chain::new(), trouble("canaries.png"));
    for (fm, format) in FORMATS {
        let signed = render(&source, &format!("w=16&fm={fm}"), &terms(&chain)).bytes;
        let (state, manifest) = read(&signed, format, &chain);
        assert_eq!(state, ValidationState::Trusted, "{fm}: {manifest}");
        assert_eq!(manifest["claim_generator_info"][0]["name"], "Orbit", "{fm}");
        let ingredients = manifest["ingredients"].as_array().unwrap();
        assert_eq!(ingredients.len(), 1, "{fm}: {manifest}");
        assert_eq!(ingredients[0]["relationship"], "parentOf", "{fm}");
        assert_eq!(ingredients[0]["format"], "image/png", "{fm}");
        assert_eq!(ingredients[0]["instance_id"], sha256(&source), "{fm}");
        assert_eq!(actions(&manifest), ["c2pa.opened", "c2pa.resized", "c2pa.transcoded"], "{fm}");
        assert!(manifest.to_string().contains(Mark::TrainedAlgorithmicMedia.term()), "{fm}: {manifest}");
        assert!(holds(&signed, b"Iptc4xmpExt:DigitalSourceType"), "{fm}: the mark is still there");
        assert!(!holds(&signed, b"CANARY"), "{fm}: nothing else of the source is");
    }
}

#[test]
fn the_image_and_its_second_pass_are_signed_too() {
    let (chain, source, quality) = (Chain::new(), trouble("canaries.jpg"), Quality::default());
    let unmarked = Terms { mark: None, ..terms(&chain) };
    let first = encode(&source, quality, &unmarked).unwrap().webp;
    let second = refine(&source, quality, u64::MAX, &unmarked).unwrap().unwrap().bytes;
    for signed in [first, second] {
        let (state, manifest) = read(&signed, Format::Webp, &chain);
        assert_eq!((state, actions(&manifest)), (ValidationState::Trusted, vec!["c2pa.opened", "c2pa.transcoded"]));
        assert_eq!(manifest["ingredients"][0]["instance_id"], sha256(&source));
        assert!(!manifest.to_string().contains("digitalSourceType"), "nobody has said that a machine made it");
    }
}

#[test]
fn what_was_done_to_the_pixels_is_told() {
    let (chain, still) = (Chain::new(), trouble("canaries.png"));
    let terms = terms(&chain);
    for (query, expected) in [
        ("", vec!["c2pa.opened", "c2pa.transcoded"]),
        ("w=8&h=16", vec!["c2pa.opened", "c2pa.cropped", "c2pa.resized", "c2pa.transcoded"]),
        ("w=8&h=16&fit=contain", vec!["c2pa.opened", "c2pa.resized", "c2pa.edited", "c2pa.transcoded"]),
    ] {
        let (state, manifest) = read(&render(&still, query, &terms).bytes, Format::Webp, &chain);
        assert_eq!((state, actions(&manifest)), (ValidationState::Trusted, expected), "{query}");
    }
    let moving = render(&trouble("animated.gif"), "w=8&anim=1", &terms).bytes;
    let (state, manifest) = read(&moving, Format::Webp, &chain);
    assert_eq!(state, ValidationState::Trusted);
    assert_eq!(manifest["ingredients"][0]["format"], "image/gif");
    assert!(holds(&moving, b"ANMF") && actions(&manifest).contains(&"c2pa.resized"));
}

#[test]
fn a_changed_pixel_makes_it_invalid() {
    let (chain, source) = (Chain::new(), trouble("canaries.png"));
    for ((fm, format), pixels) in FORMATS.iter().zip(["VP8 ", "JFIF", "IDAT", "mdat"]) {
        let mut signed = render(&source, &format!("fm={fm}"), &terms(&chain)).bytes;
        let begin = signed.windows(4).position(|window| window == pixels.as_bytes()).unwrap();
        // A JPEG ends with its pixels, and begins with its manifest.
        let place = if *format == Format::Jpeg { signed.len() - 10 } else { begin + 40 };
        signed[place] ^= 1;
        assert_eq!(read(&signed, *format, &chain).0, ValidationState::Invalid, "{fm}");
    }
}

#[test]
fn a_manifest_of_the_source_is_kept_whether_it_is_valid_or_not() {
    let (first, second) = (Chain::new(), Chain::new());
    let whole = render(&trouble("canaries.png"), "fm=png", &terms(&first)).bytes;
    let mut broken = whole.clone();
    let begin = broken.windows(4).position(|window| window == b"tEXt" || window == b"iTXt").unwrap();
    broken[begin + 60] ^= 1;
    let mut garbled = whole.clone();
    let begin = garbled.windows(4).position(|window| window == b"jumb").unwrap();
    garbled[begin + 200..begin + 400].fill(0xa5);
    for (source, kept, case) in [(whole, true, "whole"), (broken, true, "broken"), (garbled, false, "garbled")] {
        let signed = render(&source, "w=8&fm=png", &terms(&second)).bytes;
        let (state, manifest) = read(&signed, Format::Png, &second);
        assert_eq!(state, ValidationState::Trusted, "{case}: {manifest}");
        let parent = &manifest["ingredients"][0];
        assert_eq!(parent["instance_id"], sha256(&source), "{case}");
        assert_eq!(parent["active_manifest"].is_string(), kept, "{case}: {parent}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_manifest_of_the_source_is_never_an_error(
        damage in proptest::collection::vec((0.0..1.0_f64, any::<u8>()), 1..6),
        cut in 0.0..1.0_f64,
    ) {
        let (chain, whole) = &*SIGNED;
        let begin = whole.windows(4).position(|window| window == b"caBX").unwrap() + 4;
        let length = u32::from_be_bytes(whole[begin - 8..begin - 4].try_into().unwrap()) as usize;
        let mut source = whole.clone();
        for (place, byte) in damage {
            source[begin + (place * length as f64) as usize] = byte;
        }
        // As often as not it is cut off too.
        source.truncate(begin + ((cut * 2.0).min(1.0) * (source.len() - begin) as f64) as usize);
        let descent = Descent { source: &source, format: Format::Png, geometry: None };
        let signed = descent.sign(blank(Format::Webp).unwrap(), Format::Webp, &terms(chain)).unwrap();
        prop_assert_eq!(read(&signed, Format::Webp, chain).0, ValidationState::Trusted);
    }
}

/// An image that is signed already.
static SIGNED: LazyLock<(Chain, Vec<u8>)> = LazyLock::new(|| {
    let chain = Chain::new();
    let signed = render(&trouble("canaries.png"), "w=8&fm=png", &terms(&chain)).bytes;
    (chain, signed)
});

#[test]
fn a_manifest_elsewhere_is_neither_fetched_nor_named() {
    let chain = Chain::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/manifest.c2pa", listener.local_addr().unwrap());
    let description = format!(
        r#"<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{url}"/>"#
    );
    let xmp = [
        r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#,
        &description,
        "</rdf:RDF></x:xmpmeta>",
    ]
    .concat();
    let mut png = img_parts::png::Png::from_bytes(trouble("rgb16.png").into()).unwrap();
    let text = [b"XML:com.adobe.xmp\0\0\0\0\0", xmp.as_bytes()].concat();
    png.chunks_mut().insert(1, img_parts::png::PngChunk::new(*b"iTXt", text.into()));
    let source = png.encoder().bytes().to_vec();
    let signed = render(&source, "w=8", &terms(&chain)).bytes;
    assert_eq!(read(&signed, Format::Webp, &chain).0, ValidationState::Trusted);
    assert!(!holds(&signed, b"manifest.c2pa"));
    assert!(listener.accept().is_err(), "nobody has called");
}

#[test]
fn a_manifest_counts_among_max_bytes() {
    let (chain, source) =
        (Chain::new(), std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/photos/chelsea.png")));
    let (terms, source) = (terms(&chain), source.unwrap());
    for (fm, format) in [("webp", Format::Webp), ("jpeg", Format::Jpeg), ("avif", Format::Avif)] {
        let signed = render(&source, &format!("w=128&q=90&max_bytes=9000&fm={fm}"), &terms);
        assert!((7_000..=9_000).contains(&signed.bytes.len()), "{fm}: {} bytes", signed.bytes.len());
        assert_eq!(read(&signed.bytes, format, &chain).0, ValidationState::Trusted, "{fm}");
    }
    let small: Variant = "w=128&max_bytes=2000".parse().unwrap();
    assert!(matches!(transform(&source, &small, &terms), Err(Error::TooLarge(_))));
}

#[test]
fn a_signer_of_every_kind_of_key_is_taken() {
    let source = trouble("canaries.webp");
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let chain = Chain::of(algorithm);
        let signed = render(&source, "w=8", &terms(&chain)).bytes;
        assert_eq!(read(&signed, Format::Webp, &chain).0, ValidationState::Trusted, "{algorithm:?}");
    }
}

#[test]
fn what_cannot_sign_is_refused_with_the_reason_and_without_the_key() {
    let (good, other) = (Chain::new(), Chain::new());
    let refusal = |certificates: &str, key: &str| {
        let error = Signer::from_pem(certificates.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Unsigned(_)), "{error}");
        let secret = key.lines().nth(1).unwrap_or("no secret");
        assert!(!error.to_string().contains(secret), "{error}");
        error.to_string()
    };
    let expired = Chain::expired();
    let cases = [
        (refusal("", &good.key), "-----BEGIN CERTIFICATE-----"),
        (refusal(&good.certificates, ""), "openssl pkcs8"),
        (refusal(&good.certificates, &other.key), "belongs to the key"),
        (refusal(&good.authority, &good.authority_key), "its own authority"),
        (refusal(&expired.certificates, &expired.key), "expired"),
    ];
    for (refusal, word) in cases {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
}

#[test]
fn what_cannot_be_signed_is_an_error_and_no_file() {
    let (chain, source) = (Chain::new(), trouble("canaries.png"));
    let mut pair = Pair::from_pem(chain.certificates.as_bytes(), chain.key.as_bytes()).unwrap();
    pair.reserved_bytes = 0;
    let signer = Some(Signer(Arc::new(Inner { pair, context: Arc::new(Context::new()) })));
    let terms = Terms { signer, ..Terms::default() };
    let said = |error: Error| match error {
        Error::Internal(reason) => reason,
        other => panic!("{other}"),
    };
    let quality = Quality::default();
    let variant = said(transform(&source, &"w=8".parse().unwrap(), &terms).unwrap_err());
    assert!(variant.contains("the C2PA certificate has expired"), "{variant}");
    said(encode(&source, quality, &terms).unwrap_err());
    said(refine(&source, quality, u64::MAX, &terms).unwrap_err());
}

#[test]
fn a_key_beside_the_certificates_gets_into_no_file() {
    let chain = Chain::new();
    let both = format!("{}{}", chain.key, chain.certificates);
    let signer = Signer::from_pem(both.as_bytes(), chain.key.as_bytes()).unwrap();
    assert_eq!(format!("{signer:?}"), "Signer");
    let signed = render(&trouble("canaries.webp"), "w=8", &Terms { signer: Some(signer), ..Terms::default() }).bytes;
    let secret: String = chain.key.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(!holds(&signed, &data_encoding::BASE64.decode(secret.as_bytes()).unwrap()));
    assert_eq!(read(&signed, Format::Webp, &chain).0, ValidationState::Trusted);
}

#[test]
fn a_file_grows_by_little_more_than_what_is_said() {
    let (chain, source) = (Chain::new(), trouble("canaries.png"));
    for (fm, _) in FORMATS {
        let signed = render(&source, &format!("w=16&fm={fm}"), &terms(&chain)).bytes.len();
        let plain = render(&source, &format!("w=16&fm={fm}"), &Terms { signer: None, ..terms(&chain) }).bytes.len();
        assert!(signed - plain < 4_000, "{fm}: {} bytes", signed - plain);
    }
}
