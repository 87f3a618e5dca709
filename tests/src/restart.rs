//! A process that ends, however it ends: what was accepted comes, once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{Events, Folder, Launch, Server, Told, eventually};

fn start(folder: &Folder) -> Server {
    Launch::serve(folder).words(&["--demo-delay", "20ms", "--generation-workers", "2"]).start()
}

fn batch(count: usize) -> Value {
    let concept = |number| json!({ "prompt": format!("picture {number}"), "size": "64x48" });
    json!({ "thread_id": "t", "concepts": (0..count).map(concept).collect::<Vec<_>>() })
}

/// The events of a job over all the runs: each id once, in order.
fn all_told(server: &Server, job: &Value) -> Vec<Told> {
    let stream = format!("{}/events", job["url"].as_str().unwrap());
    Events::open(&server.client, &stream, None).collect()
}

/// Checks that every image of a job came, and was told of once.
fn check_whole(server: &Server, folder: &Folder, job: &Value) {
    let told = all_told(server, job);
    let progress: Vec<&Told> = told.iter().filter(|told| told.name == "concept_progress").collect();
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    progress.iter().for_each(|told| *times.entry(told.data["index"].as_u64().unwrap()).or_default() += 1);
    let total = job["total"].as_u64().unwrap();
    assert_eq!(times, (0..total).map(|index| (index, 1)).collect(), "each image is told of once");
    assert_eq!(told.iter().filter(|told| told.name == "concepts_generated").count(), 1);
    let ids: BTreeSet<&str> =
        job["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap()).collect();
    for id in &ids {
        server.client.get(&format!("/api/images/{id}")).expect(200);
    }
    assert_eq!(folder.images().len(), ids.len(), "nothing was stored under another name");
    let state = server.client.get(job["url"].as_str().unwrap()).expect(200).json();
    assert_eq!((&state["state"], &state["completed"]), (&json!("done"), &job["total"]));
}

#[test]
fn a_kill_in_the_middle_of_fifty_loses_no_image_and_makes_none_twice() {
    let folder = Folder::new();
    let mut server = start(&folder);
    let job = server.client.post_json("/generations", &batch(50)).expect(202).json();
    for stored in [5, 18, 33] {
        let url = job["url"].as_str().unwrap();
        eventually("some of the images", || {
            (server.client.get(url).json()["completed"].as_u64()? >= stored).then_some(())
        });
        server.kill();
        server = start(&folder);
    }
    let stream = format!("{}/events", job["url"].as_str().unwrap());
    Events::open(&server.client, &stream, None).until("concepts_generated");
    check_whole(&server, &folder, &job);
}

#[test]
fn a_server_that_is_asked_to_stop_keeps_its_queue_and_tells_of_no_failure() {
    let folder = Folder::new();
    let mut server = start(&folder);
    let job = server.client.post_json("/generations", &batch(30)).expect(202).json();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    let server = start(&folder);
    let stream = format!("{}/events", job["url"].as_str().unwrap());
    let told = Events::open(&server.client, &stream, None).until("concepts_generated");
    assert!(told.iter().all(|told| told.name != "concept_failed"), "{told:?}");
    check_whole(&server, &folder, &job);
}

#[test]
fn a_reader_who_comes_back_after_a_restart_misses_nothing_and_sees_nothing_twice() {
    let folder = Folder::new();
    let server = start(&folder);
    let job = server.client.post_json("/generations", &batch(20)).expect(202).json();
    let mut read = Vec::new();
    let mut events = Events::open(&server.client, job["events"].as_str().unwrap(), None);
    while read.iter().filter(|told: &&Told| told.name == "concept_progress").count() < 5 {
        read.push(events.next().unwrap());
    }
    server.kill();
    let server = start(&folder);
    let last = read.last().unwrap().id.clone();
    let rest = Events::open(&server.client, "/threads/t/events", Some(&last)).until("concepts_generated");
    read.extend(rest);
    let again = Events::open(&server.client, job["events"].as_str().unwrap(), None).until("concepts_generated");
    assert_eq!(read, again, "both have read the same log");
}

#[test]
fn an_image_that_was_being_drawn_fails_where_that_is_wanted() {
    let folder = Folder::new();
    let slow = ["--demo-delay", "10m", "--generation-workers", "2", "--interrupted", "fail"];
    let server = Launch::serve(&folder).words(&slow).start();
    let job = server.client.post_json("/generations", &batch(3)).expect(202).json();
    // Told after the journal has it.
    let mut events = Events::open(&server.client, job["events"].as_str().unwrap(), None);
    (0..2).for_each(|_| drop(events.next_of("concept_started")));
    server.kill();
    let server = Launch::serve(&folder).words(&slow).start();
    let job = eventually("two to have failed", || {
        let job = server.client.get(job["url"].as_str().unwrap()).json();
        (job["failed"] == 2).then_some(job)
    });
    let codes: Vec<&Value> = job["images"].as_array().unwrap().iter().map(|image| &image["error"]["code"]).collect();
    assert_eq!(codes.iter().filter(|code| ***code == json!("interrupted")).count(), 2, "{codes:?}");
}
