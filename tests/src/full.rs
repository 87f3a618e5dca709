//! A disk that is full: what is stored is served, nothing is there in part, and what is removed makes room. And one that may
//! not be written to, or that fails.

use rustix::io::Errno;

use crate::harness::fixtures::middling;
use crate::harness::{Fault, Faults, Folder, Launch, Server, eventually};

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

#[test]
fn while_the_disk_takes_nothing_what_is_stored_is_served_and_nothing_is_there_in_part() {
    for error in [Errno::IO, Errno::ROFS] {
        let (folder, faults) = (Folder::new(), Faults::none());
        let server = faults.of(Launch::origin(&folder), &folder).start();
        server.client.put("/images/fox", &middling(1)).expect(201);
        faults.begin(Fault::Writes(error.raw_os_error()));
        for number in 2..6 {
            let refused = server.client.put(&format!("/images/owl{number}"), &middling(number));
            assert!(refused.status == 500 || refused.status == 507, "{error}: {refused:?}");
            refused.expect_any_problem();
        }
        server.client.get("/images/fox").expect(200);
        server.client.get("/images/fox?w=64").expect(200);
        assert_eq!(listed(&server), 1);
        faults.end();
        server.client.put("/images/owl2", &middling(2)).expect(201);
        server.client.delete("/images/fox").expect(200);
        assert_eq!(listed(&server), 1);
        server.stop();
        let server = Launch::origin(&folder).start();
        assert_eq!(folder.images().into_keys().collect::<Vec<_>>(), ["owl2"]);
        eventually("no file in part", || folder.leftovers().is_empty().then_some(()));
        server.client.get("/images/owl2").expect(200);
    }
}

#[test]
fn an_image_that_the_disk_does_not_give_is_neither_gone_nor_wrong() {
    let (folder, faults) = (Folder::new(), Faults::none());
    let server = faults.of(Launch::origin(&folder), &folder).start();
    server.client.put("/images/fox", &middling(1)).expect(201);
    let whole = server.client.get("/images/fox").expect(200);
    faults.begin(Fault::Reads(Errno::IO.raw_os_error()));
    let mut refused = 0;
    for path in ["/images/fox", "/images/fox?w=64", "/images/fox/meta"] {
        match server.client.try_send("GET", path, &[], None) {
            // What was begun may only be broken off.
            Err(_) => refused += 1,
            Ok(answer) if answer.status == 200 => assert!(path != "/images/fox" || answer.body == whole.body),
            Ok(answer) => {
                answer.expect_problem(500, "internal");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "the disk gave all of it");
    faults.end();
    assert!(server.client.get("/images/fox").expect(200).body == whole.body);
    server.client.get("/images/fox?w=64").expect(200);
}
