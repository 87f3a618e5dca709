//! A purge at an edge of its own, in front of a backend that knows none: by name, tag or thread, or of all; hard and soft;
//! and against fills that are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::harness::{Folder, Gate, Launch, Reply, Scripted, Server, bytes, eventually};

/// How many purges the race makes.
const PURGES: u64 = 1_000;

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    (origin, edge)
}

/// An image with tags of both kinds.
fn tagged(cache_tag: &str, surrogate_key: &str) -> Reply {
    let reply = Reply::ok("x").control("max-age=60");
    reply.header("cache-tag", cache_tag).header("surrogate-key", surrogate_key)
}

fn purge(edge: &Server, request: &Value) -> Value {
    edge.client.post_json("/purge", request).expect(200).json()
}

/// What a receipt says of a tier: how many entries.
fn entries(receipt: &Value, tier: &str) -> u64 {
    let all = receipt["removed"].as_array().unwrap();
    let removed = all.iter().find(|removed| removed["tier"] == tier);
    removed.unwrap_or_else(|| panic!("no {tier} in {receipt}"))["entries"].as_u64().unwrap()
}

/// Which of these images are hits.
fn hits<'a>(edge: &Server, names: &[&'a str]) -> Vec<&'a str> {
    let is_hit = |name: &&&str| edge.client.get(&format!("/api/images/{name}")).expect(200).header("x-cache") == "HIT";
    names.iter().filter(is_hit).copied().collect()
}

#[test]
fn a_name_a_tag_or_a_thread_takes_what_it_names_and_no_more() {
    let names = ["fox", "owl", "cat", "dog"];
    for (request, gone) in [
        (json!({ "ids": ["fox"] }), &["fox"][..]),
        (json!({ "ids": ["fox", "owl"] }), &["fox", "owl"]),
        (json!({ "tags": ["red"] }), &["fox", "cat"]),
        (json!({ "tags": ["wild"] }), &["fox", "owl"]),
        (json!({ "tags": ["red", "wild"] }), &["fox", "owl", "cat"]),
        (json!({ "threads": ["t"] }), &["dog"]),
        (json!({ "ids": ["owl"], "threads": ["t"] }), &["owl", "dog"]),
        (json!({ "all": true }), &names),
        (json!({ "tags": ["re"] }), &[]),
    ] {
        let (origin, edge) = start();
        origin.on("/images/fox", tagged("red, small", "wild night"));
        origin.on("/images/owl", tagged("grey", "wild"));
        origin.on("/images/cat", tagged("red", "tame"));
        origin.on("/images/dog", tagged("thread:t", "tame"));
        assert_eq!(hits(&edge, &names), Vec::<&str>::new());
        assert_eq!(hits(&edge, &names), names);
        let receipt = purge(&edge, &request);
        assert_eq!(entries(&receipt, "memory"), gone.len() as u64, "{request}: {receipt}");
        assert_eq!(receipt["soft"], false);
        let left: Vec<&str> = names.iter().filter(|name| !gone.contains(name)).copied().collect();
        assert_eq!(hits(&edge, &names), left, "{request}");
    }
}

#[test]
fn all_answers_of_a_name_go_together() {
    let (origin, edge) = start();
    origin.by("/images/fox", |asked| Reply::ok(asked.header("accept")).control("max-age=60").header("vary", "accept"));
    let ask =
        |accept: &str| edge.client.get_with("/api/images/fox", &[("accept", accept)]).header("x-cache").to_owned();
    for outcome in ["MISS", "HIT"] {
        assert_eq!((ask("image/webp"), ask("image/avif")), (outcome.to_owned(), outcome.to_owned()));
    }
    assert_eq!(entries(&purge(&edge, &json!({ "ids": ["fox"] })), "memory"), 2);
    assert_eq!((ask("image/webp"), ask("image/avif")), ("MISS".to_owned(), "MISS".to_owned()));
}

#[test]
fn a_soft_purge_makes_copies_stale_and_asks_once() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("an old fox").control("max-age=60, stale-while-revalidate=600").etag("\"1\""));
    edge.client.get("/api/images/fox").expect(200);
    let receipt = purge(&edge, &json!({ "ids": ["fox"], "soft": true }));
    assert_eq!((&receipt["soft"], entries(&receipt, "memory")), (&json!(true), 1));
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok("a new fox").control("max-age=60").etag("\"2\"").hold(&gate));
    for _ in 0..5 {
        let stale = edge.client.get("/api/images/fox").expect(200);
        assert_eq!((stale.header("x-cache"), stale.text()), ("STALE", "an old fox".to_owned()));
    }
    gate.open();
    eventually("the new one", || {
        let answer = edge.client.get("/api/images/fox").expect(200);
        (answer.header("x-cache") == "HIT").then(|| assert_eq!(answer.text(), "a new fox"))
    });
    assert_eq!(origin.count("/images/fox"), 2);
}

#[test]
fn the_receipt_names_each_tier() {
    let origin = Scripted::start();
    origin.otherwise(|asked| match asked.method.as_str() {
        "GET" => Reply::ok(bytes(1, 10_000)).control("max-age=60"),
        _ => Reply::status(405),
    });
    let folder = Folder::new();
    let words = ["--disk", "64MiB", "--disk-dir", folder.path().to_str().unwrap()];
    let edge = Launch::edge(&origin.url()).words(&words).start();
    let names: Vec<String> = (0..5).map(|number| format!("i{number}")).collect();
    for name in &names {
        edge.client.get(&format!("/api/images/{name}")).expect(200);
    }
    let receipt = purge(&edge, &json!({ "ids": names }));
    assert_eq!(entries(&receipt, "memory"), 5);
    // What was still on its way to the disk counts or does not; it does not come back either way.
    assert!(entries(&receipt, "disk") <= 5, "{receipt}");
    assert!(receipt["removed"][0]["bytes"].as_u64().unwrap() > 50_000, "{receipt}");
    for name in &names {
        assert_eq!(edge.client.get(&format!("/api/images/{name}")).expect(200).header("x-cache"), "MISS");
    }
}

#[test]
fn a_fill_that_a_purge_overtakes_is_not_kept() {
    for request in [json!({ "ids": ["fox"] }), json!({ "all": true }), json!({ "tags": ["red"] })] {
        let (origin, edge) = start();
        let gate = Gate::closed();
        let reply = Reply::ok("an old ").wait(&gate).body("fox").control("max-age=60").header("cache-tag", "red");
        origin.on("/images/fox", reply);
        let mut first = edge.client.flow("/api/images/fox", &[]);
        assert_eq!(first.read(7), b"an old ");
        purge(&edge, &request);
        origin.on("/images/fox", Reply::ok("a new fox").control("max-age=60"));
        // Who asks after the purge does not get what was asked for before it.
        assert_eq!(edge.client.get("/api/images/fox").expect(200).text(), "a new fox", "{request}");
        gate.open();
        assert_eq!(first.rest().unwrap(), b"fox");
        let hit = edge.client.get("/api/images/fox").expect(200);
        assert_eq!((hit.text(), hit.header("x-cache")), ("a new fox".to_owned(), "HIT"), "{request}");
    }
}

#[test]
fn a_fill_whose_header_has_not_come_is_overtaken_too() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok("an old fox").control("max-age=60").hold(&gate));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| edge.client.get("/api/images/fox").expect(200).text());
        eventually("the origin to be asked", || (origin.count("/images/fox") == 1).then_some(()));
        purge(&edge, &json!({ "all": true }));
        origin.on("/images/fox", Reply::ok("a new fox").control("max-age=60"));
        assert_eq!(edge.client.get("/api/images/fox").expect(200).text(), "a new fox");
        gate.open();
        assert_eq!(first.join().unwrap(), "an old fox");
    });
    assert_eq!(edge.client.get("/api/images/fox").expect(200).text(), "a new fox");
}

#[test]
fn after_the_answer_to_a_purge_nobody_gets_what_was_there_before() {
    let origin = Scripted::start();
    let folder = Folder::in_memory();
    let words = ["--disk", "64MiB", "--disk-dir", folder.path().to_str().unwrap(), "--log-level", "warn"];
    let edge = Launch::edge(&origin.url()).words(&words).start();
    let version = Arc::new(AtomicU64::new(0));
    let current = Arc::clone(&version);
    origin.by("/images/fox", move |_| Reply::ok(current.load(Ordering::SeqCst).to_string()).control("max-age=60"));
    let (purged, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let oldest = purged.load(Ordering::SeqCst);
                    let found: u64 = edge.client.get("/api/images/fox").expect(200).text().parse().unwrap();
                    assert!(found >= oldest, "version {found} came after the purge of all before {oldest}");
                }
            });
        }
        let purges = scope.spawn(|| {
            for number in 1..=PURGES {
                version.store(number, Ordering::SeqCst);
                purge(&edge, &json!({ "ids": ["fox"] }));
                purged.store(number, Ordering::SeqCst);
            }
        });
        let outcome = purges.join();
        over.store(true, Ordering::SeqCst);
        assert!(outcome.is_ok(), "a purge failed");
    });
    assert!(origin.count("/images/fox") as u64 > PURGES / 2, "this was no race");
}

#[test]
fn a_write_through_the_edge_takes_the_copies_away() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("a fox").control("max-age=60"));
    for method in ["PUT", "DELETE"] {
        edge.client.get("/api/images/fox").expect(200);
        edge.client.send(method, "/images/fox", &[], (method == "PUT").then_some(b"x")).expect(200);
        assert_eq!(edge.client.get("/api/images/fox").expect(200).header("x-cache"), "MISS", "{method}");
    }
}

#[test]
fn only_who_may_write_may_purge() {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).token("secret").start();
    origin.on("/images/fox", Reply::ok("a fox").control("max-age=60"));
    edge.client.get("/api/images/fox").expect(200);
    edge.client.post_json("/purge", &json!({ "all": true })).expect_problem(401, "unauthorized");
    assert_eq!((hits(&edge, &["fox"]), origin.count("/purge")), (vec!["fox"], 0));
    edge.client.bearing("secret").post_json("/purge", &json!({ "all": true })).expect(200);
    assert_eq!(hits(&edge, &["fox"]), Vec::<&str>::new());
    for request in [json!({}), json!({ "soft": true }), json!({ "ids": [".."] }), json!({ "everything": true })] {
        edge.client.bearing("secret").post_json("/purge", &request).expect_problem(400, "invalid");
    }
}
