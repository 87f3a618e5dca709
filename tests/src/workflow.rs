//! Batches beside each other: who waits for one picture does not wait for another's hundred.

use serde_json::{Value, json};

use crate::harness::{Events, Folder, Launch, Told};

fn batch(thread: &str, count: usize) -> Value {
    let concept = |number| json!({ "prompt": format!("picture {number}"), "size": "64x48" });
    json!({ "thread_id": thread, "concepts": (0..count).map(concept).collect::<Vec<_>>() })
}

#[test]
fn a_batch_of_one_does_not_wait_for_a_batch_of_fifty() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--generation-workers", "1", "--demo-delay", "50ms"]).start();
    let large = server.client.post_json("/generations", &batch("large", 50)).expect(202).json();
    let mut events = Events::open(&server.client, "/threads/small/events?after=$", None);
    server.client.post_json("/generations", &batch("small", 1)).expect(202);
    events.next_of("concepts_generated");
    let job = server.client.get(large["url"].as_str().unwrap()).expect(200).json();
    assert!(job["completed"].as_u64().unwrap() < 45, "{} of 50 went before", job["completed"]);
}

#[test]
fn a_job_is_drawn_with_no_more_hands_than_it_asks_for() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--generation-workers", "4"]).start();
    let mut request = batch("t", 4);
    request["concurrency"] = json!(1);
    let job = server.client.post_json("/generations", &request).expect(202).json();
    let stream = format!("{}/events", job["url"].as_str().unwrap());
    let told: Vec<Told> = Events::open(&server.client, &stream, None).collect();
    let names: Vec<&str> = told.iter().map(|told| told.name.as_str()).collect();
    let one = ["concept_started", "concept_progress"];
    assert_eq!(names, [&one[..], &one, &one, &one, &["concepts_generated"]].concat());
    let last = &told.last().unwrap().id;
    let after = server.client.get_with(&stream, &[("last-event-id", last)]);
    assert_eq!(after.status, 204, "nothing is left to be told");
}

#[test]
fn a_job_that_makes_no_sense_is_refused() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    for (name, value) in [("concurrency", json!(0)), ("partial_images", json!(4)), ("reuse", json!("yes"))] {
        let mut request = batch("t", 1);
        request[name] = value;
        server.client.post_json("/generations", &request).expect_problem(400, "invalid");
    }
}
