//! Parts and conditions at the edge: decided on what is stored, with the whole fetched once, and never mixed from two.

use crate::harness::{Launch, Reply, Scripted, Server, bytes};

const LENGTH: usize = 10_000;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    (origin, edge)
}

fn whole() -> Reply {
    Reply::ok(bytes(1, LENGTH)).control("max-age=60").etag("\"1\"").header("last-modified", DATE)
}

#[test]
fn a_part_is_cut_from_what_is_stored() {
    let (origin, edge) = start();
    origin.on("/x", whole());
    edge.client.get("/x").expect(200);
    for (range, start, end) in [
        ("bytes=0-9", 0, 10),
        ("bytes=9990-", 9990, LENGTH),
        ("bytes=9999-20000", 9999, LENGTH),
        ("bytes=-10", 9990, LENGTH),
        ("bytes=-20000", 0, LENGTH),
    ] {
        let part = edge.client.get_with("/x", &[("range", range)]).expect(206);
        assert_eq!(part.body, bytes(1, LENGTH)[start..end], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {start}-{}/{LENGTH}", end - 1));
        assert_eq!((part.header("etag"), part.header("x-cache")), ("\"1\"", "HIT"));
    }
    for range in ["bytes=10000-", "bytes=20000-20001", "bytes=-0"] {
        let refused = edge.client.get_with("/x", &[("range", range)]).expect(416);
        assert_eq!(refused.header("content-range"), format!("bytes */{LENGTH}"), "{range}");
    }
    // Several parts may be answered whole, and what cannot be read counts as not asked.
    for range in ["bytes=0-1,5-9", "bytes=9-2", "lines=0-9", "bytes=x-", "bytes=", "0-9"] {
        assert_eq!(edge.client.get_with("/x", &[("range", range)]).expect(200).body, bytes(1, LENGTH), "{range}");
    }
    assert_eq!(origin.count("/x"), 1);
}

#[test]
fn a_part_of_other_bytes_is_never_sent() {
    let (origin, edge) = start();
    origin.on("/x", whole());
    edge.client.get("/x").expect(200);
    let ask = |validator: &str| edge.client.get_with("/x", &[("range", "bytes=0-9"), ("if-range", validator)]);
    ask("\"1\"").expect(206);
    for other in ["\"2\"", "W/\"1\"", "Mon, 07 Nov 1994 08:49:37 GMT", "nonsense"] {
        assert_eq!(ask(other).expect(200).body, bytes(1, LENGTH), "{other}");
    }
    assert_eq!(origin.count("/x"), 1);
}

#[test]
fn an_upstreams_part_is_not_taken_for_the_whole() {
    let (origin, edge) = start();
    origin.by("/x", |asked| match asked.header("range").as_str() {
        "" => whole(),
        "bytes=0-9" => Reply::status(206)
            .body(&bytes(1, LENGTH)[..10])
            .control("max-age=60")
            .etag("\"1\"")
            .header("content-range", format!("bytes 0-9/{LENGTH}")),
        other => Reply::status(400).body(other),
    });
    let part = || edge.client.get_with("/x", &[("range", "bytes=0-9")]).expect(206).body;
    assert_eq!(part(), bytes(1, 10));
    assert_eq!(edge.client.get("/x").expect(200).body, bytes(1, LENGTH));
    assert_eq!(part(), bytes(1, 10));
    assert_eq!(edge.client.get("/x").expect(200).body, bytes(1, LENGTH));
    // One that sends a part which nobody asked for is not believed a second time.
    origin.on("/y", Reply::status(206).body("part").control("max-age=60").header("content-range", "bytes 0-3/9"));
    edge.client.get("/y");
    origin.on("/y", Reply::ok("the whole").control("max-age=60"));
    assert_eq!(edge.client.get("/y").expect(200).text(), "the whole");
}

#[test]
fn under_the_image_profile_a_part_fetches_the_whole() {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    origin.on("/images/fox", whole());
    let part = edge.client.get_with("/api/images/fox", &[("range", "bytes=0-9")]).expect(206);
    assert_eq!((part.body, origin.last("/images/fox").header("range")), (bytes(1, 10), String::new()));
    // The 304 needs no body, which may still be on its way: then the second joins it.
    let second = edge.client.get("/api/images/fox").expect(200);
    assert!(second.body == bytes(1, LENGTH) && second.header("x-cache") != "MISS", "{}", second.header("x-cache"));
    assert_eq!(origin.count("/images/fox"), 1);
}

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let (origin, edge) = start();
    origin.on("/x", whole().header("vary", "accept"));
    let first = edge.client.get("/x").expect(200);
    for condition in [
        ("if-none-match", "\"1\""),
        ("if-none-match", "W/\"1\""),
        ("if-none-match", "\"0\", \"1\""),
        ("if-none-match", "*"),
        ("if-modified-since", DATE),
        ("if-modified-since", "Mon, 07 Nov 1994 08:49:37 GMT"),
    ] {
        let known = edge.client.get_with("/x", &[condition]).expect(304);
        assert_eq!((known.body.len(), known.header("x-cache")), (0, "HIT"), "{condition:?}");
        for name in ["etag", "vary", "cache-control", "last-modified"] {
            assert_eq!(known.header(name), first.header(name), "{name}");
        }
    }
    for condition in [
        ("if-none-match", "\"2\""),
        ("if-modified-since", "Sat, 05 Nov 1994 08:49:37 GMT"),
        ("if-modified-since", "nonsense"),
    ] {
        assert_eq!(edge.client.get_with("/x", &[condition]).expect(200).body, bytes(1, LENGTH), "{condition:?}");
    }
    // The tag is decisive where both are given (RFC 9110 section 13.2.2).
    edge.client.get_with("/x", &[("if-none-match", "\"2\""), ("if-modified-since", DATE)]).expect(200);
    assert_eq!(origin.count("/x"), 1);
}

#[test]
fn a_clients_condition_on_a_cold_key_still_stores_the_whole() {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    origin.on("/images/fox", whole());
    edge.client.get_with("/api/images/fox", &[("if-none-match", "\"1\"")]).expect(304);
    assert_eq!(origin.last("/images/fox").header("if-none-match"), "");
    let hit = edge.client.get("/api/images/fox").expect(200);
    assert_eq!((hit.header("x-cache"), &hit.body), ("HIT", &bytes(1, LENGTH)));
}
