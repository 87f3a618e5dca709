//! An image comes in: in every form, of every format, under its own name, and only what is an image.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use orbit_model::Digest;
use serde_json::{Value, json};

use crate::harness::fixtures::{PHOTOS, all_trouble, photo, tiny, trouble};
use crate::harness::{Answer, Folder, Launch, Raw, Server};

/// Long enough for any file, short enough that a bomb is seen.
const SOON: Duration = Duration::from_secs(5);

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

/// Checks that origin and edge serve the bytes that metadata speak of; returns them.
fn served(server: &Server, metadata: &Value) -> Vec<u8> {
    let id = metadata["id"].as_str().unwrap();
    let [origin, edge] =
        ["/images", "/api/images"].map(|prefix| server.client.get(&format!("{prefix}/{id}")).expect(200));
    assert_eq!(origin.header("content-type"), "image/webp");
    assert_eq!(origin.body, edge.body);
    assert_eq!(metadata["digest"], Digest::of(&edge.body).to_string());
    assert_eq!(metadata["bytes"], edge.body.len());
    assert!(edge.body.starts_with(b"RIFF") && &edge.body[8..12] == b"WEBP");
    edge.body
}

fn form(parts: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (disposition, bytes) in parts {
        body.extend(format!("--limit\r\ncontent-disposition: form-data; {disposition}\r\n\r\n").bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--limit--\r\n");
    ("multipart/form-data; boundary=limit".to_owned(), body)
}

fn post_form(server: &Server, parts: &[(&str, &[u8])]) -> Answer {
    let (media_type, body) = form(parts);
    server.client.send("POST", "/images", &[("content-type", &media_type)], Some(&body))
}

#[test]
fn every_photograph_comes_out_of_origin_and_edge_as_webp() {
    let (folder, server) = start();
    for (name, width, height) in PHOTOS {
        let source = photo(name);
        let answer = server.client.upload("/images?thread_id=photos", &source).expect(201);
        let metadata = answer.json();
        let id = metadata["id"].as_str().unwrap();
        assert_eq!(answer.header("location"), format!("/images/{id}"), "{name}");
        assert_eq!(id, Digest::of(&source).short(), "{name}");
        assert_eq!((&metadata["width"], &metadata["height"]), (&json!(width), &json!(height)), "{name}");
        assert_eq!((&metadata["format"], &metadata["cached"]), (&json!("webp"), &json!(true)), "{name}");
        let webp = served(&server, &metadata);
        assert!(webp.len() < source.len(), "{name}: {} of {}", webp.len(), source.len());
        assert!(metadata["placeholder"]["data_url"].as_str().unwrap().starts_with("data:image/png;base64,"));
        assert_eq!(server.client.get(&format!("/images/{id}/meta")).expect(200).json(), metadata, "{name}");
        assert_eq!(folder.source(id), source, "{name}: the source is kept byte for byte");
    }
}

#[test]
fn every_format_depth_and_orientation_is_read() {
    let (_folder, server) = start();
    let expected: Value = serde_json::from_slice(&trouble("expected.json")).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        let answer = server.client.upload(&format!("/images?title={name}"), &trouble(name)).expect(201);
        let metadata = answer.json();
        assert_eq!(metadata["width"], expected["width"], "{name}");
        assert_eq!(metadata["height"], expected["height"], "{name}");
        served(&server, &metadata);
    }
}

#[test]
fn what_is_no_whole_image_is_refused_with_a_reason() {
    let (folder, server) = start();
    for (name, status, code) in [
        ("empty.png", 400, "invalid"),
        ("zero.png", 400, "invalid"),
        ("truncated.png", 400, "invalid"),
        ("truncated.jpg", 400, "invalid"),
        ("truncated.webp", 400, "invalid"),
        ("truncated.gif", 400, "invalid"),
        ("huge_65535x65535.png", 413, "too_large"),
        ("wide_50001x1000.png", 413, "too_large"),
        ("picture.svg", 415, "unsupported"),
        ("html_named.webp", 415, "unsupported"),
        ("pdf_named.png", 415, "unsupported"),
    ] {
        let answer = server.client.upload("/images", &trouble(name));
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        answer.expect_problem(status, code);
    }
    assert!(folder.images().is_empty());
    assert_eq!(folder.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn no_file_is_the_servers_fault_or_keeps_it_busy() {
    let (folder, server) = start();
    for name in all_trouble() {
        let start = Instant::now();
        let answer = server.client.upload(&format!("/images?title={name}"), &trouble(&name));
        assert!(start.elapsed() < SOON, "{name} took {:?}", start.elapsed());
        match answer.status {
            201 => assert_eq!(folder.source(answer.json()["id"].as_str().unwrap()), trouble(&name), "{name}"),
            400..500 => answer.expect_any_problem(),
            status => panic!("{name}: {status} {}", answer.text()),
        }
    }
}

#[test]
fn the_same_bytes_have_the_same_id_and_change_nothing() {
    let (folder, server) = start();
    let path = "/images?style=Hero&title=Recycle";
    let first = server.client.upload(path, &photo("coffee.png")).expect(201).json();
    let id = first["id"].as_str().unwrap();
    assert_eq!(id, format!("hero_recycle_{}", Digest::of(&photo("coffee.png")).short()));
    assert_eq!(server.client.upload(path, &photo("coffee.png")).expect(200).json(), first);
    let other = server.client.upload("/images?style=Hero&title=Cup", &photo("coffee.png")).expect(201).json();
    assert_ne!(other["id"], id);
    assert_eq!(other["digest"], first["digest"]);
    assert_eq!(folder.images().len(), 2);
}

#[test]
fn raw_bytes_forms_and_json_give_the_same_image() {
    let (_folder, server) = start();
    let source = photo("rocket.jpg");
    let raw = server.client.upload("/images?style=photo&title=Rocket", &source).expect(201).json();
    let file = ("name=\"file\"; filename=\"rocket.jpg\"", &*source);
    let labels = [("name=\"style\"", b"photo".as_slice()), ("name=\"title\"", b"Rocket")];
    assert_eq!(post_form(&server, &[file, labels[0], labels[1]]).expect(200).json(), raw);
    assert_eq!(post_form(&server, &[labels[0], labels[1], ("name=\"image\"", &source)]).expect(200).json(), raw);
    let base64 = STANDARD.encode(&source);
    for data in [base64.clone(), format!("data:image/jpeg;base64,{base64}"), URL_SAFE_NO_PAD.encode(&source)] {
        let body = json!({ "data": data, "style": "photo", "title": "Rocket" });
        assert_eq!(server.client.post_json("/images", &body).expect(200).json(), raw);
    }
    let name = format!("/images/{}", raw["id"].as_str().unwrap());
    let put = server.client.send(
        "PUT",
        &name,
        &[("content-type", "application/json")],
        Some(json!({ "data": base64 }).to_string().as_bytes()),
    );
    assert_eq!(put.expect(200).json(), raw);
}

#[test]
fn a_form_or_json_without_one_image_is_refused() {
    let (_folder, server) = start();
    let image = tiny(0);
    let file = ("name=\"file\"; filename=\"a.png\"", &*image);
    post_form(&server, &[]).expect_problem(400, "invalid");
    post_form(&server, &[("name=\"title\"", b"x")]).expect_problem(400, "invalid");
    post_form(&server, &[file, file]).expect_problem(400, "invalid");
    post_form(&server, &[file, ("name=\"colour\"", b"red")]).expect_problem(400, "invalid");
    let (media_type, body) = form(&[file]);
    let cut = &body[..body.len() - 20];
    server.client.send("POST", "/images", &[("content-type", &media_type)], Some(cut)).expect_problem(400, "invalid");
    for body in
        [json!({}), json!({ "data": "%%%" }), json!({ "data": "data:image/png,x" }), json!({ "data": 7 }), json!([])]
    {
        server.client.post_json("/images", &body).expect_problem(400, "invalid");
    }
    server
        .client
        .post_json("/images", &json!({ "data": STANDARD.encode(b"no image") }))
        .expect_problem(415, "unsupported");
}

#[test]
fn an_id_of_ones_own_is_written_once() {
    let (_folder, server) = start();
    let created = server.client.put("/images/my-fox_1", &photo("chelsea.png")).expect(201);
    assert_eq!(created.header("location"), "/images/my-fox_1");
    let webp = served(&server, &created.json());
    assert_eq!(server.client.put("/images/my-fox_1", &photo("chelsea.png")).expect(200).json(), created.json());
    server.client.put("/images/my-fox_1", &photo("coffee.png")).expect_problem(409, "conflict");
    assert_eq!(served(&server, &created.json()), webp);
    for id in ["_x", "-x", "a.b", "a%2fb", "%2e%2e", "caf%c3%a9", &"a".repeat(129)] {
        server.client.put(&format!("/images/{id}"), &tiny(1)).expect_problem(400, "invalid");
    }
    server.client.put(&format!("/images/{}", "a".repeat(128)), &tiny(1)).expect(201);
}

#[test]
fn replacing_by_if_match_is_seen_at_the_edge_at_once() {
    let (folder, server) = start();
    let old = server.client.put("/images/fox", &photo("chelsea.png")).expect(201).json();
    served(&server, &old);
    let held = server.client.get("/api/images/fox");
    assert_eq!((held.header("x-cache"), held.header("cache-control")), ("HIT", "public, max-age=3600, immutable"));
    let replace =
        |etag: &str, bytes: &[u8]| server.client.send("PUT", "/images/fox", &[("if-match", etag)], Some(bytes));
    // Small: what is refused unread may be answered before all of a large body is sent.
    replace("\"0123456789abcdef0123456789abcdef\"", &tiny(1)).expect_problem(412, "conflict");
    let new = replace(held.header("etag"), &photo("coffee.png")).expect(201).json();
    let fresh = server.client.get("/api/images/fox").expect(200);
    assert_eq!(fresh.header("x-cache"), "MISS");
    assert_eq!(Digest::of(&fresh.body).to_string(), new["digest"].as_str().unwrap());
    assert_ne!(fresh.header("etag"), held.header("etag"));
    for path in ["/images/fox", "/api/images/fox"] {
        assert_eq!(
            server.client.get(path).header("cache-control"),
            "public, max-age=3600",
            "its URL showed other bytes"
        );
    }
    replace(held.header("etag"), &tiny(1)).expect_problem(412, "conflict");
    server.client.send("PUT", "/images/none", &[("if-match", "*")], Some(&tiny(0))).expect_problem(412, "conflict");
    assert_eq!(folder.source("fox"), photo("coffee.png"));
    assert_eq!(folder.leftovers(), Vec::<std::path::PathBuf>::new(), "the old bytes are gone");
}

#[test]
fn if_none_match_star_only_creates() {
    let (_folder, server) = start();
    let create = |bytes: &[u8]| server.client.send("PUT", "/images/fox", &[("if-none-match", "*")], Some(bytes));
    create(&tiny(1)).expect(201);
    create(&tiny(1)).expect_problem(412, "conflict");
    create(&tiny(2)).expect_problem(412, "conflict");
}

#[test]
fn labels_come_back_and_are_bounded() {
    let (_folder, server) = start();
    let query = "thread_id=thread-1&style=hero&title=F%C3%BCchse&model=m1&generated=true&prompt=a%20fox";
    let metadata = server.client.upload(&format!("/images?{query}"), &tiny(0)).expect(201).json();
    for (name, value) in
        [("thread_id", "thread-1"), ("style", "hero"), ("title", "Füchse"), ("model", "m1"), ("prompt", "a fox")]
    {
        assert_eq!(metadata[name], value);
    }
    assert_eq!(metadata["generated"], true);
    assert!(metadata["id"].as_str().unwrap().starts_with("hero_fuchse_"));
    let plain = server.client.upload("/images", &tiny(1)).expect(201).json();
    assert!(["thread_id", "style", "title", "model"].iter().all(|name| plain[*name].is_null()), "{plain}");
    assert_eq!((&plain["generated"], plain.get("prompt")), (&json!(false), None));
    let long = "a".repeat(201);
    for query in
        ["thread_id=..%2f", "thread_id=a%0ab", "generated=maybe", &format!("title={long}"), &format!("style={long}")]
    {
        server.client.upload(&format!("/images?{query}"), &tiny(2)).expect_problem(400, "invalid");
    }
}

#[test]
fn the_source_is_served_nowhere() {
    let (folder, server) = start();
    let source = trouble("canaries.png");
    server.client.put("/images/fox", &source).expect(201);
    let file = folder.manifest("fox").source.file.to_string();
    let shard = folder.images()["fox"].parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    for name in [
        format!("fox/{file}"),
        file.clone(),
        format!("{shard}/fox/{file}"),
        "fox/source".to_owned(),
        "fox.png".to_owned(),
    ] {
        for prefix in ["/images", "/api/images", ""] {
            server.client.get(&format!("{prefix}/{name}")).expect_problem(404, "not_found");
        }
    }
    for path in ["/images/fox", "/api/images/fox", "/images/fox/meta", "/images"] {
        let body = server.client.get(path).expect(200).body;
        assert_ne!(body, source);
        assert!(!String::from_utf8_lossy(&body).contains(&file), "{path} names the source");
    }
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_has_come() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--max-source", "64KiB"]).start();
    let head = "POST /images HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n";
    let told = Raw::connect(server.address).send(format!("{head}content-length: 99999999999\r\n\r\n")).answer();
    told.expect("an answer without the body").expect_problem(413, "too_large");
    let mut chunked = Raw::connect(server.address);
    chunked.send(format!("{head}transfer-encoding: chunked\r\n\r\n"));
    for _ in 0..65 {
        chunked.send(format!("400\r\n{}\r\n", "x".repeat(1024)));
    }
    chunked.answer().expect("an answer before the last chunk").expect_problem(413, "too_large");
    server.client.post_json("/images", &json!({ "data": "A".repeat(90_000) })).expect_problem(413, "too_large");
    post_form(&server, &[("name=\"file\"", &[0; 66_000])]).expect_problem(413, "too_large");
    server.client.upload("/images", &tiny(0)).expect(201);
}

#[test]
fn an_empty_or_broken_off_body_stores_nothing() {
    let (folder, server) = start();
    server.client.upload("/images", &[]).expect_problem(400, "invalid");
    server.client.put("/images/fox", &[]).expect_problem(400, "invalid");
    let mut cut = Raw::connect(server.address);
    cut.send("PUT /images/fox HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n").send(tiny(0));
    drop(cut);
    server.client.get("/images/fox").expect_problem(404, "not_found");
    assert!(folder.images().is_empty());
}
