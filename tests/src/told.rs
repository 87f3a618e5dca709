//! What the edge says of itself and passes on: `Cache-Status`, `X-Cache`, `Age`, `Server-Timing`; fields of one connection
//! stay on it, and bytes are never touched.

use crate::harness::{Launch, Raw, Reply, Scripted, Server, bytes};

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::rfc(&origin.url()).start();
    (origin, edge)
}

#[test]
fn what_the_cache_did_is_told_in_the_fields_that_tools_read() {
    let (origin, edge) = start();
    origin.on("/x", Reply::ok("x").control("max-age=60").header("age", "20"));
    let miss = edge.client.get("/x").expect(200);
    assert_eq!(miss.header("x-cache"), "MISS");
    assert_eq!(miss.header("cache-status"), "orbit-edge; fwd=uri-miss; fwd-status=200; stored");
    let timing = miss.header("server-timing");
    assert!(timing.starts_with("cache;desc=\"MISS\";dur=") && timing.contains("origin;dur="), "{timing}");
    let hit = edge.client.get("/x").expect(200);
    let status = hit.header("cache-status");
    let ttl = status.strip_prefix("orbit-edge; hit; ttl=").and_then(|rest| rest.strip_suffix("; detail=memory"));
    let ttl = ttl.unwrap_or_else(|| panic!("{status}"));
    let (ttl, age): (u64, u64) = (ttl.parse().unwrap(), hit.header("age").parse().unwrap());
    assert_eq!((ttl + age, hit.header("x-cache")), (60, "HIT"));
    assert!(age >= 20, "{age}");
    assert!(hit.header("server-timing").starts_with("cache;desc=\"HIT\";dur="), "{}", hit.header("server-timing"));
    assert!(!hit.header("server-timing").contains("origin"));
}

#[test]
fn each_reason_to_ask_the_origin_has_its_word() {
    let (origin, edge) = start();
    origin.on("/x", Reply::ok("x").control("max-age=60").header("vary", "x-kind"));
    origin.on("/old", Reply::ok("x").control("max-age=60").header("age", "60").etag("\"1\""));
    origin.on("/never", Reply::ok("x").control("no-store"));
    for path in ["/x", "/old"] {
        edge.client.get(path).expect(200);
    }
    let status = |method: &str, path: &str, fields: &[(&str, &str)]| {
        edge.client.send(method, path, fields, (method == "POST").then_some(b"x")).header("cache-status").to_owned()
    };
    assert_eq!(status("GET", "/never", &[]), "orbit-edge; fwd=uri-miss; fwd-status=200");
    assert!(status("GET", "/x", &[("x-kind", "b")]).starts_with("orbit-edge; fwd=vary-miss; fwd-status=200; "));
    assert!(
        status("GET", "/x", &[("cache-control", "no-cache")]).starts_with("orbit-edge; fwd=request; fwd-status=200")
    );
    assert!(status("GET", "/old", &[]).starts_with("orbit-edge; fwd=stale; fwd-status=304"));
    assert!(status("POST", "/x", &[]).starts_with("orbit-edge; fwd=method; fwd-status=200"));
}

#[test]
fn what_a_cache_further_up_said_stays_before_our_own_word() {
    let (origin, edge) = start();
    origin.on("/x", Reply::ok("x").control("max-age=60").header("cache-status", "inner; hit"));
    for own in ["orbit-edge; fwd=uri-miss", "orbit-edge; hit"] {
        let answer = edge.client.get("/x").expect(200);
        let lines: Vec<&str> =
            answer.headers.get_all("cache-status").iter().map(|value| value.to_str().unwrap()).collect();
        let members = lines.join(", ");
        assert!(members.starts_with(&format!("inner; hit, {own}")), "{members}");
    }
}

#[test]
fn fields_of_one_connection_stay_on_it() {
    let (origin, edge) = start();
    let reply = Reply::ok("x").control("max-age=60").header("connection", "x-hop").header("x-hop", "theirs");
    let reply = reply.header("keep-alive", "timeout=5").header("proxy-authenticate", "Basic");
    origin.on("/x", reply.header("x-kept", "yes"));
    for _ in 0..2 {
        let mut raw = Raw::connect(edge.address);
        raw.ask(
            "GET",
            "/x",
            &[
                ("connection", "x-own"),
                ("x-own", "ours"),
                ("te", "trailers"),
                ("proxy-authorization", "x"),
                ("x-sent", "yes"),
            ],
        );
        let answer = raw.answer().expect("an answer").expect(200);
        for name in ["x-hop", "keep-alive", "proxy-authenticate"] {
            assert_eq!(answer.headers.get(name), None, "{name}");
        }
        assert_eq!(answer.header("x-kept"), "yes");
    }
    let asked = origin.last("/x");
    for name in ["x-own", "te", "proxy-authorization", "keep-alive"] {
        assert_eq!(asked.header(name), "", "{name}");
    }
    assert_eq!(asked.header("x-sent"), "yes");
    assert_eq!(origin.count("/x"), 1);
}

#[test]
fn an_encoded_body_is_passed_as_it_is() {
    let (origin, edge) = start();
    // It need not be what it says: nobody on the way looks.
    let body = bytes(7, 70_000);
    let encoded = || Reply::ok(&body).control("max-age=60").header("content-encoding", "gzip");
    origin.on("/plain", encoded()).on("/chunked", encoded().chunked()).on("/close", encoded().until_close());
    for path in ["/plain", "/chunked", "/close"] {
        for outcome in ["MISS", "HIT"] {
            let answer = edge.client.get_with(path, &[("accept-encoding", "gzip")]).expect(200);
            assert_eq!((answer.header("x-cache"), answer.header("content-encoding")), (outcome, "gzip"), "{path}");
            assert!(answer.body == body, "{path}: other bytes");
        }
        assert_eq!(origin.last(path).header("accept-encoding"), "gzip");
    }
}

#[test]
fn an_upstream_that_speaks_nonsense_is_a_502() {
    let (origin, edge) = start();
    origin.on("/x", Reply::ok("x"));
    for (number, nonsense) in [
        "nonsense\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nx".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2 << 20)),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/n{number}");
        origin.on(&path, Reply::verbatim(&nonsense));
        let answer = edge.client.get(&path);
        assert_eq!(answer.status, 502, "{}", nonsense.chars().take(40).collect::<String>());
        answer.expect_any_problem();
        assert!(!answer.text().contains("127.0.0.1"), "it names no machine of ours");
        // Nothing of it is taken for the beginning of the next answer.
        edge.client.get("/x").expect(200);
    }
}

#[test]
fn a_body_without_end_is_neither_kept_nor_collected() {
    let (origin, edge) = start();
    origin.on("/x", Reply::ok("").control("max-age=60").chunked().forever(bytes(1, 64 << 10)));
    let mut flow = edge.client.flow("/x", &[]);
    assert_eq!(flow.read(64 << 10), bytes(1, 64 << 10));
    for _ in 0..100 {
        flow.read(1 << 20);
    }
    drop(flow);
    crate::harness::eventually("the edge to hang up", || (origin.abandoned("/x") == 1).then_some(()));
    assert_eq!(edge.client.get("/stats").expect(200).json()["edge"]["memory"]["entries"], 0);
}
