//! Privacy: what an upload's metadata and a concept say of how an image was made is for who may write alone, and goes back into a
//! file only by the owner's own hand.
//!
//! A canary is a word that stands in one place and must be found nowhere that the public looks.

use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use orbit_model::Recipe;
use serde_json::{Value, json};

use crate::harness::backend::{GENERATIONS, failure, list};
use crate::harness::fixtures::{photo, tiny, trouble};
use crate::harness::{Client, Events, Folder, Gate, Launch, Scripted, Server, orbit};
use crate::marks::{QUERIES, exiftool};

const TOKEN: &str = "s3cret-token";

fn start() -> (Folder, Server, Client) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).token(TOKEN).words(&["--log-level", "debug"]).start();
    let owner = server.client.bearing(TOKEN);
    (folder, server, owner)
}

/// A picture with `UserComment` set in its Exif block by exiftool.
fn with_comment(source: &[u8], extension: &str, comment: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("picture.{extension}"));
    std::fs::write(&path, source).unwrap();
    let mut exiftool = Command::new("exiftool");
    exiftool.args(["-q", "-overwrite_original", &format!("-EXIF:UserComment={comment}")]).arg(&path);
    let status = exiftool.stdout(Stdio::null()).status().expect("install libimage-exiftool-perl");
    assert!(status.success(), "{extension}: {status}");
    std::fs::read(path).unwrap()
}

fn parameters(canary: &str, seed: u64) -> String {
    format!("{canary}\nNegative prompt: CANARY-NEGATIVE\nSteps: 20, Seed: {seed}, Size: 16x16")
}

fn put(owner: &Client, id: &str, labels: &str, source: &[u8]) -> Value {
    owner.put(&format!("/images/{id}?thread_id=t{labels}"), source).expect(201).json()
}

/// Everything that anybody can read of these images.
fn public(server: &Server, ids: &[String], threads: &[&str]) -> Vec<(String, String)> {
    let reader = &server.client;
    let mut seen = Vec::new();
    let mut look = |path: String| {
        let answer = reader.get_with(&path, &[("accept", "image/avif,*/*")]);
        seen.push((format!("{path} {:?}", answer.headers), answer.text()));
    };
    for id in ids {
        QUERIES.iter().for_each(|query| look(format!("/api/images/{id}{query}")));
        for path in ["images", "api/images"] {
            ["", "/meta", "/recipe"].iter().for_each(|end| look(format!("/{path}/{id}{end}")));
        }
    }
    threads.iter().for_each(|thread| look(format!("/images?thread_id={thread}&limit=200")));
    ["/images", "/stats", "/metrics", "/healthz", "/readyz"].iter().for_each(|path| look((*path).to_owned()));
    seen
}

#[test]
fn what_says_how_an_image_was_made_is_found_nowhere_in_public() {
    let (_folder, server, owner) = start();
    let seen_by_events =
        ["t", "other"].map(|thread| Events::open(&owner, &format!("/threads/{thread}/events?after=$"), None));
    let texts = [("parameters", &*parameters("CANARY-PARAMETERS", 1)), ("workflow", "{\"a\":\"CANARY-WORKFLOW\"}")];
    let written = orbit_codec::with_text(photo("coffee.png"), &texts).unwrap();
    let comment = |canary: &str| parameters(canary, 4_242_424_242);
    let uploads: [(&str, &str, Vec<u8>, &[&str]); 6] = [
        ("chunks", "", trouble("canaries.png"), &["ORBIT-CANARY-TEXT", "ORBIT-CANARY-ZTXT", "ORBIT-CANARY-WORKFLOW"]),
        ("written", "", written, &["CANARY-PARAMETERS", "CANARY-WORKFLOW"]),
        ("exif", "", with_comment(&photo("chelsea.png"), "png", &comment("CANARY-EXIF")), &["CANARY-EXIF"]),
        ("jpeg", "", with_comment(&photo("rocket.jpg"), "jpg", &comment("CANARY-JPEG")), &["CANARY-JPEG"]),
        ("webp", "", with_comment(&trouble("lossy.webp"), "webp", &comment("CANARY-WEBP")), &["CANARY-WEBP"]),
        ("label", "&prompt=CANARY-LABEL&seed=4242424242", tiny(1), &["CANARY-LABEL"]),
    ];
    for (id, labels, source, canaries) in &uploads {
        let told = put(&owner, id, labels, source);
        // What the owner is told proves that the canary is alive.
        let recipe = owner.get(&format!("/images/{id}/recipe"));
        let known = format!("{told} {}", recipe.text());
        assert!(canaries.iter().all(|canary| known.contains(canary)), "{id}: {known}");
    }
    let concept = json!({ "prompt": "CANARY-CONCEPT", "size": "64x48", "seed": 4_242_424_242_u64 });
    let body = json!({ "thread_id": "t", "concepts": [concept] });
    let job = owner.post_json("/generations", &body).expect(202).json();
    let [mut own, mut other] = seen_by_events;
    let mut told: Vec<_> = own.until("concepts_generated").iter().map(|told| told.data.to_string()).collect();
    let drawn = job["images"][0]["id"].as_str().unwrap().to_owned();
    assert!(owner.get(&format!("/images/{drawn}/meta")).text().contains("CANARY-CONCEPT"));

    let ids: Vec<String> = uploads.iter().map(|upload| upload.0.to_owned()).chain([drawn]).collect();
    let mut seen = public(&server, &ids, &["t", "other"]);
    // Once more, now that its owner has asked: no tier has kept what was for the owner.
    for path in ids.iter().flat_map(|id| [format!("/images/{id}/recipe"), format!("/images/{id}/meta")]) {
        owner.get(&path);
    }
    seen.extend(public(&server, &ids, &["t", "other"]));
    owner.delete("/images/jpeg").expect(200);
    told.push(own.next_of("image_purged").data.to_string());
    owner.post_json("/generations", &json!({ "thread_id": "other", "concepts": [{ "prompt": "x", "size": "64x48" }] }));
    told.extend(other.until("concepts_generated").iter().map(|told| told.data.to_string()));
    seen.extend(told.into_iter().map(|data| ("an event".to_owned(), data)));
    seen.push(("the log".to_owned(), server.log()));
    assert!(seen.len() > 150, "only {} places", seen.len());
    for (place, text) in &seen {
        for word in ["CANARY", "4242424242", "Negative prompt", "\"recipe\":"] {
            assert!(!place.contains(word) && !text.contains(word), "{word} in {place}: {text}");
        }
    }
}

#[test]
fn what_a_backend_says_and_makes_of_a_prompt_is_for_who_asked_alone() {
    let (folder, backend, gate) = (Folder::new(), Scripted::start(), Gate::closed());
    let base = format!("{}/v1", backend.url());
    let words = ["--log-level", "debug", "--openai-base-url", &*base, "--generation-attempts", "1"];
    let server = Launch::serve(&folder).token(TOKEN).words(&words).start();
    let owner = server.client.bearing(TOKEN);
    let mut told = Events::open(&owner, "/threads/t/events", None);
    let mut seen = Vec::new();
    let mut ids = Vec::new();
    let revised = json!({ "b64_json": BASE64.encode(tiny(1)), "revised_prompt": "CANARY-REVISED" });
    let replies = [
        (list(&revised).hold(&gate), "CANARY-REVISED"),
        (failure(400, "CANARY-REFUSAL"), "CANARY-REFUSAL"),
        (failure(500, "CANARY-FAILURE"), "CANARY-FAILURE"),
    ];
    for (place, (reply, canary)) in replies.into_iter().enumerate() {
        backend.on(GENERATIONS, reply);
        let concept = json!({ "prompt": format!("CANARY-PROMPT {place}") });
        let job =
            owner.post_json("/generations", &json!({ "thread_id": "t", "concepts": [concept] })).expect(202).json();
        let (id, url) = (job["images"][0]["id"].as_str().unwrap().to_owned(), job["url"].as_str().unwrap().to_owned());
        if place == 0 {
            // While it is drawn, and the image is promised.
            seen.push(("202".to_owned(), server.client.get(&format!("/api/images/{id}")).expect(202).text()));
            seen.push(("202".to_owned(), server.client.get(&url).expect(200).text()));
            gate.open();
        }
        seen.extend(told.until("concepts_generated").iter().map(|told| (told.name.clone(), told.data.to_string())));
        seen.push((url.clone(), server.client.get(&url).expect(200).text()));
        let asked = json!({ "prompt": "CANARY-PROMPT", "size": "64x48" });
        let own = owner.post_json("/v1/images/generations", &asked).text();
        assert!(own.contains(canary), "who asked is told: {own}");
        ids.push(id);
    }
    seen.extend(public(&server, &ids, &["t"]));
    seen.push(("the log".to_owned(), server.log()));
    for (place, text) in &seen {
        assert!(!place.contains("CANARY") && !text.contains("CANARY"), "{place}: {text}");
    }
}

#[test]
fn a_recipe_is_told_to_its_owner_and_kept_by_nobody() {
    let (folder, server, owner) = start();
    let text = parameters("a fox", 7);
    let source = orbit_codec::with_text(photo("coffee.png"), &[("parameters", &text)]).unwrap();
    let told = put(&owner, "fox", "", &source);
    assert_eq!((&told["prompt"], &told["seed"], &told["recipe"]), (&json!("a fox"), &json!(7), &json!(true)));
    let expected = json!({
        "parameters": text, "prompt": null, "workflow": null, "user_comment": null, "seed": 7,
    });
    for path in ["/images/fox/recipe", "/api/images/fox/recipe"] {
        let answer = owner.get(path).expect(200);
        assert_eq!((answer.json(), answer.header("cache-control")), (expected.clone(), "no-store, private"));
        assert_eq!((answer.header("x-cache"), answer.header("access-control-allow-origin")), ("", ""));
        server.client.get(path).expect_problem(401, "unauthorized");
    }
    // Whether there is such an image, or a recipe of it, is not told either.
    put(&owner, "plain", "", &tiny(0));
    for id in ["plain", "none"] {
        server.client.get(&format!("/images/{id}/recipe")).expect_problem(401, "unauthorized");
        owner.get(&format!("/images/{id}/recipe")).expect_problem(404, "not_found");
    }
    // Equal bytes under another name bring what equal bytes say.
    let twin = put(&owner, "twin", "&prompt=mine", &source);
    assert_eq!((&twin["prompt"], twin.get("seed"), &twin["recipe"]), (&json!("mine"), None, &json!(true)));
    owner.delete("/images/fox").expect(200);
    assert_eq!(owner.get("/images/twin/recipe").expect(200).json()["parameters"], text);
    let etag = owner.get("/images/twin").header("etag").to_owned();
    let replace = [("if-match", &*etag), ("content-type", "image/png")];
    owner.send("PUT", "/images/twin", &replace, Some(&tiny(3))).expect(201);
    owner.get("/images/twin/recipe").expect_problem(404, "not_found");
    assert!(folder.leftovers().is_empty(), "{:?}", folder.leftovers());
}

#[test]
fn an_image_of_a_release_that_kept_no_recipes_does_not_keep_them_from_its_equals() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    let source = trouble("canaries.png");
    server.client.put("/images/old", &source).expect(201);
    server.stop();
    let path = folder.images()["old"].join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("recipe").unwrap();
    std::fs::write(&path, manifest.to_string()).unwrap();
    let server = Launch::serve(&folder).start();
    server.client.get("/images/old/recipe").expect_problem(404, "not_found");
    let new = server.client.put("/images/new", &source).expect(201).json();
    assert_eq!(new["recipe"], true);
    assert!(server.client.get("/images/new/recipe").expect(200).text().contains("CANARY-WORKFLOW"));
    assert_eq!(server.client.get("/images/old").expect(200).body, server.client.get("/images/new").body);
}

#[test]
fn without_a_token_recipes_are_for_programs_of_this_machine() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox", &trouble("canaries.png")).expect(201);
    assert!(server.client.get("/images/fox/recipe").expect(200).text().contains("CANARY-WORKFLOW"));
    for header in [("origin", "https://evil.example"), ("host", "evil.example"), ("sec-fetch-site", "cross-site")] {
        server.client.get_with("/images/fox/recipe", &[header]).expect_problem(403, "forbidden");
    }
    server.client.get_with("/images/fox/recipe", &[("via", "1.1 somebody")]).expect_problem(404, "not_found");
}

#[test]
fn an_image_is_exported_with_its_prompt_for_the_owner_alone() {
    let (folder, server, owner) = start();
    let workflow = r#"{"nodes":[{"id":1,"title":"Füchse, 狐"}]}"#;
    let texts = [("parameters", &*parameters("a fox", 7)), ("prompt", "{}"), ("workflow", workflow)];
    let source = orbit_codec::with_text(trouble("rgb16.png"), &texts).unwrap();
    put(&owner, "lifted", "", &source);
    put(&owner, "photo", "", &with_comment(&photo("rocket.jpg"), "jpg", &parameters("a rocket", 9)));
    put(&owner, "plain", "", &tiny(0));
    let body = json!({ "thread_id": "t", "concepts": [{ "prompt": "a hen", "size": "64x48", "seed": 11 }] });
    let job = owner.post_json("/generations", &body).expect(202).json();
    let drawn = job["images"][0]["id"].as_str().unwrap();
    Events::open(&owner, "/threads/t/events", None).until("concepts_generated");

    let to = folder.path().join("exported");
    let ids = ["lifted", "photo", "plain", drawn];
    let export = |words: &[&str], token: &str| {
        let words = [&["export"], &ids[..], &["-o", to.to_str().unwrap()], words].concat();
        orbit(&words, &[("ORBIT_URL", &server.url()), ("ORBIT_TOKEN", token)], &[])
    };
    let read = |id: &str| std::fs::read(to.join(format!("{id}.png"))).unwrap();
    assert_eq!(export(&[], "").code, Some(0));
    for id in ids {
        assert_eq!(read(id), server.client.get(&format!("/api/images/{id}?fm=png")).expect(200).body);
        assert!(orbit_codec::recipe(&read(id)).is_empty());
    }
    assert_eq!(export(&["--with-prompt"], "").code, Some(6), "who does not bear the token is refused");
    let told = export(&["--with-prompt", "--json"], TOKEN).json();
    assert_eq!(told[0]["texts"], json!(["parameters", "prompt", "workflow"]));
    assert_eq!((&told[2]["texts"], &told[2]["id"]), (&json!([]), &json!("plain")));

    let expected = Recipe {
        parameters: Some(texts[0].1.to_owned()),
        prompt: Some("{}".to_owned()),
        workflow: Some(workflow.to_owned()),
        user_comment: None,
    };
    assert_eq!(orbit_codec::recipe(&read("lifted")), expected);
    assert_eq!(orbit_codec::recipe(&read("photo")).asked(), (Some("a rocket".to_owned()), Some(9)));
    assert_eq!(orbit_codec::recipe(&read(drawn)).asked(), (Some("a hen".to_owned()), Some(11)));
    let said = exiftool(&read("lifted"));
    assert_eq!((&said["PNG:Parameters"], &said["PNG:Workflow"]), (&json!(texts[0].1), &json!(workflow)), "{said}");
    assert_eq!(said["PNG:Prompt"], "{}", "{said}");
    // What was exported and comes back is the same picture, with the same recipe.
    let back = put(&owner, "back", "", &read("lifted"));
    assert_eq!((&back["prompt"], &back["seed"]), (&json!("a fox"), &json!(7)));
    assert_eq!(owner.get("/images/back?fm=png").body, owner.get("/images/lifted?fm=png").body);
}
