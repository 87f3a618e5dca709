//! Who may: writes need the token, or without one this machine; and requests that two servers could read in two ways are refused.

use serde_json::json;

use crate::harness::fixtures::{photo, tiny};
use crate::harness::{Answer, Events, Folder, Launch, Raw, Server};

const TOKEN: &str = "s3cret-token";

/// A server with a token that holds the image `fox`.
fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).token(TOKEN).start();
    let path = "/images/fox?thread_id=t&prompt=a+secret+fox";
    server.client.bearing(TOKEN).put(path, &photo("chelsea.png")).expect(201);
    (folder, server)
}

/// Every request that writes or administers.
fn writes(server: &Server, headers: &[(&str, &str)]) -> Vec<Answer> {
    let all: [(&str, &str, Option<&[u8]>); 7] = [
        ("POST", "/images", Some(b"x")),
        ("PUT", "/images/fox", Some(b"x")),
        ("DELETE", "/images/fox", None),
        ("POST", "/purge", Some(b"{\"all\":true}")),
        ("POST", "/generations", Some(b"{\"thread_id\":\"t\",\"concepts\":[{\"prompt\":\"x\"}]}")),
        ("DELETE", "/generations/job_x", None),
        ("PATCH", "/anything", Some(b"x")),
    ];
    all.iter().map(|(method, path, body)| server.client.send(method, path, headers, *body)).collect()
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let folder = Folder::new();
        for launch in [Launch::serve(&folder), Launch::origin(&folder), Launch::edge("http://127.0.0.1:9")] {
            let output = launch.words(&["--listen", address]).refused();
            assert!(output.stderr.contains("ORBIT_TOKEN"), "{}", output.stderr);
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing was touched");
    }
    let folder = Folder::new();
    let server = Launch::serve(&folder).token(TOKEN).words(&["--listen", "0.0.0.0:0"]).start();
    assert!(server.address.ip().is_unspecified());
    let output = Launch::serve(&folder).token(" ").refused();
    assert!(output.stderr.contains("token is empty"), "{}", output.stderr);
}

#[test]
fn with_a_token_only_its_bearer_writes_and_anyone_reads() {
    let (_folder, server) = start();
    for headers in [
        &[][..],
        &[("authorization", "Bearer wrong")],
        &[("authorization", "Bearer s3cret-toke")],
        &[("authorization", "Basic s3cret-token")],
    ] {
        for answer in writes(&server, headers) {
            answer.expect_problem(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    for path in ["/images/fox", "/api/images/fox", "/images/fox/meta", "/images?thread_id=t", "/healthz"] {
        server.client.get(path).expect(200);
    }
    let answer = server.client.get("/images");
    answer.expect_problem(401, "unauthorized");
    let bearer = server.client.bearing(TOKEN);
    assert_eq!(bearer.get("/images").expect(200).json()["images"].as_array().unwrap().len(), 1);
    bearer.upload("/images", &tiny(0)).expect(201);
    // A page may send the token from anywhere: it is the proof, not the address.
    let elsewhere = [("origin", "https://app.example"), ("host", "images.example")];
    bearer.send("POST", "/images", &elsewhere, Some(&tiny(0))).expect(200);
    bearer.delete("/images/fox").expect(200);
}

#[test]
fn events_of_a_thread_are_for_the_bearer_and_who_has_its_ticket() {
    let (_folder, server) = start();
    let bearer = server.client.bearing(TOKEN);
    let concept = json!({ "prompt": "a fox", "size": "64x48" });
    let job =
        bearer.post_json("/generations", &json!({ "thread_id": "mine", "concepts": [concept] })).expect(202).json();
    let ticket = bearer.get("/threads/mine/ticket").expect(200).json();
    let url = ticket["events"].as_str().unwrap();
    // A page that was given the URL follows the thread and its jobs, without any header.
    let told = Events::open(&server.client, url, None).until("concepts_generated");
    assert!(
        Events::open(&server.client, job["events"].as_str().unwrap(), None).until("concepts_generated").len()
            <= told.len()
    );
    let of_job = format!("{}/events", job["url"].as_str().unwrap());
    let query = url.split_once('?').unwrap().1;
    server.client.get(&format!("{of_job}?{query}&after=$")).expect(204);
    Events::open(&bearer, "/threads/mine/events", None).until("concepts_generated");
    let others = bearer.get("/threads/yours/ticket").expect(200).json()["ticket"].as_str().unwrap().to_owned();
    for path in [
        "/threads/mine/events",
        "/threads/mine/ticket",
        "/threads/yours/events?ticket=",
        &of_job,
        "/threads/yours/ticket",
    ] {
        let answer = server.client.get(path);
        answer.expect_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{path}");
    }
    server.client.get(&format!("/threads/mine/events?ticket={others}")).expect_problem(401, "unauthorized");
    server.client.get(&format!("/threads/yours/events?{query}")).expect_problem(401, "unauthorized");
    // A job's name is no leave to hear of it.
    let state = server.client.get(job["url"].as_str().unwrap()).expect(200).json();
    assert!(!state["events"].as_str().unwrap().contains("ticket"), "{state}");
}

#[test]
fn a_prompt_is_for_the_bearer_alone() {
    let (_folder, server) = start();
    let bearer = server.client.bearing(TOKEN);
    for path in ["/images/fox/meta", "/images?thread_id=t", "/api/images/fox/meta"] {
        assert!(!server.client.get(path).text().contains("secret"), "{path}");
        assert!(bearer.get(path).expect(200).text().contains("a secret fox"), "{path}");
        assert!(!server.client.get(path).text().contains("secret"), "{path}, after the bearer asked");
    }
    assert_eq!(bearer.get("/api/images/fox").expect(200).header("x-cache"), "", "credentials ask for themselves");
}

#[test]
fn without_a_token_no_page_and_no_foreign_name_writes() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox?prompt=a+secret+fox", &tiny(0)).expect(201);
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://localhost.evil.example")],
        [("sec-fetch-site", "cross-site")],
        [("host", "evil.example")],
        [("host", "127.0.0.1.evil.example")],
    ] {
        for answer in writes(&server, &headers) {
            answer.expect_problem(403, "forbidden");
        }
        let read = server.client.get_with("/images/fox/meta", &headers).expect(200);
        assert!(!read.text().contains("secret"), "{headers:?}");
        server.client.get_with("/api/images/fox", &headers).expect(200);
    }
    let here = [("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")];
    server.client.send("DELETE", "/images/fox", &here, None).expect(200);
}

#[test]
fn an_edge_lets_no_write_through_that_it_would_not_allow_itself() {
    let folder = Folder::new();
    let origin = Launch::origin(&folder).start();
    origin.client.put("/images/fox", &tiny(0)).expect(201);
    let edge = Launch::edge(&origin.url()).token(TOKEN).start();
    for answer in writes(&edge, &[("host", "localhost")]) {
        answer.expect_problem(401, "unauthorized");
    }
    edge.client.get("/api/images/fox").expect(200);
    let maps = ["--map", "/img/=/images/", "--map", "/all/=/"];
    let mapped = Launch::edge(&origin.url()).token(TOKEN).words(&maps).start();
    for (method, path) in
        [("DELETE", "/img/fox"), ("PUT", "/img/fox"), ("POST", "/all/purge"), ("DELETE", "/all/images/fox")]
    {
        let body = br#"{"all":true}"#;
        mapped.client.send(method, path, &[("host", "localhost")], Some(body)).expect_problem(401, "unauthorized");
    }
    mapped.client.get("/img/fox").expect(200);
    mapped.client.bearing(TOKEN).delete("/img/fox").expect(200);
    edge.client.bearing(TOKEN).delete("/images/fox").expect(404);
}

#[test]
fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox", &tiny(0)).expect(201);
    let smuggled = "DELETE /images/fox HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let length = smuggled.len();
    for (head, body) in [
        (format!("content-length: 0\r\ncontent-length: {length}\r\n"), smuggled.to_owned()),
        (format!("content-length: {length}, 0\r\n"), smuggled.to_owned()),
        (format!("content-length: +{length}\r\n"), smuggled.to_owned()),
        (format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"), format!("0\r\n\r\n{smuggled}")),
        ("transfer-encoding: chunked, identity\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("transfer-encoding: xchunked\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("transfer-encoding : chunked\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("transfer-encoding: chunked\r\n".to_owned(), format!("zz\r\n\r\n{smuggled}")),
        ("transfer-encoding: chunked\r\n".to_owned(), format!("ffffffffffffffffff\r\n{smuggled}")),
        ("transfer-encoding: chunked\r\n".to_owned(), format!("1\r\nab\r\n0\r\n\r\n{smuggled}")),
        ("x: y\r\n z: folded\r\n".to_owned(), smuggled.to_owned()),
    ] {
        let mut raw = Raw::connect(server.address);
        raw.send(format!("POST /purge HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}\r\n{body}"));
        let first = raw.answer();
        assert!(first.as_ref().is_none_or(|answer| (400..500).contains(&answer.status)), "{head:?}: {first:?}");
        assert_eq!(raw.rest(), b"", "{head:?}: the rest was read as a second request");
        server.client.get("/images/fox").expect(200);
    }
}

#[test]
fn a_body_on_a_get_is_no_second_request() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox", &tiny(0)).expect(201);
    let smuggled = "DELETE /images/fox HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut raw = Raw::connect(server.address);
    raw.send(format!(
        "GET /api/images/fox HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    ));
    raw.answer().expect("an answer").expect(200);
    raw.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(raw.answer().map(|answer| answer.text()).as_deref(), Some("ok\n"));
    server.client.get("/images/fox").expect(200);
    server.client.post_json("/purge", &json!({ "ids": ["fox"] })).expect(200);
}
