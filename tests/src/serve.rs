//! An image goes out: by origin and edge, with the headers that let every cache between keep it, and nothing else does.

use orbit_model::Digest;
use serde_json::Value;

use crate::harness::fixtures::{photo, trouble};
use crate::harness::{Answer, Folder, Launch, Raw, Server, eventually};

const BOTH: [&str; 2] = ["/images/fox", "/api/images/fox"];

/// A server that holds the image `fox` of the thread `t`.
fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    server.client.put("/images/fox?thread_id=t&prompt=a+secret+fox", &photo("chelsea.png")).expect(201);
    (folder, server)
}

fn edge_entries(server: &Server) -> Value {
    server.client.get("/stats").expect(200).json()["edge"]["memory"]["entries"].clone()
}

#[test]
fn an_image_has_the_headers_that_caches_and_pages_need() {
    let (_folder, server) = start();
    for path in BOTH {
        let get = server.client.get(path).expect(200);
        for (name, value) in [
            ("content-type", "image/webp"),
            ("cache-control", "public, max-age=3600, immutable"),
            ("accept-ranges", "bytes"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET, OPTIONS"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("timing-allow-origin", "*"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'"),
            ("etag", &Digest::of(&get.body).etag()),
            ("content-length", &get.body.len().to_string()),
        ] {
            assert_eq!(get.header(name), value, "{path} {name}");
        }
        assert!(get.header("last-modified").ends_with(" GMT") && !get.header("date").is_empty(), "{path}");
        assert!(get.headers.get("vary").is_none() && get.headers.get("set-cookie").is_none(), "{path}");
        let head = server.client.head(path).expect(200);
        assert_eq!(head.body, b"");
        for name in ["content-type", "content-length", "etag", "last-modified", "cache-control", "accept-ranges"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
        let webp = server.client.get(&format!("{path}.webp")).expect(200);
        assert_eq!((webp.header("etag"), &webp.body), (get.header("etag"), &get.body));
    }
}

#[test]
fn a_preflight_allows_reading_and_no_more() {
    let (_folder, server) = start();
    for path in BOTH {
        let headers = [("origin", "https://app.example"), ("access-control-request-method", "GET")];
        let answer = server.client.send("OPTIONS", path, &headers, None).expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-methods"), "GET, OPTIONS");
        assert!(answer.header("access-control-allow-headers").contains("Range"));
    }
}

#[test]
fn the_second_look_is_a_hit() {
    let (_folder, server) = start();
    let miss = server.client.get("/api/images/fox").expect(200);
    assert_eq!(miss.header("x-cache"), "MISS");
    assert_eq!(miss.header("cache-status"), "orbit-edge; fwd=uri-miss; fwd-status=200; stored");
    assert!(
        miss.header("server-timing").starts_with("cache;desc=\"MISS\";dur=")
            && miss.header("server-timing").contains("origin;dur=")
    );
    let hit = server.client.get("/api/images/fox").expect(200);
    assert_eq!(hit.header("x-cache"), "HIT");
    let ttl = hit
        .header("cache-status")
        .strip_prefix("orbit-edge; hit; ttl=")
        .and_then(|rest| rest.strip_suffix("; detail=memory"));
    let ttl: u64 = ttl.expect("a hit in memory").parse().unwrap();
    let age: u64 = hit.header("age").parse().unwrap();
    assert!((3590..=3600).contains(&ttl) && age <= 10, "ttl {ttl}, age {age}");
    assert!(
        hit.header("server-timing").starts_with("cache;desc=\"HIT\";dur=")
            && !hit.header("server-timing").contains("origin")
    );
    assert!(hit.header("access-control-expose-headers").contains("X-Cache"));
    assert_eq!(hit.body, miss.body);
    assert_eq!(server.client.head("/api/images/fox").header("x-cache"), "HIT");
    for line in ["[IMAGE CACHE] MISS: fox", "[IMAGE CACHE] HIT: fox"] {
        eventually(line, || server.log().contains(line).then_some(()));
    }
}

#[test]
fn what_a_browser_has_already_is_not_sent_again() {
    let (_folder, server) = start();
    for path in BOTH {
        let whole = server.client.get(path).expect(200);
        let (etag, date) = (whole.header("etag"), whole.header("last-modified"));
        for condition in [("if-none-match", etag), ("if-none-match", "*"), ("if-modified-since", date)] {
            let answer = server.client.get_with(path, &[condition]).expect(304);
            assert_eq!(answer.body, b"", "{path} {condition:?}");
            for name in ["etag", "cache-control", "last-modified"] {
                assert_eq!(answer.header(name), whole.header(name), "{path} {name}");
            }
        }
        let weak = format!("\"other\", W/{etag}");
        server.client.get_with(path, &[("if-none-match", &weak)]).expect(304);
        for condition in [("if-none-match", "\"other\""), ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")] {
            assert_eq!(server.client.get_with(path, &[condition]).expect(200).body, whole.body);
        }
        // The tag is decisive where both are given (RFC 9110 section 13.2.2).
        server.client.get_with(path, &[("if-none-match", "\"other\""), ("if-modified-since", date)]).expect(200);
        server.client.get_with(path, &[("if-match", "\"other\"")]).expect_problem(412, "conflict");
    }
}

#[test]
fn a_part_is_sent_alone() {
    let (_folder, server) = start();
    for path in BOTH {
        let whole = server.client.get(path).expect(200);
        let (body, length) = (&whole.body, whole.body.len());
        for (range, start, end) in [
            ("bytes=0-99".to_owned(), 0, 100),
            ("bytes=100-100".to_owned(), 100, 101),
            (format!("bytes={}-", length - 7), length - 7, length),
            ("bytes=-5".to_owned(), length - 5, length),
            (format!("bytes=0-{}", length * 2), 0, length),
            (format!("bytes=-{}", length * 2), 0, length),
        ] {
            let part = server.client.get_with(path, &[("range", &range)]).expect(206);
            assert_eq!(part.body, body[start..end], "{path} {range}");
            assert_eq!(part.header("content-range"), format!("bytes {start}-{}/{length}", end - 1));
            assert_eq!((part.header("etag"), part.header("content-type")), (whole.header("etag"), "image/webp"));
        }
        for range in [format!("bytes={length}-"), format!("bytes={}-{}", length + 5, length + 9), "bytes=-0".to_owned()]
        {
            let answer = server.client.get_with(path, &[("range", &range)]);
            answer.expect_problem(416, "invalid");
            assert_eq!(answer.header("content-range"), format!("bytes */{length}"), "{range}");
        }
        for range in ["bytes=0-1,5-9", "bytes=9-2", "lines=0-9", "bytes=x-"] {
            assert_eq!(server.client.get_with(path, &[("range", range)]).expect(200).body, *body, "{path} {range}");
        }
        let head = server.client.send("HEAD", path, &[("range", "bytes=0-9")], None).expect(200);
        assert_eq!(head.header("content-length"), length.to_string());
    }
}

#[test]
fn a_part_of_other_bytes_is_never_mixed_in() {
    let (_folder, server) = start();
    for path in BOTH {
        let whole = server.client.get(path).expect(200);
        let (etag, range) = (whole.header("etag"), ("range", "bytes=0-9"));
        server.client.get_with(path, &[range, ("if-range", etag)]).expect(206);
        for stale in ["\"other\"", &format!("W/{etag}"), "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense"] {
            assert_eq!(
                server.client.get_with(path, &[range, ("if-range", stale)]).expect(200).body,
                whole.body,
                "{path} {stale}"
            );
        }
    }
}

#[test]
fn a_request_for_a_part_fills_the_edge_with_the_whole() {
    let (_folder, server) = start();
    let part = server.client.get_with("/api/images/fox", &[("range", "bytes=0-9")]).expect(206);
    assert_eq!(part.header("x-cache"), "MISS");
    let whole = server.client.get("/api/images/fox").expect(200);
    assert_eq!((whole.header("x-cache"), &whole.body[..10]), ("HIT", &*part.body));
}

#[test]
fn what_is_no_part_of_the_key_makes_no_second_entry() {
    let (_folder, server) = start();
    server.client.get("/api/images/fox").expect(200);
    for number in 0..200 {
        let path = format!("/api/images/fox?x={number}&utm_source=a");
        let headers = [
            ("accept", "image/png"),
            ("x-forwarded-host", "evil.example"),
            ("cookie", "a=b"),
            ("accept-encoding", "br"),
        ];
        let answer = server.client.get_with(&path, &headers).expect(200);
        assert_eq!((answer.header("x-cache"), answer.header("content-type")), ("HIT", "image/webp"));
    }
    assert_eq!(edge_entries(&server), 1);
}

#[test]
fn a_path_that_hides_another_is_not_found() {
    let (folder, server) = start();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "ORBIT-SECRET").unwrap();
    std::os::unix::fs::symlink(&secret, folder.images()["fox"].with_file_name("linked")).unwrap();
    let long = "a".repeat(600);
    let names: [&[u8]; 24] = [
        b"..",
        b".",
        b"../secret",
        b"..%2fsecret",
        b"%2e%2e/secret",
        b"%2e%2e%2fsecret",
        b"%2E%2E%2Fsecret",
        b"%252e%252e%252fsecret",
        b"..\\secret",
        b"..%5csecret",
        b"fox%00",
        b"fox%00.webp",
        b"fox/../fox",
        b"fox//",
        b"./fox",
        b"fox%0d%0ax-evil:%201",
        b"%ef%bc%8e%ef%bc%8e/secret",
        b"%c0%ae%c0%ae/secret",
        b"....//secret",
        b"../../../../etc/passwd",
        b"%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        b"%ff",
        b"linked",
        long.as_bytes(),
    ];
    for prefix in ["/images/", "/api/images/"] {
        for name in names {
            let path = [prefix.as_bytes(), name].concat();
            let answer = Raw::connect(server.address).get(&path).expect("an answer");
            let shown = String::from_utf8_lossy(&path);
            assert!(!answer.text().contains("ORBIT-SECRET") && !answer.text().contains("root:"), "{shown}");
            assert_eq!(answer.status, 404, "{shown}: {}", answer.text());
            answer.expect_problem(404, "not_found");
        }
        for name in [b"fox\0".as_slice(), b"\xef\xbc\x8e\xef\xbc\x8e/secret", b"fox\x01"] {
            let answer = Raw::connect(server.address).get(&[prefix.as_bytes(), name].concat()).expect("an answer");
            assert!(matches!(answer.status, 400 | 404), "{}", answer.status);
        }
    }
    server.client.get("/images/fox").expect(200);
}

#[test]
fn administration_can_not_be_reached_through_the_public_prefix() {
    let (_folder, server) = start();
    for path in
        ["../stats", "%2e%2e/stats", "..%2fstats", "../../stats", "x/../../stats", "..;/stats", "%2e%2e%2fpurge"]
    {
        let path = format!("/api/images/{path}");
        Raw::connect(server.address).get(path.as_bytes()).expect("an answer").expect_problem(404, "not_found");
        let post = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 12\r\n\r\n{{\"all\":true}}");
        let answer = Raw::connect(server.address).send(post).answer().expect("an answer");
        assert!(matches!(answer.status, 404 | 405), "{path}: {}", answer.status);
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let body = (method != "DELETE").then_some(b"x".as_slice());
        let answer = server.client.send(method, "/api/images/fox", &[], body);
        answer.expect_problem(405, "invalid");
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    }
    server.client.get("/images/fox").expect(200);
}

#[test]
fn every_error_is_a_problem_document() {
    let (_folder, server) = start();
    for path in
        ["/nothing", "/images/none", "/api/images/none", "/images/none/meta", "/images/fox/none", "/generations/none"]
    {
        server.client.get(path).expect_problem(404, "not_found");
    }
    for path in [
        "/images?limit=0",
        "/images?limit=201",
        "/images?limit=x",
        "/images?cursor=%25",
        "/images?colour=red",
        "/images?thread_id=..%2f",
    ] {
        server.client.get(path).expect_problem(400, "invalid");
    }
    server.client.get("/threads/t/events?after=x").expect_problem(400, "invalid");
    server.client.get("/threads/%2e%2e/events").expect_problem(400, "invalid");
    server.client.delete("/images/none").expect_problem(404, "not_found");
    server.client.upload("/purge", b"{}").expect_problem(400, "invalid");
    server.client.upload("/purge", b"nonsense").expect_problem(400, "invalid");
    server.client.get("/threads/t/events?after=1-0&after=2-0").expect_problem(400, "invalid");
    server.client.upload("/purge", &vec![b' '; (8 << 20) + 1]).expect_problem(413, "too_large");
    let answer = server.client.send("PATCH", "/images/fox", &[], Some(b"x"));
    answer.expect_problem(405, "invalid");
    assert!(
        answer.header("allow").contains("GET") && answer.header("allow").contains("PUT"),
        "{}",
        answer.header("allow")
    );
}

#[test]
fn nothing_that_was_hidden_in_a_file_comes_out_again() {
    let (folder, server) = start();
    for name in ["canaries.png", "canaries.jpg", "canaries.webp"] {
        let source = trouble(name);
        assert!(contains_canary(&source), "{name} is a fixture with canaries");
        let metadata = server.client.upload(&format!("/images?thread_id=t&title={name}"), &source).expect(201);
        let id = metadata.json()["id"].as_str().unwrap().to_owned();
        let paths =
            [format!("/images/{id}"), format!("/api/images/{id}"), format!("/images/{id}/meta"), "/images".to_owned()];
        let answers = paths.iter().map(|path| server.client.get(path).expect(200));
        for answer in answers.chain([metadata]) {
            assert!(!contains_canary(&answer.body), "{name}: {answer:?}");
            let headers = format!("{:?}", answer.headers);
            assert!(!headers.contains("ORBIT-CANARY"), "{headers}");
        }
        assert_eq!(folder.source(&id), source, "the kept source is as it came");
    }
    assert!(!server.log().contains("ORBIT-CANARY"));
    assert!(!contains_canary(&std::fs::read(folder.path().join("index.sqlite")).unwrap()));
}

fn contains_canary(bytes: &[u8]) -> bool {
    bytes.windows(12).any(|window| window == b"ORBIT-CANARY")
}

#[test]
fn a_prompt_is_not_shown_under_the_public_prefix() {
    let (_folder, server) = start();
    assert_eq!(
        server.client.get("/images/fox/meta").json()["prompt"],
        "a secret fox",
        "this machine's programs may see it"
    );
    let public: Answer = server.client.get("/api/images/fox/meta");
    assert!(!public.text().contains("secret"), "{}", public.text());
}
