//! What gets out beside pixels: the mark of what a machine made, Display P3 where it was asked for, and nothing else.

use orbit_model::Variant;

use super::*;

const FORMATS: [(&str, Format); 4] =
    [("webp", Format::Webp), ("jpeg", Format::Jpeg), ("png", Format::Png), ("avif", Format::Avif)];
const CANARIES: [&str; 4] = ["canaries.png", "canaries.jpg", "canaries.webp", "canaries.gif"];

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn variant(query: &str) -> Variant {
    query.parse().unwrap()
}

/// The kinds of what a file is made of: chunks, segments, boxes of `meta` and items.
fn kinds(bytes: &[u8], format: Format) -> Vec<String> {
    match format {
        Format::Webp => riff_chunks(bytes),
        Format::Png => png_chunks(bytes),
        Format::Jpeg => jpeg_segments(bytes),
        _ => avif_items(bytes),
    }
}

fn png_chunks(png: &[u8]) -> Vec<String> {
    let (mut rest, mut kinds) = (&png[8..], Vec::new());
    while !rest.is_empty() {
        kinds.push(String::from_utf8(rest[4..8].to_vec()).unwrap());
        rest = &rest[12 + u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize..];
    }
    kinds
}

/// Up to the first scan, by the marker's second byte.
fn jpeg_segments(jpeg: &[u8]) -> Vec<String> {
    let (mut rest, mut kinds) = (&jpeg[2..], Vec::new());
    while rest[1] != 0xda {
        kinds.push(format!("{:02x}", rest[1]));
        rest = &rest[2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]))..];
    }
    kinds
}

/// The types of the items, as their entries name them.
fn avif_items(avif: &[u8]) -> Vec<String> {
    let entries = avif.windows(4).enumerate().filter(|(_, window)| *window == b"infe");
    entries.map(|(at, _)| String::from_utf8(avif[at + 12..at + 16].to_vec()).unwrap()).collect()
}

#[test]
fn no_metadata_of_a_source_gets_into_any_format_with_or_without_a_mark() {
    let pixels: [(Format, &[&str]); 4] = [
        (Format::Webp, &["VP8 ", "VP8L", "VP8X", "ALPH"]),
        (Format::Png, &["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]),
        (Format::Jpeg, &["e0", "db", "c0", "c2", "c4", "ee"]),
        (Format::Avif, &["av01"]),
    ];
    for name in CANARIES {
        let source = trouble(name);
        assert!(holds(&source, b"ORBIT-CANARY"), "{name} has lost its canaries");
        for ((fm, format), mark, gamut) in FORMATS.iter().flat_map(|format| {
            [None, Some(Mark::TrainedAlgorithmicMedia)]
                .into_iter()
                .flat_map(move |mark| ["srgb", "wide"].map(|gamut| (format, mark, gamut)))
        }) {
            let case = format!("{name} as {fm}, {mark:?}, {gamut}");
            let terms = Terms { mark, ..Terms::default() };
            let bytes = transform(&source, &variant(&format!("fm={fm}&gamut={gamut}")), &terms).unwrap().bytes;
            assert!(!holds(&bytes, b"CANARY"), "{case}");
            assert_eq!(holds(&bytes, b"trainedAlgorithmicMedia"), mark.is_some(), "{case}");
            let known = pixels.iter().find(|known| known.0 == *format).unwrap().1;
            let mut extra = kinds(&bytes, *format);
            extra.retain(|kind| !known.contains(&kind.as_str()));
            // A GIF has no profile, so that it stays in sRGB.
            let wide = gamut == "wide" && name != "canaries.gif";
            let expected: Vec<&str> = match format {
                Format::Webp => [(wide, "ICCP"), (mark.is_some(), "XMP ")],
                Format::Png => [(wide, "iCCP"), (mark.is_some(), "iTXt")],
                Format::Jpeg => [(mark.is_some(), "e1"), (wide, "e2")],
                _ => [(false, ""), (mark.is_some(), "mime")],
            }
            .into_iter()
            .filter_map(|(there, kind)| there.then_some(kind))
            .collect();
            assert_eq!(extra, expected, "{case}");
            assert_eq!(*format == Format::Avif && holds(&bytes, b"nclx"), *format == Format::Avif && wide, "{case}");
        }
    }
}

#[test]
fn the_image_and_its_refined_form_carry_the_mark_too() {
    let terms = Terms { mark: Some(Mark::TrainedAlgorithmicMedia), ..Terms::default() };
    let source = trouble("canaries.png");
    let served = encode(&source, Quality::default(), &terms).unwrap().webp;
    let refined = refine(&source, Quality::default(), u64::MAX, &terms).unwrap().unwrap().bytes;
    // The picture is flat enough for the second pass to lose nothing of it.
    for (webp, pixels) in [(served, "VP8 "), (refined, "VP8L")] {
        assert_eq!(riff_chunks(&webp), ["VP8X", pixels, "XMP "]);
        assert!(holds(&webp, b"trainedAlgorithmicMedia") && !holds(&webp, b"CANARY"));
    }
    let moving = transform(&trouble("animated.webp"), &variant("anim=1"), &terms).unwrap().bytes;
    assert!(holds(&moving, b"ANMF") && holds(&moving, b"trainedAlgorithmicMedia"));
}

#[test]
fn wide_variants_are_those_that_pillow_and_littlecms_make() {
    let json: serde_json::Value = serde_json::from_slice(&trouble("expected.json")).unwrap();
    let mut compared = 0;
    for (name, mut expected) in expected() {
        let Some(points) = json[&name].get("wide") else { continue };
        expected.points = serde_json::from_value(points.clone()).unwrap();
        let png = transform(&trouble(&name), &variant("fm=png&gamut=wide"), &Terms::default()).unwrap().bytes;
        let limits = Limits::default();
        let decoded = decode::decode(&png, probe(&png, &limits).unwrap(), &limits).unwrap();
        assert_eq!(decoded.icc.as_deref(), Some(steps::colour::display_p3()), "{name}");
        assert_shows(&name, &decoded.pixels, &expected, DECODER_TOLERANCE);
        compared += 1;
    }
    assert!(compared >= 9, "only {compared}");
}

#[test]
fn a_wide_variant_shows_in_srgb_what_the_plain_one_does_where_srgb_has_the_colour() {
    for name in ["adobe_rgb.png", "prophoto.png", "cicp_bt2020.png"] {
        let [plain, wide] = ["srgb", "wide"].map(|gamut| {
            let variant = variant(&format!("fm=png&gamut={gamut}"));
            read(&transform(&trouble(name), &variant, &Terms::default()).unwrap().bytes).unwrap()
        });
        for (plain, wide) in plain.samples.chunks_exact(3).zip(wide.samples.chunks_exact(3)) {
            let inside = plain.iter().all(|sample| (1..255).contains(sample));
            let close = plain.iter().zip(wide).all(|(plain, wide)| plain.abs_diff(*wide) <= DECODER_TOLERANCE);
            assert!(!inside || close, "{name}: {wide:?}, not {plain:?}");
        }
    }
}

#[test]
fn what_srgb_holds_stays_srgb_however_wide_a_variant_may_be() {
    for name in ["rgb16.png", "grey_18.png", "lights.png", "cmyk.jpg", "cicp_srgb_before_iccp.png", "gamma_18.png"] {
        for (fm, format) in FORMATS {
            let made =
                |gamut| transform(&trouble(name), &variant(&format!("fm={fm}{gamut}")), &Terms::default()).unwrap();
            assert_eq!(made("&gamut=wide"), made(""), "{name} as {format:?}");
        }
    }
}

#[test]
fn a_mark_and_a_profile_count_among_the_bytes_that_a_variant_may_have() {
    let terms = Terms { mark: Some(Mark::TrainedAlgorithmicMedia), ..Terms::default() };
    for (fm, _) in FORMATS.into_iter().filter(|format| format.1 != Format::Png) {
        let query = |more: &str| variant(&format!("fm={fm}&gamut=wide&q=90{more}"));
        let source = trouble("display_p3.png");
        let bare =
            transform(&source, &variant(&format!("fm={fm}&q=90")), &Terms::default()).unwrap().bytes.len() as u64;
        let whole = transform(&source, &query(""), &terms).unwrap().bytes.len() as u64;
        assert!(whole > bare + 300, "{fm}: {bare} and {whole}");
        for most in [bare + 10, whole - 1] {
            match transform(&source, &query(&format!("&max_bytes={most}")), &terms) {
                Ok(made) => assert!(made.bytes.len() as u64 <= most, "{fm}: {most}"),
                Err(error) => assert!(matches!(error, Error::TooLarge(_)), "{fm}: {error}"),
            }
        }
    }
}
