//! What is removed is gone: from the index, the files and the edge's memory, and no fill under way brings it back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::harness::fixtures::{photo, tiny, trouble};
use crate::harness::{Client, Events, Folder, Launch, Server};

/// How many deletes the race makes, all its writers together, unless `ORBIT_E2E_DELETES` says another number.
const DELETES: u64 = 10_000;

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

fn upload(server: &Server, id: &str, thread: &str, number: u64) {
    server.client.put(&format!("/images/{id}?thread_id={thread}&style=s-{thread}"), &tiny(number)).expect(201);
    for _ in 0..2 {
        server.client.get(&format!("/api/images/{id}")).expect(200);
    }
}

/// What a receipt says of a tier.
fn removed(receipt: &Value, tier: &str) -> Value {
    let all = receipt["removed"].as_array().unwrap();
    all.iter().find(|removed| removed["tier"] == tier).unwrap_or_else(|| panic!("no {tier} in {receipt}")).clone()
}

fn expect_gone(server: &Server, folder: &Folder, id: &str) {
    for path in [
        format!("/images/{id}"),
        format!("/api/images/{id}"),
        format!("/api/images/{id}.webp"),
        format!("/images/{id}/meta"),
    ] {
        server.client.get(&path).expect_problem(404, "not_found");
    }
    assert!(!folder.images().contains_key(id), "its folder is gone");
    assert!(!listed(&server.client).contains(&id.to_owned()), "it is not listed");
}

fn listed(client: &Client) -> Vec<String> {
    let page = client.get("/images?limit=200").expect(200).json();
    page["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_deleted_image_is_gone_from_every_tier_and_the_receipt_says_so() {
    let (folder, server) = start();
    let image = server.client.put("/images/fox?thread_id=t", &photo("chelsea.png")).expect(201).json();
    upload(&server, "owl", "t", 1);
    for path in ["/api/images/fox", "/api/images/fox.webp"] {
        server.client.get(path).expect(200);
        assert_eq!(server.client.get(path).header("x-cache"), "HIT");
    }
    let receipt = server.client.delete("/images/fox").expect(200).json();
    assert_eq!(
        (&receipt["images"], &receipt["missing"], &receipt["soft"]),
        (&json!(["fox"]), &json!([]), &json!(false))
    );
    assert_eq!(removed(&receipt, "index")["entries"], 1);
    assert_eq!(removed(&receipt, "files")["entries"], 3, "image, source and manifest");
    let (files, memory) = (removed(&receipt, "files"), removed(&receipt, "memory"));
    let bytes = image["bytes"].as_u64().unwrap();
    assert!(files["bytes"].as_u64().unwrap() > photo("chelsea.png").len() as u64 + bytes);
    assert_eq!(memory["entries"], 2, "with and without the extension");
    assert!(memory["bytes"].as_u64().unwrap() >= 2 * bytes);
    expect_gone(&server, &folder, "fox");
    server.client.delete("/images/fox").expect_problem(404, "not_found");
    assert_eq!(server.client.get("/api/images/owl").expect(200).header("x-cache"), "HIT", "others stay");
    server.client.put("/images/fox", &photo("coffee.png")).expect(201);
    assert_eq!(server.client.get("/api/images/fox").expect(200).header("x-cache"), "MISS");
}

#[test]
fn the_extension_may_be_part_of_a_deleted_name() {
    let (folder, server) = start();
    upload(&server, "fox", "t", 1);
    server.client.delete("/images/fox.webp").expect(200);
    expect_gone(&server, &folder, "fox");
}

#[test]
fn a_purge_takes_names_threads_tags_or_all() {
    let (folder, server) = start();
    for (number, id) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        upload(&server, id, ["t1", "t2", "t3"][number / 2], number as u64);
    }
    let purge = |request: Value| server.client.post_json("/purge", &request).expect(200).json();
    let receipt = purge(json!({ "ids": ["a", "none"] }));
    assert_eq!((&receipt["images"], &receipt["missing"]), (&json!(["a"]), &json!(["none"])));
    assert_eq!(purge(json!({ "threads": ["t1"] }))["images"], json!(["b"]));
    assert_eq!(purge(json!({ "tags": ["thread:t2"] }))["images"], json!(["c", "d"]));
    assert_eq!(purge(json!({ "tags": ["style:s-t3"] }))["images"], json!(["e", "f"]));
    for id in ["a", "b", "c", "d", "e", "f"] {
        expect_gone(&server, &folder, id);
    }
    for number in 0..20 {
        upload(&server, &format!("n{number}"), "t", number);
    }
    let receipt = purge(json!({ "all": true }));
    assert_eq!(receipt["images"].as_array().unwrap().len(), 20);
    assert_eq!(removed(&receipt, "memory")["entries"], 20);
    assert_eq!((listed(&server.client).len(), folder.images().len(), folder.leftovers().len()), (0, 0, 0));
    assert_eq!(server.client.get("/stats").json()["edge"]["memory"]["bytes"], 0);
    for request in
        [json!({}), json!({ "soft": true }), json!({ "ids": [".."] }), json!({ "everything": true }), json!([])]
    {
        server.client.post_json("/purge", &request).expect_problem(400, "invalid");
    }
}

#[test]
fn a_soft_purge_keeps_the_image_and_makes_copies_stale() {
    let (_folder, server) = start();
    upload(&server, "fox", "t", 1);
    let receipt = server.client.post_json("/purge", &json!({ "ids": ["fox"], "soft": true })).expect(200).json();
    assert_eq!((&receipt["soft"], &receipt["images"]), (&json!(true), &json!(["fox"])));
    assert_eq!(removed(&receipt, "memory")["entries"], 1);
    let stale = server.client.get("/api/images/fox").expect(200);
    assert_eq!(stale.header("x-cache"), "STALE");
    let hit = crate::harness::eventually("the revalidation behind", || {
        let answer = server.client.get("/api/images/fox").expect(200);
        (answer.header("x-cache") == "HIT").then_some(answer)
    });
    assert_eq!(hit.body, stale.body);
    server.client.get("/images/fox").expect(200);
}

#[test]
fn the_thread_is_told() {
    let (_folder, server) = start();
    upload(&server, "fox", "t", 1);
    upload(&server, "owl", "other", 2);
    let mut events = Events::open(&server.client, "/threads/t/events?after=$", None);
    server.client.delete("/images/owl").expect(200);
    server.client.delete("/images/fox").expect(200);
    let told = events.next().unwrap();
    assert_eq!((&*told.name, told.data), ("image_purged", json!({ "thread_id": "t", "id": "fox" })));
}

/// One writer's images, numbered from 1; the readers see how far it is.
#[derive(Debug, Default)]
struct Progress {
    /// The last image whose upload was begun.
    uploaded: AtomicU64,
    /// The last image whose removal was answered.
    deleted: AtomicU64,
}

#[test]
fn after_the_answer_to_a_delete_nobody_gets_the_image() {
    let count = std::env::var("ORBIT_E2E_DELETES").ok().and_then(|text| text.parse().ok()).unwrap_or(DELETES);
    let folder = Folder::in_memory();
    let server = Launch::serve(&folder).words(&["--log-level", "warn"]).start();
    let writers: [Progress; 4] = Default::default();
    let (over, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let work: Vec<_> = writers
            .iter()
            .enumerate()
            .map(|(number, writer)| {
                let client = &server.client;
                scope.spawn(move || write(client, number, writer, count / 4))
            })
            .collect();
        for reader in 0..8 {
            let (client, writers, over, seen) = (server.client.clone(), &writers, &over, &seen);
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    read(&client, reader % 4, &writers[reader % 4], seen);
                }
            });
        }
        let outcomes: Vec<_> = work.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        assert!(outcomes.iter().all(Result::is_ok), "a writer failed");
    });
    let seen = seen.into_inner();
    assert!(seen > count / 10, "the readers met only {seen} images of {count}: this was no race");
    assert_eq!((listed(&server.client).len(), folder.images().len()), (0, 0));
    assert_eq!(server.client.get("/stats").json()["edge"]["memory"]["entries"], 0);
}

fn write(client: &Client, number: usize, progress: &Progress, count: u64) {
    let source = trouble("grey.png");
    for image in 1..=count {
        let path = format!("/images/race-{number}-{image}");
        progress.uploaded.store(image, Ordering::SeqCst);
        client.put(&path, &source).expect(201);
        client.delete(&path).expect(200);
        progress.deleted.store(image, Ordering::SeqCst);
    }
}

/// Asks for the newest image and for the one before it.
fn read(client: &Client, number: usize, progress: &Progress, seen: &AtomicU64) {
    let newest = progress.uploaded.load(Ordering::SeqCst);
    for image in [newest, newest.saturating_sub(1)] {
        let deleted = progress.deleted.load(Ordering::SeqCst);
        let answer = client.get(&format!("/api/images/race-{number}-{image}"));
        match answer.status {
            200 => assert!(
                image > deleted,
                "image {image} came back ({}) after the answer to its delete",
                answer.header("x-cache")
            ),
            status => assert_eq!(status, 404, "{}", answer.text()),
        }
        seen.fetch_add(u64::from(answer.status == 200), Ordering::Relaxed);
    }
}
