//! Event streams behind nginx as many run it, with compression on for everything: each event comes when it is told (T-SSE-1).

use serde_json::json;

use crate::harness::{Client, Events, Folder, Launch, Nginx};

const COMPRESSING: &str = "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;";

#[test]
fn each_event_comes_when_it_is_told_and_not_when_a_buffer_is_full() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    let location = format!("location / {{ proxy_pass http://{}; proxy_http_version 1.1; }}", server.address);
    let nginx = Nginx::start(COMPRESSING, &location);
    let client = Client::new(nginx.address);
    for encoding in ["", "gzip"] {
        let headers = [("accept-encoding", encoding)];
        let plain = client.get_with("/stats", &headers[..usize::from(!encoding.is_empty())]).expect(200);
        assert_eq!(plain.header("content-encoding"), encoding, "nginx does compress");
    }
    let mut events = Events::open_compressed(&client, "/threads/t/events?after=$");
    let job = json!({ "thread_id": "t", "concepts": [{ "prompt": "a fox", "size": "64x48" }] });
    client.post_json("/generations", &job).expect(202);
    // The stream stays open: what a buffer held would never come.
    events.next_of("concept_progress");
    let stream = json!({ "prompt": "a hen", "size": "64x48", "stream": true });
    let answer = client.post_json("/v1/images/generations", &stream).expect(200);
    assert!(answer.text().contains("image_generation.completed"), "{}", answer.text());
}
