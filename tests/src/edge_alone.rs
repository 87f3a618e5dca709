//! The edge as a process of its own in front of an Orbit origin. Other backends are in `backends`, scripted ones in the files
//! of what they do.

use std::sync::Barrier;

use serde_json::json;

use crate::harness::fixtures::{photo, tiny};
use crate::harness::{Events, Folder, Launch, Server, eventually};

/// An origin that holds the image `fox`, and an edge in front of it.
fn start() -> (Folder, Server, Server) {
    let folder = Folder::new();
    let origin = Launch::origin(&folder).start();
    origin.client.put("/images/fox?thread_id=t&prompt=a+secret+fox", &photo("chelsea.png")).expect(201);
    let edge = Launch::edge(&origin.url()).start();
    (folder, origin, edge)
}

#[test]
fn an_image_is_fetched_once_and_then_held() {
    let (_folder, origin, edge) = start();
    let truth = origin.client.get("/images/fox").expect(200);
    for (path, outcome) in [("/api/images/fox", "MISS"), ("/api/images/fox", "HIT")] {
        let answer = edge.client.get(path).expect(200);
        assert_eq!((answer.header("x-cache"), &answer.body), (outcome, &truth.body));
        for name in ["etag", "cache-control", "content-type", "last-modified"] {
            assert_eq!(answer.header(name), truth.header(name), "{name}");
        }
        assert!(answer.headers.get("connection").is_none() && answer.headers.get("via").is_none());
    }
    let stats = edge.client.get("/stats").expect(200).json();
    assert_eq!((&stats["role"], &stats["edge"]["memory"]["hits"]), (&json!("edge"), &json!(1)));
    assert!(stats.get("store").is_none());
    assert_eq!(origin.client.get("/stats").json()["role"], "origin");
    assert_eq!(edge.client.get("/readyz").status, 200);
    origin.client.get("/api/images/fox").expect_problem(404, "not_found");
}

#[test]
fn fifty_who_ask_at_once_make_one_request_to_the_origin() {
    let (_folder, origin, edge) = start();
    let before = origin.log().matches("Cache HIT (filesystem): fox").count();
    let start = Barrier::new(50);
    let outcomes: Vec<String> = std::thread::scope(|scope| {
        let ask = || {
            start.wait();
            edge.client.get("/api/images/fox").expect(200).header("x-cache").to_owned()
        };
        let threads: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |outcome: &str| outcomes.iter().filter(|found| *found == outcome).count();
    assert_eq!(count("MISS"), 1, "{outcomes:?}");
    assert_eq!(count("MISS") + count("COALESCED") + count("HIT"), 50, "{outcomes:?}");
    // The origin logs before it answers, and its log is read as it comes.
    eventually("the origin's log", || (origin.log().matches("(filesystem): fox").count() > before).then_some(()));
    origin.client.get("/images/fox.webp").expect(200);
    eventually("the log of a later request", || {
        (origin.log().matches("(filesystem): fox").count() >= before + 2).then_some(())
    });
    assert_eq!(origin.log().matches("(filesystem): fox").count(), before + 2);
}

#[test]
fn uploads_and_events_pass_through() {
    let (_folder, origin, edge) = start();
    let mut events = Events::open(&edge.client, "/threads/t/events?after=$", None);
    let answer = edge.client.upload("/images?thread_id=t", &photo("coffee.png")).expect(201);
    assert_eq!(answer.header("cache-status"), "orbit-edge; fwd=method; fwd-status=201");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(origin.client.get(&format!("/images/{id}/meta")).expect(200).json()["thread_id"], "t");
    edge.client.get(&format!("/images/{id}")).expect(200);
    let job = json!({ "thread_id": "t", "concepts": [{ "prompt": "a fox", "size": "64x64" }] });
    edge.client.post_json("/generations", &job).expect(202);
    let told = events.next_of("concept_progress");
    edge.client.get(told.data["image"]["url"].as_str().unwrap()).expect(200);
    assert_eq!(events.next().unwrap().name, "concepts_generated");
}

#[test]
fn a_write_through_the_edge_takes_its_copy_away() {
    let (_folder, origin, edge) = start();
    let old = edge.client.get("/api/images/fox").expect(200);
    let replace = [("if-match", old.header("etag"))];
    edge.client.send("PUT", "/images/fox", &replace, Some(&photo("coffee.png"))).expect(201);
    let new = edge.client.get("/api/images/fox").expect(200);
    assert_eq!(new.header("x-cache"), "MISS");
    assert_ne!(new.body, old.body);
    edge.client.get("/api/images/fox.webp").expect(200);
    edge.client.delete("/images/fox").expect(200);
    for path in ["/api/images/fox", "/api/images/fox.webp", "/images/fox"] {
        edge.client.get(path).expect_problem(404, "not_found");
    }
    origin.client.get("/images/fox").expect_problem(404, "not_found");
}

#[test]
fn a_purge_through_the_edge_reaches_both() {
    let (_folder, origin, edge) = start();
    edge.client.upload("/images?thread_id=t", &tiny(1)).expect(201);
    edge.client.get("/api/images/fox").expect(200);
    let receipt = edge.client.post_json("/purge", &json!({ "threads": ["t"] })).expect(200).json();
    assert_eq!(receipt["images"].as_array().unwrap().len(), 2);
    let tiers: Vec<&str> =
        receipt["removed"].as_array().unwrap().iter().map(|tier| tier["tier"].as_str().unwrap()).collect();
    assert_eq!(tiers, ["index", "files", "memory"]);
    for (server, path) in [(&edge, "/api/images/fox"), (&origin, "/images/fox")] {
        server.client.get(path).expect_problem(404, "not_found");
    }
}

#[test]
fn without_its_origin_the_edge_serves_what_it_holds() {
    let (_folder, origin, edge) = start();
    edge.client.get("/api/images/fox").expect(200);
    origin.stop();
    assert_eq!(edge.client.get("/api/images/fox").expect(200).header("x-cache"), "HIT");
    for path in ["/api/images/none", "/images/fox", "/images"] {
        edge.client.get(path).expect_problem(502, "unavailable");
    }
    edge.client.upload("/images", &tiny(0)).expect_problem(502, "unavailable");
    edge.client.get("/readyz").expect_problem(502, "unavailable");
    assert_eq!(edge.client.get("/healthz").expect(200).text(), "ok\n");
}

#[test]
fn what_the_origin_says_of_a_missing_image_is_not_kept() {
    let (_folder, _origin, edge) = start();
    edge.client.get("/api/images/owl").expect_problem(404, "not_found");
    edge.client.put("/images/owl", &tiny(0)).expect(201);
    edge.client.get("/api/images/owl").expect(200);
}

#[test]
fn a_prompt_does_not_leave_by_the_edge() {
    let (_folder, origin, edge) = start();
    assert_eq!(origin.client.get("/images/fox/meta").json()["prompt"], "a secret fox");
    for path in ["/api/images/fox/meta", "/images/fox/meta", "/images", "/images?thread_id=t"] {
        let text = edge.client.get(path).text();
        assert!(!text.contains("secret"), "{path}: {text}");
    }
}
