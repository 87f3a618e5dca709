//! What is the same is made once, and stored once.

use std::os::unix::fs::MetadataExt as _;

use serde_json::json;

use crate::harness::fixtures::photo;
use crate::harness::{Folder, Launch};

#[test]
fn bytes_that_are_uploaded_twice_are_stored_once_and_the_first_to_go_takes_nothing_from_the_other() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).variable("ORBIT_REFINE", "off").start();
    let source = photo("coffee.png");
    let put = |id: &str| server.client.put(&format!("/images/{id}?thread_id={id}"), &source).expect(201).json();
    let (first, second) = (put("mine"), put("yours"));
    assert_eq!(first["digest"], second["digest"]);
    let links = |id: &str| -> Vec<u64> {
        let files = std::fs::read_dir(&folder.images()[id]).unwrap().map(|file| file.unwrap());
        let blobs = files.filter(|file| file.file_name() != "manifest.json");
        blobs.map(|file| file.metadata().unwrap().nlink()).collect()
    };
    assert_eq!((links("mine"), links("yours")), (vec![2, 2], vec![2, 2]), "each blob has two owners");
    let receipt = server.client.delete("/images/mine").expect(200).json();
    let freed = receipt["removed"].as_array().unwrap().iter().find(|removed| removed["tier"] == "files").unwrap();
    assert!(freed["bytes"].as_u64().unwrap() < 5_000, "the pictures are the other's still: {freed}");
    let shown = server.client.get("/api/images/yours").expect(200);
    assert_eq!((shown.body.len() as u64, &folder.source("yours")), (second["bytes"].as_u64().unwrap(), &source));
    assert_eq!(links("yours"), [1, 1]);
    server.client.get("/api/images/mine").expect(404);
}

#[test]
fn a_hundred_equal_requests_at_once_are_one_job() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--demo-delay", "3s"]).start();
    let body = json!({ "prompt": "a fox", "size": "64x48", "response_format": "url" });
    let urls: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let ask = || {
            server.client.post_json("/v1/images/generations", &body).expect(200).json()["data"][0]["url"].to_string()
        };
        let clients: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(urls.len(), 1, "{urls:?}");
}
