//! Programs that were written for the OpenAI Images API get what they expect, and URLs that last.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::harness::{Events, Folder, Launch, Server};

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

fn generate(server: &Server, fields: &Value) -> Value {
    server.client.post_json("/v1/images/generations", fields).expect(200).json()
}

/// The path of a URL of this server.
fn path<'a>(server: &Server, url: &'a Value) -> &'a str {
    url.as_str().unwrap().strip_prefix(&format!("http://{}", server.address)).expect("an address of the server's own")
}

#[test]
fn an_image_comes_by_a_url_that_lasts_and_as_the_bytes_that_were_drawn() {
    let (folder, server) = start();
    let answer = generate(
        &server,
        &json!({
            "model": "gpt-image-1", "prompt": "a fox", "n": 2, "size": "64x48", "quality": "high", "user": "u-1",
            "orbit": { "thread_id": "t", "style": "hero", "title": "Fox" },
        }),
    );
    assert!(answer["created"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!((&answer["quality"], &answer["size"]), (&json!("high"), &json!("64x48")));
    assert_eq!(answer["orbit"]["thread_id"], "t");
    let images = answer["data"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for image in images {
        let id = image["orbit"]["id"].as_str().unwrap();
        assert!(id.starts_with("hero_fox_"), "{id}");
        let source = BASE64.decode(image["b64_json"].as_str().unwrap()).unwrap();
        assert_eq!((&source, &source[..4]), (&folder.source(id), &b"\x89PNG"[..]));
        let shown = server.client.get(path(&server, &image["url"])).expect(200);
        assert_eq!((shown.header("content-type"), shown.header("x-cache")), ("image/webp", "HIT"));
        assert_eq!((&image["orbit"]["width"], &image["orbit"]["height"]), (&json!(64), &json!(48)));
        assert!(image["orbit"]["placeholder"]["data_url"].as_str().unwrap().starts_with("data:image/png;base64,"));
        let meta = server.client.get(&format!("/images/{id}/meta")).expect(200).json();
        assert_eq!((&meta["model"], &meta["generated"]), (&json!("gpt-image-1"), &json!(true)));
    }
    let events = Events::open(&server.client, answer["orbit"]["events"].as_str().unwrap(), None);
    assert_eq!(events.last().unwrap().name, "concepts_generated", "the job's own stream ends with it");
}

#[test]
fn an_answer_shows_what_was_asked_for_and_no_more() {
    let (_folder, server) = start();
    for (format, shown) in [("url", (true, false)), ("b64_json", (false, true))] {
        let answer = generate(&server, &json!({ "prompt": "a fox", "size": "64x48", "response_format": format }));
        let image = &answer["data"][0];
        assert_eq!((image.get("url").is_some(), image.get("b64_json").is_some()), shown, "{format}");
        assert!(image["orbit"]["url"].is_string());
    }
}

#[test]
fn a_stream_shows_previews_first_and_then_the_image() {
    let (_folder, server) = start();
    let fields = json!({ "prompt": "a fox", "size": "128x96", "stream": true, "partial_images": 2, "orbit": { "thread_id": "t" } });
    let answer = server.client.post_json("/v1/images/generations", &fields).expect(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let data: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let kinds: Vec<&str> = data.iter().map(|data| data["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"]
    );
    for (place, data) in data[..2].iter().enumerate() {
        assert_eq!(data["partial_image_index"], place);
        assert!(BASE64.decode(data["b64_json"].as_str().unwrap()).unwrap().starts_with(b"\x89PNG"));
    }
    server.client.get(path(&server, &data[2]["url"])).expect(200);
    // Who follows the thread sees the same by URL.
    let told = Events::open(&server.client, "/threads/t/events", None).until("concepts_generated");
    let previews: Vec<_> = told.iter().filter(|told| told.name == "concept_preview").collect();
    assert_eq!(previews.len(), 2);
    for preview in previews {
        let shown = server.client.get(preview.data["url"].as_str().unwrap()).expect(200);
        assert_eq!((shown.header("content-type"), shown.header("cache-control")), ("image/webp", "public, max-age=60"));
    }
    let (preview, image) = (told[1].data["url"].as_str().unwrap(), told[1].data["id"].as_str().unwrap());
    server.client.delete(&format!("/images/{image}")).expect(200);
    assert_eq!(server.client.get(preview).status, 404, "what was shown of a purged image goes with it");
}

#[test]
fn a_seed_or_a_word_makes_a_finished_picture_the_answer_and_nothing_else_does() {
    let (_folder, server) = start();
    let id = |fields: Value| generate(&server, &fields)["data"][0]["orbit"]["id"].clone();
    let seeded = json!({ "prompt": "a fox", "size": "64x48", "seed": 7 });
    assert_eq!(id(seeded.clone()), id(seeded));
    let plain = json!({ "prompt": "a hen", "size": "64x48" });
    let (first, second) = (id(plain.clone()), id(plain));
    assert_ne!(first, second);
    let reusing = json!({ "prompt": "a hen", "size": "64x48", "orbit": { "reuse": true } });
    assert_eq!(id(reusing), second, "the last one that was made");
}

#[test]
fn a_request_that_makes_no_sense_names_its_field_as_the_libraries_expect() {
    let (_folder, server) = start();
    for (fields, param) in [
        (json!({}), "prompt"),
        (json!({ "prompt": "a", "n": 11 }), "n"),
        (json!({ "prompt": "a", "stream": 1 }), "stream"),
        (json!({ "prompt": "a", "partial_images": 9 }), "partial_images"),
        (json!({ "prompt": "a", "response_format": "jpeg" }), "response_format"),
    ] {
        let answer = server.client.post_json("/v1/images/generations", &fields);
        answer.expect_problem(400, "invalid");
        let error = &answer.json()["error"];
        assert_eq!((&error["type"], &error["param"]), (&json!("invalid_request_error"), &json!(param)), "{error}");
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    let size = server.client.post_json("/v1/images/generations", &json!({ "prompt": "a", "size": "9x9" }));
    size.expect_problem(400, "invalid");
    assert!(size.json()["error"]["message"].as_str().unwrap().contains("16 to 4096"));
    assert_eq!(server.client.get("/v1/models").expect(200).json()["data"][0]["id"], "orbit-demo");
}

#[test]
fn an_edit_needs_a_picture_and_a_backend_that_edits() {
    let (_folder, server) = start();
    let form = |parts: &str| {
        let headers = [("content-type", "multipart/form-data; boundary=b")];
        server.client.send("POST", "/v1/images/edits", &headers, Some(format!("{parts}--b--\r\n").as_bytes()))
    };
    let prompt = "--b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\na hat\r\n";
    let image = "--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\nxxxx\r\n";
    let missing = form(prompt);
    missing.expect_problem(400, "invalid");
    assert_eq!(missing.json()["error"]["param"], "image");
    let refused = form(&format!("{prompt}{image}"));
    refused.expect_problem(400, "refused");
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("edits nothing"));
}

#[test]
fn who_may_not_write_is_told_so_in_words_that_the_libraries_show() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).token("s3cret").start();
    let answer = server.client.post_json("/v1/images/generations", &json!({ "prompt": "a fox" }));
    answer.expect_problem(401, "unauthorized");
    assert_eq!(answer.json()["error"]["type"], "authentication_error");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}
