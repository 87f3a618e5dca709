//! The end of a process that is asked to end: what was begun is finished, nothing is left half done; and what keeps a
//! second process from starting.

use std::net::TcpListener;

use crate::harness::fixtures::{photo, tiny};
use crate::harness::{Events, Folder, Launch, Raw, Server, eventually};

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

/// Asks a server to end, and waits until it knows.
fn ask_to_stop(server: &Server) {
    server.terminate();
    eventually("the server to be stopping", || server.log().contains("stopping").then_some(()));
}

#[test]
fn an_upload_that_was_begun_is_finished_first() {
    let (folder, mut server) = start();
    let source = photo("coffee.png");
    let (first, second) = source.split_at(source.len() / 2);
    let mut slow = Raw::connect(server.address);
    slow.send(format!("PUT /images/cup HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", source.len()))
        .send(first);
    eventually("the upload to have begun", || {
        (server.client.get("/stats").json()["codec"]["queued"] == 1).then_some(())
    });
    ask_to_stop(&server);
    slow.send(second);
    let answer = slow.answer().expect("an answer to what was begun").expect(201);
    assert_eq!(answer.json()["id"], "cup");
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!((folder.source("cup"), folder.leftovers().len()), (source, 0));
    let again = Launch::serve(&folder).start();
    again.client.get("/api/images/cup").expect(200);
    assert!(!again.log().contains("mended"), "there was nothing to mend: {}", again.log());
}

#[test]
fn nothing_new_is_accepted_and_open_streams_and_idle_connections_end() {
    let (_folder, mut server) = start();
    let events = Events::open(&server.client, "/threads/t/events", None);
    let mut idle = Raw::connect(server.address);
    idle.get(b"/healthz").expect("an answer").expect(200);
    server.terminate();
    assert_eq!(events.count(), 0, "the stream ends, and in order");
    assert_eq!(idle.rest(), b"");
    assert_eq!(server.wait().code(), Some(0));
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

#[test]
fn a_job_in_flight_does_not_hold_the_end_up() {
    let folder = Folder::new();
    let mut server = Launch::serve(&folder).words(&["--demo-delay", "10m"]).start();
    let job = serde_json::json!({ "thread_id": "t", "concepts": [{ "prompt": "a" }, { "prompt": "b" }] });
    server.client.post_json("/generations", &job).expect(202);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(folder.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_edge_alone_ends_too() {
    let mut edge = Launch::edge("http://127.0.0.1:9").start();
    edge.client.get("/healthz").expect(200);
    edge.terminate();
    assert_eq!(edge.wait().code(), Some(0));
}

#[test]
fn a_data_folder_has_one_process() {
    let (folder, server) = start();
    server.client.put("/images/fox", &tiny(0)).expect(201);
    for launch in [Launch::serve(&folder), Launch::origin(&folder)] {
        let output = launch.words(&["--listen", "127.0.0.1:0"]).refused();
        assert_eq!(output.code, Some(1));
        let named = output.stderr.contains(folder.path().to_str().unwrap());
        assert!(named && output.stderr.contains("another process uses this data folder"), "{}", output.stderr);
    }
    server.client.get("/images/fox").expect(200);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::new();
    let output = Launch::serve(&folder).words(&["--listen", &address]).refused();
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains(&format!("cannot listen on {address}")) && output.stderr.contains("--listen"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_server_whose_log_nobody_reads_any_more_goes_on_and_ends_in_order() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).unread().start();
    server.client.put("/images/fox", &tiny(1)).expect(201);
    server.client.get("/api/images/fox").expect(200);
    server.stop();
}
