//! Variants: what a query makes of an image, through the real server.

use orbit_model::variant::SigningKey;
use orbit_model::{Format, VariantQuery};
use serde_json::Value;

use crate::harness::fixtures::{PHOTOS, photo, tiny};
use crate::harness::{Answer, Folder, Launch, Server, answers, crowd, eventually};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const BROWSER: &str = "image/avif,image/webp,image/apng,*/*;q=0.8";

fn start(words: &[&str]) -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(words).start();
    (folder, server)
}

/// Uploads a photograph of 451 x 300 pixels under an id.
fn put(server: &Server, id: &str) -> Value {
    server.client.put(&format!("/images/{id}"), &photo("chelsea.png")).expect(201).json()
}

fn meta(server: &Server, id: &str) -> Value {
    server.client.get(&format!("/images/{id}/meta")).expect(200).json()
}

fn get(server: &Server, path: &str, accept: &str) -> Answer {
    server.client.get_with(path, &[("accept", accept)]).expect(200)
}

fn signature(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [b'R', b'I', b'F', b'F', ..] => Some(Format::Webp),
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Some(Format::Png),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f', ..] => Some(Format::Avif),
        _ => None,
    }
}

#[test]
fn a_query_chooses_size_and_format_and_the_metadata_lists_what_was_derived() {
    let (_folder, server) = start(&[]);
    put(&server, "cat");
    for (query, format, size) in [
        ("w=256", Format::Webp, (256, 170)),
        ("w=128&dpr=2", Format::Webp, (256, 170)),
        ("h=96", Format::Webp, (144, 96)),
        ("w=128&h=128&fm=jpeg", Format::Jpeg, (128, 128)),
        ("w=128&h=128&fit=inside&fm=png", Format::Png, (128, 85)),
        ("w=64&fm=avif", Format::Avif, (64, 43)),
        ("w=640&q=50", Format::Webp, (451, 300)),
    ] {
        let origin = server.client.get(&format!("/images/cat?{query}")).expect(200);
        let edge = server.client.get(&format!("/api/images/cat?{query}")).expect(200);
        assert_eq!(origin.body, edge.body, "{query}");
        assert_eq!(origin.header("content-type"), format.media_type(), "{query}");
        assert_eq!(signature(&origin.body), Some(format), "{query}");
        assert_eq!(origin.header("cache-control"), "public, max-age=3600, immutable", "{query}");
        let listed = eventually("the variant in the metadata", || {
            let variants = meta(&server, "cat")["variants"].as_array().unwrap().clone();
            variants.into_iter().find(|variant| variant["bytes"] == origin.body.len())
        });
        let found = (listed["width"].as_u64().unwrap(), listed["height"].as_u64().unwrap());
        assert_eq!((found, listed["format"].as_str()), (size, Some(format.to_string().as_str())), "{query}");
        let url = listed["url"].as_str().unwrap();
        assert_eq!(server.client.get(url).expect(200).body, origin.body, "{url}");
    }
    assert_eq!(meta(&server, "cat")["variants"].as_array().unwrap().len(), 6, "w=128&dpr=2 is w=256");
}

#[test]
fn a_variant_is_derived_once_however_many_ask() {
    let (folder, server) = start(&[]);
    put(&server, "cat");
    let all = answers(crowd(24, &server, "/images/cat?w=384&q=60", &[]));
    assert!(all.iter().all(|answer| answer.status == 200 && answer.body == all[0].body));
    eventually("the variant on disk", || server.log().contains("Saved variant").then_some(()));
    assert_eq!((folder.manifest("cat").variants.len(), server.log().matches("Saved variant").count()), (1, 1));
}

#[test]
fn a_variant_survives_a_restart_and_is_not_derived_again() {
    let folder = Folder::new();
    let first = Launch::serve(&folder).start();
    put(&first, "cat");
    let body = first.client.get("/images/cat?w=256").expect(200).body;
    first.stop();
    let second = Launch::serve(&folder).start();
    assert_eq!(second.client.get("/images/cat?w=256").expect(200).body, body);
    assert!(!second.log().contains("Saved variant"));
}

#[test]
fn a_variant_is_conditional_and_has_ranges_like_any_image() {
    let (_folder, server) = start(&[]);
    put(&server, "cat");
    let whole = server.client.get("/images/cat?w=256").expect(200);
    let etag = whole.header("etag").to_owned();
    assert_ne!(etag, server.client.get("/images/cat").expect(200).header("etag"));
    server.client.get_with("/images/cat?w=256", &[("if-none-match", &etag)]).expect(304);
    let part = server.client.get_with("/images/cat?w=256", &[("range", "bytes=10-19")]).expect(206);
    assert_eq!(part.body, whole.body[10..20]);
    let head = server.client.head("/images/cat?w=256").expect(200);
    assert_eq!((head.header("etag"), head.header("content-length")), (&*etag, &*whole.body.len().to_string()));
}

#[test]
fn an_image_is_never_enlarged_unless_asked() {
    let (_folder, server) = start(&[]);
    server.client.put("/images/dot", &tiny(1)).expect(201);
    let size = |id: &str| {
        let all =
            eventually("a variant", || meta(&server, id)["variants"].as_array().filter(|it| !it.is_empty()).cloned());
        all.last().unwrap()["width"].as_u64().unwrap()
    };
    let own = meta(&server, "dot")["width"].as_u64().unwrap();
    server.client.get("/images/dot?w=640").expect(200);
    assert_eq!(size("dot"), own);
    server.client.put("/images/spot", &tiny(2)).expect(201);
    server.client.get("/images/spot?w=640&enlarge=1").expect(200);
    assert_eq!(size("spot"), 640);
}

#[test]
fn only_listed_widths_and_qualities_do_work() {
    let (folder, server) = start(&[]);
    put(&server, "cat");
    let refused = server.client.get("/images/cat?w=641").expect(400);
    assert!(refused.text().contains("32 48 64 96 128 256 384 640"), "{}", refused.text());
    refused.expect_problem(400, "invalid");
    for query in ["w=1", "h=100", "q=77", "w=640&max_bytes=100", "preset=none", "w=x", "fm=svg", "w=64&w=64"] {
        server.client.get(&format!("/images/cat?{query}")).expect(400).expect_problem(400, "invalid");
        server.client.get(&format!("/api/images/cat?{query}")).expect(400).expect_problem(400, "invalid");
    }
    for width in (1..=600).filter(|width| ![32, 48, 64, 96, 128, 256, 384].contains(width)) {
        server.client.get(&format!("/images/cat?w={width}")).expect(400);
    }
    assert!(folder.manifest("cat").variants.is_empty());
    server.client.get("/images/none?w=64").expect(404);
}

#[test]
fn a_signed_url_gets_what_no_list_has_until_it_expires() {
    let folder = Folder::new();
    let keys = format!("{},{KEY}", "fedcba9876543210fedcba9876543210");
    let server = Launch::serve(&folder).variable("ORBIT_SIGNING_KEYS", &keys).start();
    put(&server, "cat");
    let key = SigningKey::new(KEY.as_bytes()).unwrap();
    let sign = |query: &str, expires| {
        let query = VariantQuery::parse(query).unwrap();
        format!("/api/images/cat?{}", key.sign(&"cat".parse().unwrap(), &query, expires))
    };
    let url = sign("w=200&q=77&max_bytes=4000", None);
    let answer = server.client.get(&url).expect(200);
    assert!(answer.body.len() <= 4000, "{}", answer.body.len());
    server.client.get(&url.replace("w=200", "w=201")).expect(400).expect_problem(400, "invalid");
    server.client.get("/api/images/cat?w=200&q=77&max_bytes=4000").expect(400);
    let expired = server.client.get(&sign("w=200", Some(1_000_000_000))).expect(400);
    assert!(expired.text().contains("expired"), "{}", expired.text());
    let lasting = server.client.get(&sign("w=200", Some(4_102_444_800))).expect(200);
    assert_eq!(lasting.header("cache-control"), "public, max-age=3600, must-revalidate");
}

#[test]
fn a_short_signing_key_is_refused_at_the_start() {
    let folder = Folder::new();
    let output = Launch::serve(&folder).variable("ORBIT_SIGNING_KEYS", "secret").refused();
    assert!(output.stderr.contains("32 bytes"), "{output:?}");
}

#[test]
fn a_preset_is_a_name_for_options() {
    let (_folder, server) = start(&["--preset", "thumb:w=100&h=100&fm=jpeg&q=77"]);
    put(&server, "cat");
    let thumb = server.client.get("/api/images/cat?preset=thumb").expect(200);
    assert_eq!(thumb.header("content-type"), "image/jpeg");
    let listed = eventually("the variant", || meta(&server, "cat")["variants"].get(0).cloned());
    assert_eq!((&listed["width"], &listed["height"], &listed["quality"]), (&100.into(), &100.into(), &77.into()));
}

#[test]
fn avif_comes_behind_and_only_to_who_accepts_it() {
    let (_folder, server) = start(&[]);
    put(&server, "cat");
    let path = "/api/images/cat?w=256&fm=auto";
    let first = get(&server, path, BROWSER);
    assert_eq!((signature(&first.body), first.header("vary")), (Some(Format::Webp), "Accept"));
    assert_eq!(first.header("cache-control"), "public, max-age=60");
    let better = eventually("the AVIF", || {
        let answer = get(&server, path, BROWSER);
        (signature(&answer.body) == Some(Format::Avif)).then_some(answer)
    });
    assert_eq!((better.header("content-type"), better.header("vary")), ("image/avif", "Accept"));
    assert!(better.body.len() < first.body.len(), "{} of {}", better.body.len(), first.body.len());
    assert_eq!(better.header("cache-control"), "public, max-age=3600, immutable");
    let same =
        server.client.get_with(path, &[("accept", BROWSER), ("if-none-match", better.header("etag"))]).expect(304);
    assert_eq!(same.header("vary"), "Accept");
    for accept in ["image/webp,*/*", "*/*", "image/avif;q=0"] {
        let plain = get(&server, path, accept);
        assert_eq!((signature(&plain.body), plain.header("vary")), (Some(Format::Webp), "Accept"), "{accept}");
    }
    assert_eq!(server.client.get("/images/cat?w=1&fm=auto").expect(400).header("vary"), "Accept");
}

#[test]
fn a_quality_by_eye_takes_the_place_of_the_usual_one() {
    let (_folder, server) = start(&[]);
    put(&server, "cat");
    let first = server.client.get("/images/cat?w=384&q=auto").expect(200);
    assert_eq!(first.header("cache-control"), "public, max-age=60");
    let found = eventually("the quality", || {
        let answer = server.client.get("/images/cat?w=384&q=auto").expect(200);
        (answer.header("cache-control") != "public, max-age=60").then_some(answer)
    });
    assert_ne!(found.body, first.body);
    assert_eq!(signature(&found.body), Some(Format::Webp));
}

#[test]
fn an_image_is_refined_behind_and_every_tier_shows_the_smaller_one() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).variable("ORBIT_REFINE", "idle").start();
    let before = put(&server, "cat");
    let bytes = before["bytes"].as_u64().unwrap();
    let refined = eventually("the refined image", || {
        let answer = server.client.get("/api/images/cat").expect(200);
        ((answer.body.len() as u64) < bytes).then_some(answer)
    });
    assert_eq!(refined.header("cache-control"), "public, max-age=3600, immutable");
    let meta = meta(&server, "cat");
    assert_eq!(meta["bytes"], refined.body.len());
    assert_ne!(meta["digest"], before["digest"]);
    assert!(folder.manifest("cat").refined);
    assert_eq!(folder.leftovers(), Vec::<std::path::PathBuf>::new());
    let files = std::fs::read_dir(&folder.images()["cat"]).unwrap().count();
    assert_eq!(files, 3, "the manifest, the source, the image");
}

#[test]
fn what_was_not_refined_before_the_end_is_refined_after_the_next_start() {
    let folder = Folder::new();
    let first = Launch::serve(&folder).start();
    put(&first, "cat");
    first.stop();
    assert!(!folder.manifest("cat").refined);
    let _second = Launch::serve(&folder).variable("ORBIT_REFINE", "idle").start();
    eventually("the refined image", || folder.manifest("cat").refined.then_some(()));
}

#[test]
fn widths_are_prebuilt_without_anybody_asking() {
    let (folder, server) = start(&["--prebuild", "96,256,1080"]);
    put(&server, "cat");
    let variants = eventually("both variants", || {
        let variants = folder.manifest("cat").variants;
        (variants.len() == 2).then_some(variants)
    });
    let widths: Vec<u32> = variants.iter().map(|derived| derived.rendition.width).collect();
    assert_eq!(widths, [96, 256], "1080 is more than the image has");
    let saved = || server.log().matches("Saved variant").count();
    eventually("both in the log", || (saved() == 2).then_some(()));
    server.client.get("/images/cat?w=96").expect(200);
    assert_eq!(saved(), 2);
}

#[test]
fn a_purge_takes_the_variants_of_every_tier() {
    let (folder, server) = start(&[]);
    put(&server, "cat");
    for path in ["/api/images/cat", "/api/images/cat?w=256", "/api/images/cat?w=64&fm=auto"] {
        server.client.get(path).expect(200);
    }
    eventually("the variants", || (folder.manifest("cat").variants.len() == 2).then_some(()));
    server.client.delete("/images/cat").expect(200);
    for path in ["/api/images/cat", "/api/images/cat?w=256", "/api/images/cat?w=64&fm=auto", "/images/cat?w=256"] {
        server.client.get(path).expect(404);
    }
    assert!(folder.images().is_empty());
}

#[test]
fn variants_of_a_replaced_image_show_the_new_one() {
    let (_folder, server) = start(&[]);
    server.client.put("/images/pet", &photo("chelsea.png")).expect(201);
    let old = server.client.get("/api/images/pet?w=128").expect(200).body;
    let etag = server.client.get("/images/pet").expect(200).header("etag").to_owned();
    server.client.send("PUT", "/images/pet", &[("if-match", &etag)], Some(&photo("coffee.png"))).expect(201);
    let new = server.client.get("/api/images/pet?w=128").expect(200);
    assert_ne!(new.body, old);
    assert_eq!(new.header("cache-control"), "public, max-age=3600");
}

#[test]
fn thumbhash_and_next_image_are_answered_for_held_images() {
    let (_folder, server) = start(&[]);
    let metadata = put(&server, "cat");
    let hash = server.client.get("/api/images/cat?fm=thumbhash").expect(200);
    assert_eq!(hash.header("content-type"), "application/octet-stream");
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&hash.body);
    assert_eq!(metadata["placeholder"]["thumbhash"], encoded);

    let next = get(&server, "/_next/image?url=%2Fapi%2Fimages%2Fcat&w=256&q=75", "image/webp");
    assert_eq!(next.body, get(&server, "/api/images/cat?w=256&q=75&fm=auto", "image/webp").body);
    assert_eq!(next.header("vary"), "Accept");
    for (query, words) in [
        ("w=256&q=75", "\"url\" parameter is required"),
        ("url=%2Fapi%2Fimages%2Fcat&q=75", "\"w\" parameter (width) is required"),
        ("url=%2Fapi%2Fimages%2Fcat&w=256", "\"q\" parameter (quality) is required"),
        ("url=https%3A%2F%2Fa.example%2Fx.png&w=256&q=75", "\"url\" parameter is not allowed"),
    ] {
        let refused = server.client.get(&format!("/_next/image?{query}")).expect(400);
        assert_eq!(refused.text(), words, "{query}");
    }
}

#[test]
fn a_page_of_thumbnails_loads_a_tenth_of_the_originals() {
    let (_folder, server) = start(&[]);
    let (mut originals, mut thumbnails) = (0, 0);
    for (name, ..) in PHOTOS {
        let source = photo(name);
        let id = server.client.upload("/images", &source).expect(201).json()["id"].as_str().unwrap().to_owned();
        originals += source.len();
        thumbnails += server.client.get(&format!("/api/images/{id}?w=256")).expect(200).body.len();
    }
    assert!(thumbnails * 10 <= originals, "{thumbnails} of {originals} bytes");
}
