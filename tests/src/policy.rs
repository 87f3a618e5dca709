//! The edge as a plain shared cache (`--profile rfc`): what it keeps, for how long, what it asks again, and what it says.
//!
//! The rules as such are table tests of `crates/cache`; here each is seen through the real binary, by how often the origin
//! is asked.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::{Launch, Raw, Reply, Scripted, Server};

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    (origin, edge)
}

const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LONG_AHEAD: &str = "Thu, 01 Jan 2099 00:00:00 GMT";

#[test]
fn what_an_answer_says_decides_whether_it_is_kept() {
    let control = |value: &str| Reply::ok("x").control(value);
    let cdn = |value: &str, cdn: &str| control(value).header("cdn-cache-control", cdn);
    // How often the origin is asked when two ask.
    let table: [(&str, Reply, usize); 33] = [
        ("max-age", control("max-age=60"), 1),
        ("upper case", control("MAX-AGE=60"), 1),
        ("a quoted value", control("max-age=\"60\""), 1),
        ("the first of two", control("max-age=60, max-age=0"), 1),
        ("too large a number", control("max-age=99999999999999999999"), 1),
        ("no time", control("max-age=0"), 2),
        ("all its time gone", control("max-age=60").header("age", "60"), 2),
        ("some of its time gone", control("max-age=60").header("age", "20"), 1),
        ("an age that is no number", control("max-age=60").header("age", "old"), 1),
        ("s-maxage over max-age", control("max-age=0, s-maxage=60"), 1),
        ("s-maxage, short", control("max-age=60, s-maxage=0"), 2),
        ("no-store", control("no-store, max-age=60"), 2),
        ("No-Store", control("No-Store, max-age=60"), 2),
        ("private", control("private, max-age=60"), 2),
        ("no-cache", control("no-cache, max-age=60"), 2),
        ("on two lines", control("max-age=60").control("no-store"), 2),
        ("nothing", Reply::ok("x"), 2),
        ("an old image", Reply::ok("x").header("last-modified", LONG_AGO), 1),
        ("Expires ahead", Reply::ok("x").header("expires", LONG_AHEAD), 1),
        ("Expires past", Reply::ok("x").header("expires", LONG_AGO), 2),
        ("Expires no date", Reply::ok("x").header("expires", "0").header("last-modified", LONG_AGO), 2),
        ("max-age over Expires", control("max-age=60").header("expires", LONG_AGO), 1),
        ("a date long ago", control("max-age=60").header("date", LONG_AGO), 2),
        ("any field", control("max-age=60").header("vary", "*"), 2),
        ("for this cache", cdn("no-store", "max-age=60"), 1),
        ("against this cache", cdn("max-age=60", "no-store"), 2),
        ("for this cache, unreadable", cdn("max-age=60", "max-age=;;"), 1),
        ("not there", Reply::status(404).control("max-age=60"), 1),
        ("nothing in it", Reply::status(204).control("max-age=60"), 1),
        ("moved for now", Reply::status(302).header("location", "/y").header("last-modified", LONG_AGO), 2),
        ("moved for a minute", Reply::status(302).header("location", "/y").control("max-age=60"), 1),
        ("an unknown status", Reply::status(299).header("last-modified", LONG_AGO), 2),
        ("an unknown status with its time", Reply::status(299).control("max-age=60"), 1),
    ];
    let (origin, edge) = start();
    for (number, (name, reply, times)) in table.into_iter().enumerate() {
        let path = format!("/row/{number}");
        origin.on(&path, reply);
        let [first, second] = [(); 2].map(|()| edge.client.get(&path));
        assert_eq!((origin.count(&path), first.status, &first.body), (times, second.status, &second.body), "{name}");
    }
}

#[test]
fn what_was_asked_with_a_password_is_kept_only_where_the_answer_allows_it() {
    let (origin, edge) = start();
    for (number, (control, times)) in
        [("max-age=60", 2), ("public, max-age=60", 1), ("s-maxage=60", 1), ("must-revalidate, max-age=60", 1)]
            .into_iter()
            .enumerate()
    {
        let path = format!("/secret/{number}");
        origin.on(&path, Reply::ok("for its bearer").control(control));
        for _ in 0..2 {
            edge.client.get_with(&path, &[("authorization", "Basic YTpi")]).expect(200);
        }
        assert_eq!(origin.count(&path), times, "{control}");
        assert_eq!(origin.last(&path).header("authorization"), "Basic YTpi");
    }
}

#[test]
fn nobody_gets_anothers_cookie() {
    // A plain shared cache keeps one that says itself how long it may be shared (RFC 9111 section 7.3), and no other.
    for (profile, path, name, value) in [
        ("image", "/api/images/fox", "cache-control", "max-age=60"),
        ("image", "/api/images/fox", "last-modified", LONG_AGO),
        ("rfc", "/images/fox", "last-modified", LONG_AGO),
        ("rfc", "/images/fox", "cache-control", "private, max-age=60"),
    ] {
        let origin = Scripted::start();
        let edge = Launch::edge(&origin.url()).words(&["--profile", profile]).start();
        let number = AtomicU64::new(0);
        origin.by("/images/fox", move |_| {
            let cookie = format!("session={}", number.fetch_add(1, Ordering::SeqCst));
            Reply::ok("x").header(name, value).header("set-cookie", cookie)
        });
        let cookies: Vec<String> =
            (0..3).map(|_| edge.client.get(path).expect(200).header("set-cookie").to_owned()).collect();
        assert_eq!(cookies, ["session=0", "session=1", "session=2"], "{profile}, {name}: {value}");
    }
}

#[test]
fn each_kind_of_request_that_vary_names_has_its_own_answer() {
    let (origin, edge) = start();
    origin.by("/x", |asked| {
        let body = format!("{}/{}", asked.header("x-one"), asked.header("x-two"));
        Reply::ok(body).control("max-age=60").header("vary", "X-One").header("vary", "x-two, accept")
    });
    let get = |one: &str, two: &str| edge.client.get_with("/x", &[("x-one", one), ("x-two", two)]).text();
    for _ in 0..2 {
        for (one, two) in [("a", "a"), ("a", "b"), ("b", "a"), ("A", "a")] {
            assert_eq!(get(one, two), format!("{one}/{two}"));
        }
        assert_eq!(edge.client.get("/x").text(), "/");
    }
    assert_eq!(origin.count("/x"), 5);
}

#[test]
fn what_a_request_asks_of_the_cache_is_done() {
    let (origin, edge) = start();
    let ask = |path: &str, control: &str| edge.client.get_with(path, &[("cache-control", control)]);
    origin.on("/x", Reply::ok("x").control("max-age=60").header("age", "20"));
    ask("/x", "only-if-cached").expect_any_problem();
    assert_eq!((ask("/x", "only-if-cached").status, origin.count("/x")), (504, 0));
    edge.client.get("/x").expect(200);
    // What is asked, and how often the origin has been asked after that.
    for (control, times) in [
        ("only-if-cached", 1),
        ("max-age=50", 1),
        ("no-cache", 2),
        ("max-age=10", 3),
        ("max-age=0", 4),
        ("min-fresh=50", 5),
        ("min-fresh=1", 5),
        ("max-stale", 5),
    ] {
        ask("/x", control).expect(200);
        assert_eq!(origin.count("/x"), times, "{control}");
    }
    edge.client.get_with("/x", &[("pragma", "no-cache")]).expect(200);
    assert_eq!(origin.count("/x"), 6);
    origin.on("/y", Reply::ok("y").control("max-age=60"));
    ask("/y", "no-store").expect(200);
    edge.client.get("/y").expect(200);
    assert_eq!(origin.count("/y"), 2);
}

#[test]
fn who_takes_what_is_stale_gets_it_as_far_as_it_goes() {
    let (origin, edge) = start();
    for (path, control, text) in [
        ("/a", "max-stale", "old"),
        ("/b", "max-stale=600", "old"),
        ("/c", "max-stale=10", "new"),
        ("/d", "max-age=600", "new"),
    ] {
        origin.on(path, Reply::ok("old").control("max-age=60").header("age", "90").etag("\"1\""));
        edge.client.get(path).expect(200);
        origin.on(path, Reply::ok("new").control("max-age=60").etag("\"2\""));
        assert_eq!(edge.client.get_with(path, &[("cache-control", control)]).expect(200).text(), text, "{control}");
    }
    origin.on("/e", Reply::ok("old").control("max-age=60, must-revalidate").header("age", "90").etag("\"1\""));
    edge.client.get("/e").expect(200);
    origin.on("/e", Reply::ok("new").control("max-age=60"));
    assert_eq!(edge.client.get_with("/e", &[("cache-control", "max-stale")]).expect(200).text(), "new");
}

#[test]
fn a_write_takes_what_it_may_have_changed_away() {
    let (origin, edge) = start();
    origin.otherwise(|asked| match asked.method.as_str() {
        "GET" | "HEAD" => Reply::ok("x").control("max-age=60"),
        _ => {
            let status = asked.header("x-status").parse().unwrap();
            let reply = Reply::status(status).header("location", "/made").header("content-location", "/changed");
            reply.header("x-method", &asked.method)
        }
    });
    let touch = |method: &str, status: &str| {
        let head = format!("{method} /x HTTP/1.1\r\nhost: {}\r\nx-status: {status}\r\n", edge.address);
        let answer = Raw::connect(edge.address).send(format!("{head}content-length: 1\r\n\r\nx")).answer();
        let answer = answer.expect("an answer");
        assert_eq!((answer.status.to_string(), answer.header("x-method")), (status.to_owned(), method));
    };
    let counts = || ["/x", "/made", "/changed"].map(|path| edge_asks(&origin, &edge, path));
    counts();
    for (method, status, asks) in [
        ("POST", "200", true),
        ("PUT", "201", true),
        ("DELETE", "204", true),
        ("PATCH", "200", true),
        ("FOXTROT", "200", true),
        ("POST", "303", true),
        ("POST", "500", false),
        ("PUT", "404", false),
        ("OPTIONS", "200", false),
    ] {
        touch(method, status);
        assert_eq!(counts(), [asks; 3], "{method} {status}");
    }
}

/// Whether a GET of a path goes on to the origin.
fn edge_asks(origin: &Scripted, edge: &Server, path: &str) -> bool {
    let gets = || origin.asked(path).iter().filter(|asked| asked.method == "GET").count();
    let before = gets();
    edge.client.get(path).expect(200);
    gets() > before
}

#[test]
fn a_write_elsewhere_takes_nothing_of_this_place_away() {
    let (origin, edge) = start();
    origin.otherwise(|asked| match asked.method.as_str() {
        "GET" => Reply::ok("x").control("max-age=60"),
        _ => Reply::status(201).header("location", "http://elsewhere.example/x"),
    });
    edge.client.get("/x").expect(200);
    edge.client.send("POST", "/y", &[], Some(b"y")).expect(201);
    assert!(!edge_asks(&origin, &edge, "/x"));
}

#[test]
fn a_look_is_answered_from_the_whole_and_may_show_that_it_has_changed() {
    let (origin, edge) = start();
    origin.on("/x", Reply::ok("twelve bytes").control("max-age=60").etag("\"1\""));
    edge.client.get("/x").expect(200);
    let head = edge.client.head("/x").expect(200);
    assert_eq!((head.header("content-length"), head.header("etag"), head.body.len()), ("12", "\"1\"", 0));
    assert_eq!(origin.count("/x"), 1);
    origin.on("/x", Reply::ok("thirteen bytes").control("max-age=60").etag("\"2\""));
    edge.client.send("HEAD", "/x", &[("cache-control", "no-cache")], None).expect(200);
    assert_eq!(edge.client.get("/x").expect(200).text(), "thirteen bytes");
    // A look at what nobody has read yet stores no empty body.
    origin.on("/y", Reply::ok("y").control("max-age=60"));
    assert_eq!(edge.client.head("/y").expect(200).header("content-length"), "1");
    assert_eq!(edge.client.get("/y").expect(200).text(), "y");
}

#[test]
fn a_query_is_part_of_the_name_here_and_under_the_image_profile_only_what_is_known_of_it() {
    let (origin, rfc) = start();
    let image = Launch::edge(&origin.url()).start();
    origin.otherwise(|asked| Reply::ok(&asked.target).control("max-age=60"));
    for path in ["/images/a?w=1", "/images/a?w=2", "/images/a", "/images/a?", "/images/a?w=1&x=2", "/images/a?x=2&w=1"]
    {
        for _ in 0..2 {
            assert_eq!(rfc.client.get(path).expect(200).text(), path);
        }
    }
    assert_eq!(origin.count("/images/a"), 6);
    for query in ["", "?x=1", "?x=2"] {
        assert_eq!(image.client.get(&format!("/api/images/b{query}")).expect(200).text(), "/images/b");
    }
    assert_eq!(origin.count("/images/b"), 1);
}

#[test]
fn a_hit_has_every_field_as_it_came() {
    let (origin, edge) = start();
    let reply = Reply::ok("x").control("max-age=60").header("link", "</a>").header("link", "</b>");
    let reply = reply.header("x-odd", b"caf\xe9").header("x-empty", "").header("cdn-cache-control", "max-age=90");
    origin.on("/x", reply.header("vary", "x-a").header("vary", "x-b"));
    for _ in 0..2 {
        let answer = edge.client.get("/x").expect(200);
        let lines = |name: &str| answer.headers.get_all(name).iter().map(|value| value.as_bytes()).collect::<Vec<_>>();
        assert_eq!(lines("link"), [b"</a>", b"</b>"]);
        assert_eq!(lines("vary"), [b"x-a", b"x-b"]);
        assert_eq!((lines("x-odd"), lines("x-empty")), (vec![b"caf\xe9".as_slice()], vec![b"".as_slice()]));
        assert_eq!(lines("cdn-cache-control"), [b"max-age=90"]);
    }
    assert_eq!(origin.count("/x"), 1);
}
