//! Uploads by URL: from where it is allowed they come in like any other; nobody reaches inside, by no spelling and no detour.

use serde_json::json;

use crate::harness::{Answer, Folder, Gate, Launch, Reply, Scripted, Server, fixtures};

/// Every spelling of the inside (T-SSRF-1).
const INSIDE: [&str; 20] = [
    "127.0.0.1",
    "0.0.0.0",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "2130706433",
    "0x7f.1",
    "017700000001",
    "127.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1.",
    "169.254.169.254",
    "[fd00::]",
    "[fe80::]",
    "100.64.0.1",
    "[2002:7f00:1::]",
    "[64:ff9b::7f00:1]",
    "10.0.0.1",
];

/// A server that may fetch from this scripted one and from nowhere else inside.
fn allowing(folder: &Folder, outside: &Scripted, words: &[&str]) -> Server {
    Launch::serve(folder).words(&["--fetch-allow", &outside.address().to_string()]).words(words).start()
}

fn upload(server: &Server, url: &str) -> Answer {
    server.client.post_json("/images", &json!({ "url": url }))
}

#[test]
fn an_image_is_fetched_and_stored_like_any_other() {
    let (folder, outside) = (Folder::new(), Scripted::start());
    let photo = fixtures::photo("chelsea.png");
    outside.on("/a.png", Reply::ok(&photo)).on("/b", Reply::status(302).header("location", "/c?d=1"));
    outside.on("/c", Reply::status(307).header("location", "a.png"));
    let server = allowing(&folder, &outside, &[]);
    let body =
        json!({ "url": format!("{}/a.png#part", outside.url()), "style": "hero", "title": "Cat", "thread_id": "t" });
    let first = server.client.post_json("/images", &body).expect(201).json();
    assert!(first["id"].as_str().unwrap().starts_with("hero_cat_"), "{first}");
    assert_eq!((&first["thread_id"], folder.source(first["id"].as_str().unwrap())), (&json!("t"), photo));
    server.client.post_json("/images", &body).expect(200);
    let body = json!({ "url": format!("{}/b", outside.url()) }).to_string();
    let put = |body: &str| {
        server.client.send("PUT", "/images/mine", &[("content-type", "application/json")], Some(body.as_bytes()))
    };
    assert_eq!(put(&body).expect(201).json()["id"], "mine");
    let asked = outside.last("/a.png");
    assert_eq!(
        (asked.header("host"), asked.header("accept-encoding")),
        (outside.address().to_string(), "identity".to_owned())
    );
    assert_eq!(
        (asked.header("cookie"), asked.header("authorization"), &*asked.target),
        (String::new(), String::new(), "/a.png")
    );
}

#[test]
fn it_is_either_bytes_or_a_url() {
    let (folder, outside) = (Folder::new(), Scripted::start());
    let server = allowing(&folder, &outside, &[]);
    let url = format!("{}/a.png", outside.url());
    for body in [json!({}), json!({ "url": url, "data": "aGk/" }), json!({ "url": 7 }), json!({ "url": "" })] {
        server.client.post_json("/images", &body).expect_problem(400, "invalid");
    }
    assert_eq!(outside.connections(), 0);
}

#[test]
fn the_inside_is_refused_in_every_spelling_and_no_connection_is_made() {
    let (folder, inside) = (Folder::new(), Scripted::start());
    let server = Launch::serve(&folder).start();
    let port = inside.address().port();
    for host in INSIDE {
        let answer = upload(&server, &format!("http://{host}:{port}/a.png"));
        answer.expect_problem(400, "invalid");
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
    for url in [
        format!("http://example.com@127.0.0.1:{port}/"),
        format!("http://user:password@127.0.0.1:{port}/"),
        format!("HTTP://LocalHost:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("\\\\127.0.0.1:{port}\\"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        format!("http:127.0.0.1:{port}/"),
        format!(" http://127.0.0.1:{port}/"),
        format!("http://１２７.0.0.1:{port}/"),
        format!("gopher://127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "data:image/png;base64,aGk/".to_owned(),
        "http://metadata.google.internal/".to_owned(),
    ] {
        upload(&server, &url).expect_problem(400, "invalid");
    }
    assert_eq!(inside.connections(), 0);
}

#[test]
fn no_redirect_leads_inside() {
    let (folder, outside, inside) = (Folder::new(), Scripted::start(), Scripted::start());
    let server = allowing(&folder, &outside, &[]);
    let port = inside.address().port();
    let own = outside.address().port();
    let goals = INSIDE.map(|host| format!("http://{host}:{port}/a.png"));
    let more = [
        format!("//127.0.0.1:{port}/"),
        format!("\\\\127.0.0.1:{port}\\"),
        format!("http://127.0.0.1:{own}@127.0.0.1:{port}/"),
        format!("http://user@127.0.0.1:{own}/"),
        "data:image/png;base64,aGk/".to_owned(),
        "file:///etc/passwd".to_owned(),
        // The way back is checked like the way there.
        "/loop".to_owned(),
    ];
    outside.on("/loop", Reply::status(301).header("location", "/loop"));
    for goal in goals.iter().chain(&more) {
        outside.on("/go", Reply::status(302).header("location", goal));
        let answer = upload(&server, &format!("{}/go", outside.url()));
        assert_eq!(answer.status, 400, "{goal}: {}", answer.text());
    }
    assert_eq!(inside.connections(), 0);
    assert_eq!(outside.count("/loop"), 3, "three redirects are followed and no more");
}

#[test]
fn the_host_of_the_request_is_never_the_host_that_is_asked() {
    let (folder, outside, inside) = (Folder::new(), Scripted::start(), Scripted::start());
    outside.on("/a.png", Reply::ok(fixtures::tiny(1)));
    let launch = Launch::serve(&folder).words(&["--fetch-allow", &outside.address().to_string()]).token("token");
    let server = launch.start();
    let host = inside.address().to_string();
    let headers = [("host", &*host), ("x-forwarded-host", &*host), ("content-type", "application/json")];
    let body = json!({ "url": format!("{}/a.png", outside.url()) }).to_string();
    server.client.bearing("token").send("POST", "/images", &headers, Some(body.as_bytes())).expect(201);
    assert_eq!((outside.last("/a.png").header("host"), inside.connections()), (outside.address().to_string(), 0));
}

#[test]
fn a_server_that_does_wrong_is_told_apart_from_a_url_that_is() {
    let (folder, outside) = (Folder::new(), Scripted::start());
    let server = allowing(&folder, &outside, &["--max-source", "64KiB", "--fetch-timeout", "1s"]);
    let late = Gate::closed();
    for (reply, status, code) in [
        (Reply::status(404).body("secret of the inside"), 502, "unavailable"),
        (Reply::status(500), 502, "unavailable"),
        (Reply::ok("12345").claiming(10).cut(), 502, "unavailable"),
        (Reply::hang_up(), 502, "unavailable"),
        (Reply::ok("1234").header("content-encoding", "gzip"), 502, "unavailable"),
        (Reply::ok("").hold(&late), 502, "unavailable"),
        (Reply::ok("1").wait(&late).body("2"), 502, "unavailable"),
        (Reply::ok("").forever("a".repeat(4096)).chunked(), 413, "too_large"),
        (Reply::ok("").forever("a".repeat(4096)).until_close(), 413, "too_large"),
        (Reply::ok("").claiming(1 << 40), 413, "too_large"),
        (Reply::ok("<svg/>").header("content-type", "image/png"), 415, "unsupported"),
    ] {
        outside.on("/a.png", reply);
        let answer = upload(&server, &format!("{}/a.png", outside.url()));
        answer.expect_problem(status, code);
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
    assert!(folder.images().is_empty());
}

#[test]
fn a_proxy_in_the_environment_is_not_asked() {
    let (folder, outside, proxy) = (Folder::new(), Scripted::start(), Scripted::start());
    outside.on("/a.png", Reply::ok(fixtures::tiny(1)));
    let launch = Launch::serve(&folder).words(&["--fetch-allow", "127.0.0.0/8"]);
    let variables = ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"];
    let server = variables.iter().fold(launch, |launch, name| launch.variable(name, &proxy.url())).start();
    upload(&server, &format!("{}/a.png", outside.url())).expect(201);
    assert_eq!(proxy.connections(), 0);
}
