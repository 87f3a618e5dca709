//! Caches of others: what they are told of an answer, and that a purge reaches them. Varnish is the real one, with xkey.

use serde_json::{Value, json};

use crate::harness::fixtures::{photo, tiny};
use crate::harness::{Client, Events, Folder, Gate, Launch, Reply, Scripted, Server, Varnish, eventually, free_port};

/// What a receipt says of a tier.
fn removed(receipt: &Value, tier: &str) -> Value {
    let all = receipt["removed"].as_array().unwrap();
    all.iter().find(|removed| removed["tier"] == tier).unwrap_or_else(|| panic!("no {tier} in {receipt}")).clone()
}

/// An origin that tells the Varnish in front of it; told once, unless words say more.
fn behind_varnish(kind: &str, words: &[&str]) -> (Folder, Server, Varnish) {
    let (folder, port) = (Folder::new(), free_port());
    let varnish = Varnish::start(([127, 0, 0, 1], port).into());
    let (listen, cdn) = (format!("127.0.0.1:{port}"), format!("{kind}://{}", varnish.address));
    let server = Launch::serve(&folder).words(&["--listen", &listen, "--cdn", &cdn, "--cdn-repeat", "0s"]).words(words);
    (folder, server.start(), varnish)
}

/// Uploads an image and has it in Varnish, itself and a variant.
fn cached(server: &Server, varnish: &Client, id: &str, thread: &str, number: u64) {
    server.client.put(&format!("/images/{id}?thread_id={thread}&style=pop%20art"), &tiny(number)).expect(201);
    for path in [format!("/api/images/{id}"), format!("/api/images/{id}?w=32&fm=png")] {
        assert_eq!(varnish.get(&path).expect(200).header("x-varnish-cache"), "MISS", "{path}");
        assert_eq!(varnish.get(&path).expect(200).header("x-varnish-cache"), "HIT", "{path}");
    }
}

#[test]
fn every_answer_of_an_image_names_its_tags() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox?thread_id=t:1&style=pop%20art", &photo("chelsea.png")).expect(201);
    server.client.put("/images/owl?style=hero", &tiny(1)).expect(201);
    let etag = server.client.get("/images/fox").expect(200).header("etag").to_owned();
    for (path, header) in [
        ("/images/fox", ("accept", "*/*")),
        ("/api/images/fox", ("accept", "*/*")),
        ("/api/images/fox?w=64", ("accept", "*/*")),
        ("/api/images/fox", ("range", "bytes=0-9")),
        ("/images/fox", ("if-none-match", &*etag)),
        ("/api/images/fox", ("if-none-match", &*etag)),
    ] {
        let answer = server.client.get_with(path, &[header]);
        let tags: Vec<&str> = answer.header("cache-tag").split(',').collect();
        assert_eq!(tags[..2], ["fox", "thread:t:1"], "{path} {}", answer.status);
        assert!(tags[2].starts_with("style:~") && tags.len() == 3, "what would break a header has a digest: {tags:?}");
        assert_eq!(answer.header("surrogate-key"), tags.join(" "), "{path} {}", answer.status);
        assert_eq!((answer.header("vary"), answer.header("cdn-cache-control")), ("", ""), "{path}");
    }
    assert_eq!(server.client.head("/images/owl").header("cache-tag"), "owl,style:hero");
    assert_eq!(server.client.get("/api/images/owl?fm=auto&w=32").expect(200).header("vary"), "Accept");
}

#[test]
fn a_style_goes_by_its_own_words_however_its_tag_is_spelled() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox?style=pop%20art", &tiny(1)).expect(201);
    server.client.get("/api/images/fox").expect(200);
    let receipt = server.client.post_json("/purge", &json!({ "tags": ["style:pop art"] })).expect(200).json();
    assert_eq!(receipt["images"], json!(["fox"]));
}

#[test]
fn caches_that_act_for_the_origin_may_keep_what_lasts_longer_than_browsers() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--cdn-max-age", "7d"]).start();
    server.client.put("/images/fox", &photo("chelsea.png")).expect(201);
    let lasting = "public, max-age=3600, s-maxage=604800, immutable";
    let targeted = "max-age=604800, stale-while-revalidate=86400, stale-if-error=86400";
    for path in ["/images/fox", "/api/images/fox", "/api/images/fox", "/images/fox?w=64&fm=png"] {
        let answer = server.client.get(path).expect(200);
        assert_eq!((answer.header("cache-control"), answer.header("cdn-cache-control")), (lasting, targeted), "{path}");
    }
    // AVIF is made behind: what stands in for it is to be asked for again soon.
    let provisional = server.client.get_with("/images/fox?w=64&fm=avif", &[("accept", "image/avif,image/webp")]);
    if provisional.header("cache-control") == "public, max-age=60" {
        assert_eq!(provisional.header("cdn-cache-control"), "");
    }
}

#[test]
fn a_purge_empties_varnish_by_xkey_and_the_receipt_counts_it() {
    let (_folder, server, varnish) = behind_varnish("varnish+xkey", &[]);
    let outside = Client::new(varnish.address);
    cached(&server, &outside, "fox", "t", 1);
    cached(&server, &outside, "foxes", "t", 2);
    cached(&server, &outside, "owl", "u", 3);
    let receipt = server.client.delete("/images/fox").expect(200).json();
    assert_eq!(removed(&receipt, "cdn:varnish+xkey"), json!({ "tier": "cdn:varnish+xkey", "entries": 2 }));
    for path in ["/api/images/fox", "/api/images/fox?w=32&fm=png"] {
        outside.get(path).expect(404);
    }
    assert_eq!(outside.get("/api/images/foxes").expect(200).header("x-varnish-cache"), "HIT", "a name is no prefix");
    let receipt = server.client.post_json("/purge", &json!({ "threads": ["t"] })).expect(200).json();
    // xkey counts a copy for each of its tags that is named.
    assert!(removed(&receipt, "cdn:varnish+xkey")["entries"].as_u64().unwrap() >= 2);
    outside.get("/api/images/foxes").expect(404);
    assert_eq!(outside.get("/api/images/owl").expect(200).header("x-varnish-cache"), "HIT");
    let soft = json!({ "ids": ["owl"], "soft": true });
    let receipt = server.client.post_json("/purge", &soft).expect(200).json();
    assert_eq!(removed(&receipt, "cdn:varnish+xkey")["entries"], 2, "marked as stale");
    outside.get("/api/images/owl").expect(200);
    server.client.post_json("/purge", &json!({ "all": true })).expect(200);
    outside.get("/api/images/owl").expect(404);
    assert_eq!(server.client.get("/cdn/failed").expect(200).json(), json!({ "letters": [] }));
}

#[test]
fn an_image_that_is_replaced_is_new_in_varnish_too() {
    let (_folder, server, varnish) = behind_varnish("varnish+xkey", &[]);
    let outside = Client::new(varnish.address);
    cached(&server, &outside, "fox", "t", 1);
    let old = outside.get("/api/images/fox").body;
    server.client.send("PUT", "/images/fox", &[("if-match", "*")], Some(&photo("coffee.png"))).expect(201);
    assert_ne!(outside.get("/api/images/fox").expect(200).body, old);
}

#[test]
fn a_cache_that_takes_bans_loses_all_that_bears_a_tag() {
    let (_folder, server, varnish) = behind_varnish("ban", &[]);
    let outside = Client::new(varnish.address);
    cached(&server, &outside, "fox", "t.1", 1);
    cached(&server, &outside, "foxes", "t21", 2);
    server.client.delete("/images/fox").expect(200);
    outside.get("/api/images/fox?w=32&fm=png").expect(404);
    assert_eq!(outside.get("/api/images/foxes").expect(200).header("x-varnish-cache"), "HIT", "a name is no prefix");
    server.client.post_json("/purge", &json!({ "threads": ["t21"] })).expect(200);
    outside.get("/api/images/foxes").expect(404);
}

#[test]
fn a_cache_that_takes_purges_loses_the_path_that_it_is_told() {
    let (_folder, server, varnish) = behind_varnish("purge", &[]);
    let outside = Client::new(varnish.address);
    cached(&server, &outside, "fox", "t", 1);
    let receipt = server.client.delete("/images/fox").expect(200).json();
    assert_eq!(removed(&receipt, "cdn:purge"), json!({ "tier": "cdn:purge", "entries": 1 }));
    outside.get("/api/images/fox").expect(404);
}

#[test]
fn what_was_on_its_way_into_varnish_during_the_purge_is_dropped_by_the_second_one() {
    let backend = Scripted::start();
    let (folder, varnish) = (Folder::new(), Varnish::start(backend.address()));
    let cdn = format!("varnish+xkey://{}", varnish.address);
    let server = Launch::origin(&folder).words(&["--cdn", &cdn, "--cdn-repeat", "2s"]).start();
    server.client.put("/images/fox", &tiny(1)).expect(201);
    // An answer whose header was given before the image was removed, and whose end comes after.
    let gate = Gate::closed();
    let late = Reply::ok("an old ").wait(&gate).body("fox").control("max-age=3600").header("surrogate-key", "fox");
    backend.on("/api/images/fox", late);
    let outside = Client::new(varnish.address);
    let waiting = std::thread::spawn({
        let outside = outside.clone();
        move || outside.get("/api/images/fox")
    });
    eventually("Varnish to ask", || (backend.count("/api/images/fox") == 1).then_some(()));
    server.client.delete("/images/fox").expect(200);
    gate.open();
    waiting.join().unwrap().expect(200);
    backend.on("/api/images/fox", Reply::status(404));
    eventually("the second purge", || (outside.get("/api/images/fox").status == 404).then_some(()));
}

#[test]
fn a_cdn_that_is_down_is_told_when_it_is_back_even_by_the_next_run() {
    let (folder, server, mut varnish) = behind_varnish("varnish+xkey", &["--cdn-wait", "100ms"]);
    cached(&server, &Client::new(varnish.address), "fox", "t", 1);
    varnish.stop();
    let receipt = server.client.delete("/images/fox").expect(200).json();
    let failed = removed(&receipt, "cdn:varnish+xkey")["failed"].as_str().unwrap().to_owned();
    assert!(failed.contains("could not be reached") && failed.contains("until it confirms"), "{failed}");
    let letters = server.client.get("/cdn/failed").expect(200).json();
    assert_eq!(
        (&letters["letters"][0]["purge"]["ids"], letters["letters"][0]["state"].as_str()),
        (&json!(["fox"]), Some("waiting"))
    );
    let (port, cdn) = (server.address.port(), format!("varnish+xkey://{}", varnish.address));
    server.kill();
    let varnish = varnish.start_again();
    let listen = format!("127.0.0.1:{port}");
    let server = Launch::serve(&folder).words(&["--listen", &listen, "--cdn", &cdn]).start();
    eventually("the purge to be told", || {
        (server.client.get("/cdn/failed").json() == json!({ "letters": [] })).then_some(())
    });
    drop(varnish);
}

#[test]
fn what_a_cdn_refuses_waits_for_an_operator_and_no_token_is_ever_shown() {
    let (cdn, folder) = (Scripted::start(), Folder::new());
    cdn.on("/service/S/purge", Reply::status(401).body("no such key hunter2hunter2"));
    let launch = |folder: &Folder| {
        let url = format!("fastly://S?api={}", cdn.url());
        let words = ["--cdn", &url, "--cdn-repeat", "0s", "--log-format", "json"];
        Launch::serve(folder).words(&words).token("t0ken").variable("FASTLY_API_TOKEN", "hunter2hunter2")
    };
    let server = launch(&folder).start();
    let owner = server.client.bearing("t0ken");
    owner.put("/images/fox", &tiny(1)).expect(201);
    let receipt = owner.delete("/images/fox").expect(200);
    let failed = removed(&receipt.json(), "cdn:fastly")["failed"].as_str().unwrap().to_owned();
    assert!(failed.starts_with("it answered 401") && failed.contains("POST /cdn/failed"), "{failed}");
    server.client.get("/cdn/failed").expect_problem(401, "unauthorized");
    server.client.post_json("/cdn/failed", &json!({})).expect_problem(401, "unauthorized");
    let listed = owner.get("/cdn/failed").expect(200);
    assert_eq!(listed.json()["letters"][0]["state"], "failed");
    assert_eq!(listed.header("cache-control"), "private, no-store");
    for shown in [receipt.text(), listed.text(), server.log()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    server.kill();
    let server = launch(&folder).start();
    let owner = server.client.bearing("t0ken");
    assert_eq!(owner.get("/cdn/failed").expect(200).json(), listed.json(), "it survives");
    cdn.on("/service/S/purge", Reply::ok("{}"));
    assert_eq!(owner.post_json("/cdn/failed", &json!({})).expect(200).json(), json!({ "letters": [] }));
    assert_eq!(cdn.last("/service/S/purge").header("fastly-key"), "hunter2hunter2");
}

#[test]
fn a_cdn_that_makes_no_sense_is_refused_at_the_start_with_what_would() {
    for (words, said) in [
        (["--cdn", "fastly://S"], "FASTLY_API_TOKEN"),
        (["--cdn", "akamai://x"], "varnish+xkey://HOST:PORT"),
        (["--cdn", "purge://cache?path=x"], "`path`"),
    ] {
        let output = Launch::serve(&Folder::new()).words(&words).refused();
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
}

#[test]
fn every_url_that_is_told_begins_with_the_public_base() {
    let folder = Folder::new();
    let base = "https://cdn.example.com";
    let server = Launch::serve(&folder).words(&["--public-base-url", base]).start();
    let client = &server.client;
    let uploaded = client.put("/images/fox?thread_id=t", &photo("chelsea.png")).expect(201);
    client.get("/images/fox?w=64&fm=png").expect(200);
    let with_variant = eventually("the variant to be kept", || {
        let meta = client.get("/images/fox/meta").expect(200).json();
        meta["variants"].as_array().is_some_and(|variants| !variants.is_empty()).then_some(meta)
    });
    let mut told = vec![uploaded.json(), with_variant];
    told.push(client.get("/images?thread_id=t").expect(200).json());
    let events = &mut Events::open(client, "/threads/t/events?after=$", None);
    let job = json!({ "thread_id": "t", "partial_images": 1, "concepts": [{ "prompt": "a fox", "size": "64x48" }] });
    let job = client.post_json("/generations", &job).expect(202).json();
    told.extend(events.until("concepts_generated").into_iter().map(|event| event.data));
    told.push(client.get(job["url"].as_str().unwrap()).expect(200).json());
    told.push(job);
    let asked = json!({ "prompt": "a hen", "size": "64x48", "response_format": "url" });
    told.push(client.post_json("/v1/images/generations", &asked).expect(200).json());
    let mut urls = Vec::new();
    told.iter().for_each(|value| collect_urls(value, &mut urls));
    // A job is asked of the server that was asked before, and no CDN keeps it.
    urls.retain(|url| !url.starts_with("/generations/"));
    assert!(urls.len() > 8, "{urls:?}");
    for url in &urls {
        assert!(url.starts_with("https://cdn.example.com/api/images/"), "{url}");
    }
    assert!(urls.iter().any(|url| url.contains("?")), "variants too: {urls:?}");
}

/// All strings under the name `url`, wherever they stand.
fn collect_urls(value: &Value, urls: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == "url" => urls.push(text.to_owned()),
                    _ => collect_urls(value, urls),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_urls(value, urls)),
        _ => {}
    }
}
