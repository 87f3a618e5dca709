//! A disk that is full: what is stored is served, nothing is there in part, and what is removed makes room. And one that may
//! not be written to.

use crate::harness::fixtures::middling;
use crate::harness::{Folder, Launch, Server, eventually};

/// An origin on a disk of its own of 16 MiB.
fn origin_on_a_small_disk(words: &[&str]) -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::origin(&folder).words(words).small_disk(&folder, "size=16m").start();
    (folder, server)
}

/// Uploads until there is no room; tells the ids that were stored.
fn fill(server: &Server) -> Vec<String> {
    let mut stored = Vec::new();
    for number in 0..200 {
        let id = format!("i{number}");
        let answer = server.client.put(&format!("/images/{id}"), &middling(number));
        if answer.status != 201 {
            answer.expect_problem(507, "full");
            assert!(!stored.is_empty());
            return stored;
        }
        stored.push(id);
    }
    panic!("16 MiB took all of it");
}

fn listed(server: &Server) -> usize {
    server.client.get("/images?limit=200").expect(200).json()["images"].as_array().unwrap().len()
}

#[test]
fn on_a_full_disk_all_that_was_stored_is_served_and_a_removal_makes_room() {
    let (_folder, server) = origin_on_a_small_disk(&[]);
    let stored = fill(&server);
    for id in &stored {
        let image = server.client.get(&format!("/images/{id}")).expect(200);
        let meta = server.client.get(&format!("/images/{id}/meta")).expect(200).json();
        assert_eq!(meta["bytes"].as_u64(), Some(image.body.len() as u64), "{id}");
    }
    let refused = format!("/images/i{}", stored.len());
    server.client.get(&refused).expect_problem(404, "not_found");
    server.client.get(&format!("/images/{}?w=128", stored[0])).expect(200);
    for id in stored.iter().take(4) {
        server.client.delete(&format!("/images/{id}")).expect(200);
        server.client.get(&format!("/images/{id}")).expect_problem(404, "not_found");
    }
    server.client.put(&refused, &middling(stored.len() as u64)).expect(201);
    assert_eq!(listed(&server), stored.len() - 4 + 1);
    server.stop();
}

#[test]
fn on_a_disk_that_may_not_be_written_the_start_is_refused_with_the_reason() {
    let folder = Folder::new();
    let refused = Launch::origin(&folder).small_disk(&folder, "size=16m,ro").refused();
    assert!(refused.stderr.contains(folder.path().to_str().unwrap()), "{refused:?}");
    assert!(refused.stderr.contains("Read-only file system"), "{refused:?}");
}

#[test]
fn within_its_bounds_a_small_disk_never_fills() {
    let words = ["--keep-images", "8MiB", "--collect-interval", "20ms"];
    let (_folder, server) = origin_on_a_small_disk(&words);
    for number in 0..80 {
        eventually("room for an image", || {
            let answer = server.client.put(&format!("/images/i{number}"), &middling(number));
            (answer.status == 201).then_some(())
        });
    }
    assert_eq!(listed(&server), 80, "sources are enough to go");
    for number in 0..80 {
        server.client.get(&format!("/images/i{number}")).expect(200);
    }
    server.stop();
}
