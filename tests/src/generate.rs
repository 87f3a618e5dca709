//! Concepts go in, images come out one by one, and whoever listens is told of each, in order and once.

use orbit_model::Digest;
use serde_json::{Value, json};

use crate::harness::{Events, Folder, Launch, Server, Told, eventually};

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

/// A server whose pictures take longer than any test.
fn start_slow() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--demo-delay", "10m", "--generation-workers", "2"]).start();
    (folder, server)
}

fn request(thread: &str, count: usize) -> Value {
    let concept = |number| json!({ "prompt": format!("picture {number}"), "style": "hero", "title": format!("No {number}"), "size": "64x48" });
    json!({ "thread_id": thread, "concepts": (0..count).map(concept).collect::<Vec<_>>() })
}

/// What was told but for beginnings, whose order among the rest is a matter of luck.
fn ends(told: Vec<Told>) -> Vec<Told> {
    told.into_iter().filter(|told| told.name != "concept_started").collect()
}

/// Posts a job, waits for its end and returns all that was told.
fn run(server: &Server, thread: &str, count: usize) -> Vec<Told> {
    let job = server.client.post_json("/generations", &request(thread, count)).expect(202).json();
    Events::open(&server.client, job["events"].as_str().unwrap(), None).until("concepts_generated")
}

#[test]
fn eight_concepts_are_accepted_at_once_and_arrive_one_by_one() {
    let (_folder, server) = start();
    let answer = server.client.post_json("/generations", &request("t", 8)).expect(202);
    let job = answer.json();
    assert_eq!((answer.header("location"), &job["total"]), (job["url"].as_str().unwrap(), &json!(8)));
    let promised: Vec<&Value> = job["images"].as_array().unwrap().iter().map(|image| &image["id"]).collect();
    assert!(promised[0].as_str().unwrap().starts_with("hero_no-0_"), "{promised:?}");
    let told = Events::open(&server.client, job["events"].as_str().unwrap(), None).until("concepts_generated");
    let started: Vec<_> = told.iter().filter(|told| told.name == "concept_started").map(|told| &told.data).collect();
    assert_eq!(started.len(), 8);
    assert!(started.iter().all(|data| data["attempt"] == 1 && promised.contains(&&data["id"])), "{started:?}");
    let told = ends(told);
    assert_eq!(told.len(), 9);
    let (end, progress) = told.split_last().unwrap();
    for (place, Told { name, data, .. }) in progress.iter().enumerate() {
        assert_eq!((&**name, &data["completed"], &data["total"]), ("concept_progress", &json!(place + 1), &json!(8)));
        assert_eq!((&data["job"], &data["thread_id"]), (&job["job"], &json!("t")));
        let index = usize::try_from(data["index"].as_u64().unwrap()).unwrap();
        assert_eq!(&data["image"]["id"], promised[index]);
        assert_eq!((&data["image"]["generated"], &data["image"]["model"]), (&json!(true), &json!("orbit-demo")));
        assert_eq!(data["image"].get("prompt"), None, "events are for everyone");
    }
    let ids: Vec<&Value> = end.data["images"].as_array().unwrap().iter().map(|image| &image["id"]).collect();
    assert_eq!((ids, &end.data["failed"]), (promised, &json!(0)));
    let done = server.client.get(answer.header("location")).expect(200).json();
    assert_eq!((&done["state"], &done["completed"], &done["failed"]), (&json!("done"), &json!(8), &json!(0)));
    assert_eq!(server.client.get("/images?thread_id=t").json()["images"].as_array().unwrap().len(), 8);
}

#[test]
fn an_image_can_be_loaded_the_moment_it_is_told_of() {
    let (folder, server) = start();
    let body = json!({ "thread_id": "t", "concepts": [{ "prompt": "a recycling mascot" }, { "prompt": "a bus" }, { "prompt": "a fox" }] });
    let mut events = Events::open(&server.client, "/threads/t/events?after=$", None);
    server.client.post_json("/generations", &body).expect(202);
    for _ in 0..3 {
        let image = events.next_of("concept_progress").data["image"].clone();
        let answer = server.client.get(image["url"].as_str().unwrap()).expect(200);
        assert_eq!(answer.header("x-cache"), "HIT", "it is in the edge's memory before anybody is told of it");
        let thumbnail = server.client.get(&format!("{}?w=256", image["url"].as_str().unwrap())).expect(200);
        assert_eq!(thumbnail.header("x-cache"), "HIT");
        assert_eq!(image["digest"], Digest::of(&answer.body).to_string());
        assert_eq!((&image["width"], &image["height"]), (&json!(1024), &json!(1024)));
        let source = folder.source(image["id"].as_str().unwrap());
        assert!(source.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!((&source[16..20], &source[20..24]), (&1024_u32.to_be_bytes()[..], &1024_u32.to_be_bytes()[..]));
    }
    assert_eq!(events.next().unwrap().name, "concepts_generated");
}

#[test]
fn an_equal_request_in_flight_joins_the_job() {
    let (_folder, server) = start_slow();
    let post = |body: &Value| server.client.post_json("/generations", body).expect(202).json();
    let first = post(&request("t", 2));
    assert_eq!(post(&request("t", 2))["job"], first["job"]);
    assert_ne!(post(&request("t", 3))["job"], first["job"]);
    assert_ne!(post(&request("other", 2))["job"], first["job"]);
    let stats = server.client.get("/stats").expect(200).json();
    assert_eq!(stats["jobs"]["queued"].as_u64().unwrap() + stats["jobs"]["running"].as_u64().unwrap(), 7);
}

#[test]
fn the_same_request_later_is_a_job_of_its_own() {
    let (_folder, server) = start();
    let (first, second) = (run(&server, "t", 2), run(&server, "t", 2));
    let ids = |told: &[Told]| told.last().unwrap().data["images"].as_array().unwrap().clone();
    assert_ne!(ids(&first)[0]["id"], ids(&second)[0]["id"]);
    assert_ne!(ids(&first)[0]["digest"], ids(&second)[0]["digest"], "who asks twice without a seed wants two pictures");
}

#[test]
fn a_reader_who_comes_back_misses_nothing_and_sees_nothing_twice() {
    let (_folder, server) = start();
    let all = run(&server, "t", 8);
    for (place, told) in all.iter().enumerate() {
        for (path, header) in [
            ("/threads/t/events".to_owned(), Some(told.id.as_str())),
            (format!("/threads/t/events?after={}", told.id), None),
        ] {
            let events = Events::open(&server.client, &path, header);
            let rest: Vec<Told> = events.take(all.len() - place - 1).collect();
            assert_eq!(rest, all[place + 1..], "after event {place}");
        }
    }
    let replayed: Vec<Told> = Events::open(&server.client, "/threads/t/events", None).take(all.len()).collect();
    assert_eq!(replayed, all, "without a place all that is kept is told");
    let both =
        Events::open(&server.client, &format!("/threads/t/events?after={}", all[0].id), Some(&all[all.len() - 2].id));
    assert_eq!(both.take(1).collect::<Vec<_>>(), all[all.len() - 1..], "the header is newer than the URL");
}

#[test]
fn a_reader_who_wants_only_news_gets_only_news() {
    let (_folder, server) = start();
    let old = ends(run(&server, "t", 2));
    let mut events = Events::open(&server.client, "/threads/t/events?after=$", None);
    let id = old[0].data["image"]["id"].as_str().unwrap();
    server.client.delete(&format!("/images/{id}")).expect(200);
    let told = events.next().unwrap();
    assert_eq!((&*told.name, &told.data["id"]), ("image_purged", &json!(id)));
}

#[test]
fn every_subscriber_of_a_thread_is_told_the_same_and_others_nothing() {
    let (_folder, server) = start();
    let subscribe = |thread: &str| Events::open(&server.client, &format!("/threads/{thread}/events?after=$"), None);
    let readers: Vec<Events> = (0..5).map(|_| subscribe("t")).collect();
    let mut other = subscribe("other");
    let job = request("t", 4);
    let told: Vec<Vec<Told>> = std::thread::scope(|scope| {
        let read = |mut events: Events| scope.spawn(move || events.until("concepts_generated"));
        let threads: Vec<_> = readers.into_iter().map(read).collect();
        server.client.post_json("/generations", &job).expect(202);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(told.iter().all(|one| one.len() == 9 && *one == told[0]));
    let elsewhere = run(&server, "other", 1);
    assert_eq!(other.next().unwrap(), elsewhere[0], "nothing of the first thread came before");
}

#[test]
fn a_cancelled_job_ends_and_says_so() {
    let (folder, server) = start_slow();
    let job = server.client.post_json("/generations", &request("t", 5)).expect(202).json();
    let url = job["url"].as_str().unwrap();
    eventually("the first two to be drawn", || {
        (server.client.get("/stats").json()["jobs"]["running"] == 2).then_some(())
    });
    assert_eq!(server.client.get(url).expect(200).json()["state"], "running");
    let mut events = Events::open(&server.client, job["events"].as_str().unwrap(), None);
    server.client.delete(url).expect(200);
    let told = ends(events.until("concepts_generated"));
    assert_eq!(told.len(), 6);
    assert!(told[..5].iter().all(|told| told.name == "concept_failed" && told.data["code"] == "cancelled"), "{told:?}");
    assert_eq!((&told[5].data["failed"], &told[5].data["images"]), (&json!(5), &json!([])));
    assert_eq!(server.client.get(url).expect(200).json()["state"], "cancelled");
    assert_eq!(server.client.get("/stats").json()["jobs"], json!({ "queued": 0, "running": 0, "waiting": 0 }));
    assert!(folder.images().is_empty());
    server.client.delete("/generations/none").expect_problem(404, "not_found");
}

#[test]
fn a_request_that_makes_no_sense_is_refused_whole() {
    let (_folder, server) = start();
    let concepts = |concepts: Value| json!({ "thread_id": "t", "concepts": concepts });
    for body in [
        json!({}),
        json!([]),
        concepts(json!([])),
        concepts(json!([{ "prompt": "" }])),
        concepts(json!([{ "prompt": "  " }])),
        concepts(json!([{ "title": "x" }])),
        concepts(json!([{ "prompt": "x", "colour": "red" }])),
        concepts(json!([{ "prompt": "x", "size": "1024" }])),
        concepts(json!([{ "prompt": "x", "size": "99999x99999" }])),
        concepts(json!([{ "prompt": "x", "size": "0x0" }])),
        concepts(json!([{ "prompt": "x", "seed": -1 }])),
        concepts(json!([{ "prompt": "fine" }, { "prompt": "x".repeat(40_000) }])),
        concepts(json!(vec![json!({ "prompt": "x" }); 101])),
        json!({ "thread_id": "../t", "concepts": [{ "prompt": "x" }] }),
        json!({ "concepts": [{ "prompt": "x" }] }),
    ] {
        server.client.post_json("/generations", &body).expect_problem(400, "invalid");
    }
    assert_eq!(server.client.get("/stats").json()["jobs"], json!({ "queued": 0, "running": 0, "waiting": 0 }));
}
