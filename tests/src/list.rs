//! What is known of images, and the list that pages through all of them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::fixtures::tiny;
use crate::harness::{Folder, Launch, Server};

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

#[test]
fn metadata_say_what_is_known_and_the_list_pages_through_all() {
    let (_folder, server) = start();
    server.client.put("/images/fox?thread_id=t", &tiny(1000)).expect(201);
    for number in 0..119 {
        let path = format!("/images?thread_id={}&style={}", if number % 2 == 0 { "even" } else { "odd" }, number % 3);
        server.client.upload(&path, &tiny(number)).expect(201);
    }
    let list = |query: &str| -> (Vec<Value>, Vec<usize>) {
        let (mut images, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = server.client.get(&format!("/images?{query}{cursor}")).expect(200).json();
            let found = page["images"].as_array().unwrap();
            sizes.push(found.len());
            images.extend(found.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return (images, sizes),
            }
        }
    };
    let (all, sizes) = list("");
    assert_eq!(sizes, [50, 50, 20]);
    let ids: BTreeSet<&str> = all.iter().map(|image| image["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 120, "none twice");
    let dates: Vec<&str> = all.iter().map(|image| image["created_at"].as_str().unwrap()).collect();
    assert!(dates.is_sorted_by(|newer, older| newer >= older), "newest first");
    assert_eq!(list("limit=200").0, all);
    assert_eq!(list("limit=7").0, all);
    assert_eq!(list("thread_id=even").0.len(), 60);
    assert_eq!(list("thread_id=even&style=0&limit=3").0.len(), 20);
    assert_eq!(list("thread_id=nobody"), (Vec::new(), vec![0]));
    let fox = all.last().unwrap();
    assert_eq!(server.client.get("/images/fox/meta").expect(200).json(), *fox);
    assert_eq!((&fox["url"], &fox["thread_id"]), (&"/api/images/fox".into(), &"t".into()));
    assert_eq!(server.client.get("/stats").json()["store"]["images"], 120);
}

#[test]
fn images_that_came_at_the_same_moment_are_all_listed() {
    let (_folder, server) = start();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let client = &server.client;
            scope.spawn(move || {
                for number in 0..10 {
                    client.put(&format!("/images/i{thread}-{number}"), &tiny(number)).expect(201);
                }
            });
        }
    });
    let (mut ids, mut query) = (BTreeSet::new(), String::new());
    loop {
        let page = server.client.get(&format!("/images?limit=1{query}")).expect(200).json();
        assert!(ids.insert(page["images"][0]["id"].to_string()), "{page} was listed before");
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(ids.len(), 80);
}
