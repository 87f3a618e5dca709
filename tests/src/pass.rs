//! What the cache has no part in passes through: streams as they come, other protocols, other paths; and requests that go
//! round in circles or mean two things do not.

use crate::harness::{Gate, Launch, Raw, Reply, Scripted, Server, bytes, eventually, free_port};

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    (origin, edge)
}

#[test]
fn an_event_is_there_while_its_stream_is_open() {
    for profile in ["image", "rfc"] {
        let origin = Scripted::start();
        let edge = Launch::edge(&origin.url()).words(&["--profile", profile]).start();
        let gate = Gate::closed();
        let stream = Reply::ok("data: one\n\n").wait(&gate).body("data: two\n\n").chunked();
        origin.on("/threads/t/events", stream.header("content-type", "text/event-stream").control("no-cache"));
        let mut events = edge.client.flow("/threads/t/events", &[]);
        assert_eq!(events.header("content-type"), "text/event-stream");
        assert_eq!(events.read(11), b"data: one\n\n");
        // A second subscriber has a stream of its own.
        let mut second = edge.client.flow("/threads/t/events", &[]);
        assert_eq!(second.read(11), b"data: one\n\n");
        assert_eq!(origin.count("/threads/t/events"), 2);
        drop(second);
        eventually("the origin to be told that one left", || {
            (origin.abandoned("/threads/t/events") == 1).then_some(())
        });
        gate.open();
        assert_eq!(events.rest().unwrap(), b"data: two\n\n");
    }
}

#[test]
fn another_protocol_is_spoken_through_the_edge() {
    let (origin, edge) = start();
    origin.on("/socket", Reply::upgrade("websocket").header("sec-websocket-accept", "x"));
    let mut raw = Raw::connect(edge.address);
    raw.ask(
        "GET",
        "/socket",
        &[
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "x3JJHMbDL1EzLkh9GBhXDw=="),
            ("sec-websocket-version", "13"),
        ],
    );
    let answer = raw.header().expect("a header");
    assert_eq!(
        (answer.status, answer.header("upgrade"), answer.header("sec-websocket-accept")),
        (101, "websocket", "x")
    );
    for frame in [b"\x81\x85hello".as_slice(), b"\x00\xff\r\n\r\n", &bytes(1, 100_000)] {
        raw.send(frame);
        assert_eq!(raw.take(frame.len()).expect("an echo"), frame);
    }
    assert_eq!(origin.last("/socket").header("sec-websocket-key"), "x3JJHMbDL1EzLkh9GBhXDw==");
    let mut refused = Raw::connect(edge.address);
    refused.ask("GET", "/none", &[("connection", "upgrade"), ("upgrade", "websocket")]);
    refused.answer().expect("an answer").expect(404);
}

#[test]
fn early_hints_come_before_the_answer_and_are_not_kept() {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    for (path, control) in [("/kept", "max-age=60"), ("/never", "no-store")] {
        let gate = Gate::closed();
        let reply = Reply::ok("x").control(control).interim(103, "link: </style.css>; rel=preload");
        origin.on(path, reply.hold(&gate));
        let mut raw = Raw::asking(edge.address, path, &[]);
        let interim = raw.header().expect("an interim answer");
        assert_eq!((interim.status, interim.header("link")), (103, "</style.css>; rel=preload"), "{path}");
        gate.open();
        let answer = raw.answer().expect("an answer").expect(200);
        assert_eq!((answer.text().as_str(), answer.header("link")), ("x", ""));
    }
    let hit = Raw::asking(edge.address, "/kept", &[]).answer().expect("an answer");
    assert_eq!((hit.status, hit.header("x-cache")), (200, "HIT"));
}

#[test]
fn an_upload_is_passed_on_as_it_comes() {
    let (origin, edge) = start();
    origin.on("/images", Reply::status(201).body("taken"));
    let (first, second) = (bytes(1, 50_000), bytes(2, 50_000));
    let length = Raw::connect(edge.address);
    let chunked = Raw::connect(edge.address);
    let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    for (mut raw, framing, pieces) in [
        (length, "content-length: 100000", [first.clone(), second.clone()]),
        (chunked, "transfer-encoding: chunked", [chunk(&first), [chunk(&second), b"0\r\n\r\n".to_vec()].concat()]),
    ] {
        let before = origin.count("/images");
        raw.send(format!("POST /images HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n")).send(&pieces[0]);
        eventually("the first half to be there while the second is not yet sent", || {
            (origin.count("/images") > before && origin.last("/images").body() == first).then_some(())
        });
        raw.send(&pieces[1]);
        raw.answer().expect("an answer").expect(201);
        assert!(origin.last("/images").body() == [first.clone(), second.clone()].concat(), "{framing}");
    }
}

#[test]
fn one_port_is_the_same_origin_for_images_and_app() {
    let (origin, app) = (Scripted::start(), Scripted::start());
    origin.otherwise(|asked| Reply::ok(format!("image {}", asked.target)));
    app.otherwise(|asked| Reply::ok(format!("app {} {}", asked.method, asked.target)).control("no-store"));
    let words = ["--app", &app.url(), "--map", "/api/images/=/images/", "--map", "/pictures/=/files/"];
    let edge = Launch::edge(&origin.url()).words(&words).start();
    for (path, text) in [
        ("/api/images/fox", "image /images/fox"),
        ("/pictures/a/owl.png", "image /files/a/owl.png"),
        ("/", "app GET /"),
        ("/gallery?page=2", "app GET /gallery?page=2"),
        ("/api/other", "app GET /api/other"),
        ("/_next/static/x.js", "app GET /_next/static/x.js"),
    ] {
        assert_eq!(edge.client.get(path).expect(200).text(), text);
    }
    for path in ["/api/images/fox", "/pictures/a/owl.png"] {
        assert_eq!(edge.client.get(path).expect(200).header("x-cache"), "HIT", "{path}");
    }
    assert_eq!(edge.client.send("POST", "/login", &[], Some(b"x")).expect(200).text(), "app POST /login");
    assert_eq!(edge.client.get("/healthz").expect(200).text(), "ok\n");
    // The app sees the name that the browser asked for, or its redirects would lead elsewhere.
    assert_eq!(app.last("/").header("host"), edge.address.to_string());
    app.stop();
    edge.client.get("/").expect_any_problem();
    edge.client.get("/api/images/fox").expect(200);
}

#[test]
fn an_edge_that_asks_itself_says_so() {
    for profile in ["image", "rfc"] {
        let address = format!("127.0.0.1:{}", free_port());
        let words = ["--listen", &address, "--profile", profile];
        let edge = Launch::edge(&format!("http://{address}")).words(&words).start();
        for path in ["/api/images/fox", "/images/fox", "/x"] {
            edge.client.get(path).expect_problem(508, "loop");
        }
        edge.client.upload("/images", b"x").expect_problem(508, "loop");
    }
}

#[test]
fn two_edges_that_ask_each_other_say_so() {
    for profile in ["image", "rfc"] {
        let [one, other] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let launch = |own: &str, next: &str| {
            Launch::edge(&format!("http://{next}")).words(&["--listen", own, "--profile", profile]).start()
        };
        let (first, second) = (launch(&one, &other), launch(&other, &one));
        for edge in [&first, &second] {
            for path in ["/images/fox", "/x"] {
                edge.client.get(path).expect_problem(508, "loop");
            }
        }
    }
}

#[test]
fn an_edge_behind_an_edge_is_no_loop() {
    let origin = Scripted::start();
    origin.on("/x", Reply::ok("x").control("max-age=60"));
    let inner = Launch::rfc(&origin.url()).start();
    let outer = Launch::rfc(&inner.url()).start();
    let answer = outer.client.get("/x").expect(200);
    let lines = answer.headers.get_all("cache-status").iter().map(|value| value.to_str().unwrap());
    let members = lines.collect::<Vec<_>>().join(", ");
    assert_eq!(members.matches("orbit-edge; fwd=uri-miss").count(), 2, "{members}");
    assert_eq!(outer.client.get("/x").expect(200).header("x-cache"), "HIT");
}

#[test]
fn what_is_passed_on_bears_our_mark() {
    let (origin, edge) = start();
    origin.otherwise(|_| Reply::ok("x"));
    edge.client.get("/api/images/fox").expect(200);
    edge.client.get_with("/x", &[("via", "1.0 fred"), ("cdn-loop", "other")]).expect(200);
    for path in ["/images/fox", "/x"] {
        let asked = origin.last(path);
        assert!(asked.header("via").contains("orbit-edge"), "{path}: {}", asked.header("via"));
        assert!(asked.header("cdn-loop").contains("orbit"), "{path}: {}", asked.header("cdn-loop"));
    }
    let asked = origin.last("/x");
    assert!(asked.header("via").starts_with("1.0 fred, ") && asked.header("cdn-loop").starts_with("other, "));
}

#[test]
fn an_upstream_that_is_dead_is_passed_over() {
    let (first, second) = (Scripted::start(), Scripted::start());
    first.otherwise(|_| Reply::ok("first").control("no-store"));
    second.otherwise(|_| Reply::ok("second").control("no-store"));
    let edge = Launch::edge(&first.url()).words(&["--upstream", &second.url()]).start();
    let get = |number: usize| edge.client.get(&format!("/api/images/i{number}")).expect(200).text();
    for number in 0..20 {
        assert!(["first", "second"].contains(&&*get(number)));
    }
    first.stop();
    for number in 20..60 {
        assert_eq!(get(number), "second");
    }
    assert_eq!(edge.client.get("/other").expect(200).text(), "second");
    let again = Scripted::start_at(first.address());
    again.otherwise(|_| Reply::ok("first").control("no-store"));
    second.stop();
    eventually("the first to be found again", || {
        let answer = edge.client.get("/api/images/fox");
        (answer.status == 200).then(|| assert_eq!(answer.text(), "first"))
    });
}

#[test]
fn a_connection_that_the_upstream_has_closed_is_nobodys_error() {
    let (origin, edge) = start();
    // Whole, and then closed without a word, as servers do with connections that they think idle.
    origin.otherwise(|_| Reply::ok("x").control("no-store").cut());
    for number in 0..50 {
        assert_eq!(edge.client.get(&format!("/api/images/i{number}")).expect(200).text(), "x");
        assert_eq!(edge.client.get(&format!("/i{number}")).expect(200).text(), "x");
    }
}

#[test]
fn a_write_is_never_sent_twice() {
    let (first, second) = (Scripted::start(), Scripted::start());
    for origin in [&first, &second] {
        origin.otherwise(|_| Reply::hang_up());
    }
    let edge = Launch::edge(&first.url()).words(&["--upstream", &second.url()]).start();
    let answer = edge.client.upload("/images", b"x");
    assert!(matches!(answer.status, 502..=504), "{}", answer.status);
    assert_eq!(first.count("/images") + second.count("/images"), 1);
}

#[test]
fn a_request_that_means_two_things_reaches_no_upstream() {
    let (origin, edge) = start();
    origin.otherwise(|_| Reply::ok("x"));
    let hidden = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let length = hidden.len();
    for (fields, body) in [
        (format!("content-length: 0\r\ncontent-length: {length}\r\n"), hidden.to_owned()),
        (format!("content-length: {length}, 0\r\n"), hidden.to_owned()),
        (format!("content-length: +{length}\r\n"), hidden.to_owned()),
        ("content-length: -1\r\n".to_owned(), hidden.to_owned()),
        ("content-length: 0x10\r\n".to_owned(), hidden.to_owned()),
        ("transfer-encoding: chunked, identity\r\n".to_owned(), format!("0\r\n\r\n{hidden}")),
        ("transfer-encoding: identity\r\n".to_owned(), hidden.to_owned()),
        ("transfer-encoding: xchunked\r\n".to_owned(), format!("0\r\n\r\n{hidden}")),
        ("transfer-encoding : chunked\r\n".to_owned(), format!("0\r\n\r\n{hidden}")),
        ("x: y\r\n transfer-encoding: chunked\r\n".to_owned(), format!("0\r\n\r\n{hidden}")),
        ("transfer-encoding: chunked\r\n".to_owned(), format!("0x0\r\n\r\n{hidden}")),
        ("transfer-encoding: chunked\r\n".to_owned(), format!("10000000000000000\r\n{hidden}")),
        ("transfer-encoding: chunked\r\n".to_owned(), format!("-1\r\n\r\n{hidden}")),
    ] {
        for path in ["/x", "/api/images/fox"] {
            let request = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n{body}");
            let mut raw = Raw::connect(edge.address);
            if let Some(answer) = raw.send(request).answer() {
                // A body that breaks off on its way to the upstream leaves the upstream without a whole request, and is a 502.
                let refused = (400..500).contains(&answer.status) || answer.status == 502;
                assert!(refused, "{fields:?} {body:?}: {}", answer.status);
            }
            // It must not go on reading: what follows is nobody's request.
            assert!(!String::from_utf8_lossy(&raw.rest()).contains("HTTP/1.1 200"), "{fields:?}");
        }
    }
    assert_eq!(origin.count("/smuggled"), 0);
    let old = "POST /x HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    if let Some(answer) = Raw::connect(edge.address).send(old).answer() {
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
}

#[test]
fn a_request_with_chunks_and_a_length_is_read_by_its_chunks_and_is_the_last_of_its_connection() {
    let (origin, edge) = start();
    origin.otherwise(|_| Reply::ok("x"));
    let hidden = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let length = format!("content-length: {}\r\n", 7 + hidden.len());
    let chunked = "transfer-encoding: chunked\r\n";
    for fields in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        let mut raw = Raw::connect(edge.address);
        raw.send(format!("POST /x HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n2\r\nab\r\n0\r\n\r\n{hidden}"));
        raw.answer().expect("an answer").expect(200);
        assert_eq!(raw.rest(), b"", "the rest was read as a second request");
        let asked = origin.last("/x");
        assert_eq!((asked.body().as_slice(), &*asked.header("content-length")), (b"ab".as_slice(), ""), "{fields:?}");
    }
    assert_eq!(origin.count("/smuggled"), 0);
}

#[test]
fn what_an_upstream_sends_in_chunks_has_no_other_length() {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    let fields = "cache-control: max-age=60\r\ncontent-length: 3\r\ntransfer-encoding: chunked";
    origin.otherwise(move |_| Reply::verbatim(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n")));
    for outcome in ["MISS", "HIT"] {
        let answer = edge.client.get("/kept").expect(200);
        assert_eq!((answer.header("x-cache"), answer.text().as_str()), (outcome, "hello"));
    }
    assert_eq!(edge.client.send("POST", "/passed", &[], Some(b"x")).expect(200).text(), "hello");
}

#[test]
fn a_transfer_coding_that_cannot_be_undone_is_neither_served_nor_kept() {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    for (index, coding) in ["gzip", "gzip, chunked", "chunked, chunked", "other"].into_iter().enumerate() {
        let path = format!("/{index}");
        let head = format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: {coding}\r\n\r\n");
        origin.on(&path, Reply::verbatim(format!("{head}5\r\nhello\r\n0\r\n\r\n")));
        edge.client.get(&path).expect_problem(502, "unavailable");
        origin.on(&path, Reply::ok("hello").control("max-age=60"));
        let answer = edge.client.get(&path).expect(200);
        assert_eq!((answer.header("x-cache"), answer.text().as_str()), ("MISS", "hello"), "{coding}");
    }
}
