//! More than there is room for: what does not fit is told so at once, what is slow holds up nobody else.

use serde_json::Value;

use crate::harness::fixtures::{photo, tiny};
use crate::harness::{Events, Folder, Launch, Raw, Server, eventually};

fn codec(server: &Server) -> Value {
    server.client.get("/stats").expect(200).json()["codec"].clone()
}

/// Begins an upload and leaves it there, with all of its body but the last byte.
fn begin(server: &Server, number: u64) -> (Raw, u8) {
    let source = tiny(number);
    let (last, most) = source.split_last().unwrap();
    let mut raw = Raw::connect(server.address);
    raw.send(format!(
        "PUT /images/slow-{number} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        source.len()
    ))
    .send(most);
    (raw, *last)
}

#[test]
fn uploads_beyond_the_queue_are_told_so_at_once_while_hits_go_on() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--max-queued", "1"]).start();
    server.client.put("/images/fox", &photo("chelsea.png")).expect(201);
    server.client.get("/api/images/fox").expect(200);
    // One place for each core, and one to wait in.
    let places = std::thread::available_parallelism().unwrap().get() as u64 + 1;
    let slow: Vec<(Raw, u8)> = (0..places).map(|number| begin(&server, number)).collect();
    eventually("all places to be taken", || (codec(&server)["queued"] == places).then_some(()));
    for _ in 0..20 {
        let answer = server.client.upload("/images", &tiny(100));
        answer.expect_problem(503, "busy");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(server.client.get("/api/images/fox").expect(200).header("x-cache"), "HIT");
    }
    for (mut raw, last) in slow {
        raw.send([last]).answer().expect("an answer").expect(201);
    }
    eventually("the places to be free", || (codec(&server)["queued"] == 0).then_some(()));
    server.client.upload("/images", &tiny(100)).expect(201);
}

#[test]
fn an_uploader_who_leaves_frees_the_place() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--max-queued", "0"]).start();
    let slow: Vec<(Raw, u8)> = (0..200)
        .map_while(|number| {
            let begun = begin(&server, number);
            eventually("the upload to be taken or refused", || {
                let taken = codec(&server)["queued"].as_u64() == Some(number + 1);
                (taken || server.client.upload("/images", b"x").status == 503).then_some(taken)
            })
            .then_some(begun)
        })
        .collect();
    assert!(!slow.is_empty());
    drop(slow);
    eventually("the places to be free", || (codec(&server)["queued"] == 0).then_some(()));
    server.client.upload("/images", &tiny(1000)).expect(201);
}

#[test]
fn a_full_queue_of_jobs_is_told_so() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--demo-delay", "10m"]).start();
    let job = |thread: usize| serde_json::json!({ "thread_id": format!("t{thread}"), "concepts": vec![serde_json::json!({ "prompt": "x" }); 100] });
    let answers: Vec<_> = (0..12).map(|thread| server.client.post_json("/generations", &job(thread))).collect();
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert!(accepted.len() >= 10 && !refused.is_empty(), "{}", accepted.len());
    for answer in refused {
        answer.expect_problem(503, "busy");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[test]
fn slow_headers_and_idle_streams_hold_up_nobody() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox", &photo("chelsea.png")).expect(201);
    let mut slow: Vec<Raw> = (0..100).map(|_| Raw::connect(server.address)).collect();
    for raw in &mut slow {
        raw.send("GET /api/images/fox HTTP/1.1\r\nhost: local");
    }
    let _streams: Vec<Events> = (0..100).map(|_| Events::open(&server.client, "/threads/t/events", None)).collect();
    let mut stalled = Raw::connect(server.address);
    for _ in 0..500 {
        stalled.send("GET /api/images/fox HTTP/1.1\r\nhost: localhost\r\n\r\n");
    }
    for _ in 0..50 {
        server.client.get("/api/images/fox").expect(200);
    }
    for raw in &mut slow {
        // Whether it is told 408 or nothing, the connection ends.
        raw.rest();
    }
}
