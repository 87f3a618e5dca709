//! One name, one answer: nothing that is no part of a key changes what others get, and no two keys share a body.

use std::sync::Barrier;

use crate::harness::{Launch, Raw, Reply, Scripted, Server, bytes};

/// Requests with a query of their own that the edge must not keep apart.
const QUERIES: usize = 10_000;

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    (origin, edge)
}

fn entries(edge: &Server) -> u64 {
    edge.client.get("/stats").expect(200).json()["edge"]["memory"]["entries"].as_u64().unwrap()
}

#[test]
fn names_that_look_alike_are_kept_apart() {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    origin.otherwise(|asked| Reply::ok(&asked.target).control("max-age=60"));
    let names = [
        "/a/b",
        "/ab",
        "/a/b/",
        "/a?b",
        "/a%3Fb",
        "/a%2Fb",
        "/a;b",
        "/a:b",
        "/A/b",
        "/a/b?",
        "/a/b?/c",
        "/a/b/c",
        "/a=b",
        "/a?b=c",
        "/a?b=c&",
        "/a?=bc",
        "/a?bc",
        "/a,b",
        "/a%20b",
        "/a+b",
        "/image/12/34",
        "/image/1/234",
        "/a?w=12",
        "/a1?w=2",
        "/a\u{7c}b",
    ];
    for _ in 0..2 {
        for name in names {
            assert_eq!(Raw::connect(edge.address).get(name.as_bytes()).expect("an answer").text(), name);
        }
    }
    assert_eq!(origin.all().len(), names.len());
}

#[test]
fn another_host_is_another_name() {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    origin.by("/x", |asked| Reply::ok(asked.header("host")).control("max-age=60"));
    for _ in 0..2 {
        for host in ["a.example", "b.example"] {
            let mut raw = Raw::connect(edge.address);
            raw.send(format!("GET /x HTTP/1.1\r\nhost: {host}\r\n\r\n"));
            assert_eq!(raw.answer().expect("an answer").text(), host);
        }
    }
    assert_eq!(origin.count("/x"), 2);
}

#[test]
fn a_host_that_a_client_names_never_chooses_the_upstream() {
    let (origin, other) = (Scripted::start(), Scripted::start());
    origin.otherwise(|_| Reply::ok("from the upstream"));
    for launch in [Launch::edge(&origin.url()), Launch::rfc(&origin.url())] {
        let edge = launch.start();
        let authority = other.address();
        for head in [
            format!("GET /api/images/fox HTTP/1.1\r\nhost: {authority}\r\n"),
            format!("GET /x HTTP/1.1\r\nhost: {authority}\r\n"),
            format!("GET http://{authority}/x HTTP/1.1\r\nhost: {authority}\r\n"),
            format!(
                "GET /x HTTP/1.1\r\nhost: localhost\r\nx-forwarded-host: {authority}\r\nforwarded: host={authority}\r\n"
            ),
        ] {
            let answer = Raw::connect(edge.address).send(format!("{head}\r\n")).answer().expect("an answer");
            assert!(answer.status >= 400 || answer.text() == "from the upstream", "{head}: {}", answer.text());
        }
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn ten_thousand_queries_add_no_entry() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("a fox"));
    edge.client.get("/api/images/fox").expect(200);
    let mut raw = Raw::connect(edge.address);
    for number in 0..QUERIES {
        raw.ask("GET", &format!("/api/images/fox?x={number}&utm_source={}", number * 7), &[]);
        assert_eq!(raw.answer().expect("an answer").header("x-cache"), "HIT");
    }
    assert_eq!((entries(&edge), origin.count("/images/fox")), (1, 1));
}

#[test]
fn what_a_request_carries_besides_changes_nobodys_answer() {
    let (origin, edge) = start();
    origin.by("/images/fox", |asked| {
        let told = ["x-forwarded-host", "x-forwarded-proto", "x-original-url", "cookie", "user-agent", "origin"];
        Reply::ok(told.map(|name| asked.header(name)).concat()).control("max-age=60")
    });
    let odd = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-original-url", "/admin"),
        ("cookie", "session=1"),
        ("user-agent", "evil"),
        ("origin", "https://evil.example"),
    ];
    let poisoned = edge.client.get_with("/api/images/fox", &odd).expect(200);
    assert!(!poisoned.text().contains("evil") && !poisoned.text().contains("session"), "{}", poisoned.text());
    assert_eq!(edge.client.get("/api/images/fox").expect(200).header("x-cache"), "HIT");
    // A GET with a body is its sender's own: what comes of it is kept for nobody else.
    origin.by("/images/owl", |asked| Reply::ok(asked.body()).control("max-age=60"));
    let mut raw = Raw::connect(edge.address);
    raw.send("GET /api/images/owl HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nevil");
    raw.answer().expect("an answer").expect(200);
    assert_eq!(edge.client.get("/api/images/owl").expect(200).text(), "");
    raw.get(b"/api/images/fox").expect("an answer on the same connection").expect(200);
}

#[test]
fn another_spelling_of_a_name_is_the_same_name_or_none() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("a fox"));
    for spelling in ["fox", "%66ox", "%66%6F%78", "%66%6f%78"] {
        edge.client.get(&format!("/api/images/{spelling}")).expect(200);
    }
    assert_eq!(origin.count("/images/fox"), 1);
    for hidden in ["a%2ffox", "%2e%2e/x", "a%5cfox", "fox%00"] {
        let answer = Raw::connect(edge.address).get(format!("/api/images/{hidden}").as_bytes());
        answer.expect("an answer").expect_problem(404, "not_found");
    }
    assert_eq!(origin.all().len(), 1);
}

#[test]
fn every_answer_is_safe_to_show_in_a_page() {
    let (origin, edge) = start();
    origin.on("/images/page.webp", Reply::ok("<script>alert(1)</script>").header("content-type", "text/html"));
    for path in ["/api/images/page.webp", "/api/images/page.webp", "/api/images/none", "/api/images/..%2fx"] {
        let answer = Raw::connect(edge.address).get(path.as_bytes()).expect("an answer");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
}

#[test]
fn each_of_sixty_four_images_is_itself_for_fifty_who_read_them_at_once() {
    let (origin, edge) = start();
    origin.otherwise(|asked| Reply::ok(image(asked.path().trim_start_matches("/images/").parse().unwrap())));
    let start = Barrier::new(50);
    std::thread::scope(|scope| {
        for reader in 0..50 {
            let (edge, start) = (&edge, &start);
            scope.spawn(move || {
                start.wait();
                let mut raw = Raw::connect(edge.address);
                for step in 0..64 {
                    // Each in an order of its own.
                    let number = (step * (2 * reader + 1) + reader) % 64;
                    let answer = raw.get(format!("/api/images/{number}").as_bytes()).expect("an answer").expect(200);
                    assert!(answer.body == image(number), "image {number} has another's bytes");
                }
            });
        }
    });
    assert_eq!((origin.all().len(), entries(&edge)), (64, 64));
}

fn image(number: u64) -> Vec<u8> {
    bytes(number, 3_000 + number as usize * 100)
}

#[test]
fn the_name_that_makes_the_key_is_the_name_that_the_upstream_hears() {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    origin.otherwise(|asked| Reply::ok(format!("{} {}", asked.header("host"), asked.target)).control("max-age=60"));
    let ask = |head: &str| Raw::connect(edge.address).send(format!("{head}\r\n\r\n")).answer().expect("an answer");
    let both = ask("GET http://victim.example/a HTTP/1.1\r\nhost: evil.example");
    assert_eq!(both.expect(200).text(), "victim.example /a");
    let own = ask("GET /a HTTP/1.1\r\nhost: victim.example").expect(200);
    assert_eq!((own.header("x-cache"), own.text().as_str()), ("HIT", "victim.example /a"));
    for host in ["victim.example/account", "victim.example?", "user@victim.example", "a.example\r\nhost: b.example"] {
        ask(&format!("GET /login HTTP/1.1\r\nhost: {host}")).expect_problem(400, "invalid");
    }
    assert_eq!(origin.all().len(), 1);
}

#[test]
fn a_field_that_is_for_one_connection_selects_nothing() {
    let (origin, edge) = start();
    origin.by("/images/fox", |asked| {
        Reply::ok(format!("for {}", asked.header("accept"))).header("vary", "accept").control("max-age=60")
    });
    let accept = ("accept", "image/avif");
    let first = edge.client.get_with("/api/images/fox", &[accept, ("connection", "accept")]).expect(200);
    let second = edge.client.get_with("/api/images/fox", &[accept]).expect(200);
    assert_eq!((first.text().as_str(), second.text().as_str()), ("for ", "for image/avif"));
}
