//! How clients connect: the protocols without TLS, how many at once, and what becomes of those who dawdle (T-DOS-8).

use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::fixtures::photo;
use crate::harness::{DEADLINE, Folder, Gate, Launch, Raw, Reply, Scripted, Server, eventually, get_by_http2};

/// An edge without an upstream: it can tell its health.
fn edge(words: &[&str]) -> Server {
    Launch::edge("http://127.0.0.1:9").words(words).start()
}

fn healthy(raw: &mut Raw) {
    raw.get(b"/healthz").expect("an answer").expect(200);
}

#[test]
fn http_2_is_spoken_with_prior_knowledge() {
    let server = edge(&[]);
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(get_by_http2(stream, "/healthz").0);
    healthy(&mut Raw::connect(server.address));
}

#[test]
fn a_second_server_on_the_same_port_is_refused() {
    let server = edge(&[]);
    let address = server.address.to_string();
    let output = Launch::edge("http://127.0.0.1:9").words(&["--listen", &address]).refused();
    assert!(output.stderr.contains(&format!("cannot listen on {address}")), "{}", output.stderr);
}

#[test]
fn who_dawdles_over_a_header_or_says_no_more_is_let_go() {
    let server = edge(&["--header-timeout", "1s", "--idle-timeout", "1s"]);
    let mut silent = Raw::connect(server.address);
    let mut halfway = Raw::connect(server.address);
    halfway.send("GET /healthz HTTP/1.1\r\nhost: local");
    let mut idle = Raw::connect(server.address);
    healthy(&mut idle);
    for raw in [&mut silent, &mut halfway, &mut idle] {
        assert_eq!(raw.rest(), b"");
    }
}

#[test]
fn who_reads_nothing_of_an_answer_is_cut_off_and_holds_up_nobody() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--stall-timeout", "1s", "--log-level", "debug"]).start();
    server.client.put("/images/fox", &photo("chelsea.png")).expect(201);
    let length = server.client.get("/api/images/fox").expect(200).body.len();
    // More than the kernel keeps of what nobody reads.
    let requests = (64 << 20) / length;
    let mut stalled = Raw::connect(server.address);
    for _ in 0..requests {
        stalled.send("GET /api/images/fox HTTP/1.1\r\nhost: localhost\r\n\r\n");
    }
    eventually("the reader to be cut off", || {
        server.client.get("/api/images/fox").expect(200);
        server.log().contains("too slow is cut off").then_some(())
    });
    assert!(stalled.rest().len() < requests * length);
}

#[test]
fn an_uploader_who_stops_in_the_middle_gives_the_place_back() {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--stall-timeout", "1s"]).start();
    let queued = || server.client.get("/stats").expect(200).json()["codec"]["queued"].clone();
    let mut stalled = Raw::connect(server.address);
    stalled.send("PUT /images/fox HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf");
    eventually("the upload to have begun", || (queued() == 1).then_some(()));
    eventually("the place to be free", || (queued() == 0).then_some(()));
    stalled.rest();
}

#[test]
fn a_write_that_the_upstream_does_not_answer_is_told_so_and_its_connection_ends() {
    let upstream = Scripted::start();
    let gate = Gate::closed();
    upstream.on("/images/fox", Reply::ok("late").hold(&gate).forever("r"));
    let edge = Launch::edge(&upstream.url()).words(&["--upstream-timeout", "1s"]).start();
    edge.client.put("/images/fox", b"a fox").expect(504).expect_any_problem();
    assert_eq!(upstream.last("/images/fox").body(), b"a fox");
    gate.open();
    eventually("the connection to be gone", || (upstream.abandoned("/images/fox") == 1).then_some(()));
}

#[test]
fn connections_beyond_the_limit_wait_for_one_to_end() {
    let server = edge(&["--max-connections", "2"]);
    let (mut first, mut second) = (Raw::connect(server.address), Raw::connect(server.address));
    healthy(&mut first);
    healthy(&mut second);
    let mut third = Raw::connect(server.address);
    third.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    eventually("the server to say so", || server.log().contains("all connections are in use").then_some(()));
    healthy(&mut second);
    drop(first);
    third.answer().expect("an answer").expect(200);
}

#[test]
fn too_large_a_header_is_told_so_and_a_large_one_is_taken() {
    let server = edge(&["--max-header-bytes", "4KiB"]);
    let with = |length: usize| {
        let header = "x".repeat(length);
        let mut raw = Raw::connect(server.address);
        raw.send(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {header}\r\n\r\n")).answer()
    };
    with(3500).expect("an answer").expect(200);
    with(5000).expect("an answer").expect(431);
    let mut many = Raw::connect(server.address);
    let fields = "x: y\r\n".repeat(101);
    many.send(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n"));
    many.answer().expect("an answer").expect(431);
}

#[test]
fn a_thousand_idle_streams_hold_up_nobody() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    let mut streams: Vec<Raw> = (0..1000).map(|_| Raw::connect(server.address)).collect();
    for raw in &mut streams {
        // To HTTP/1.0 the stream is a body without chunks: its header is all that is read here.
        raw.send("GET /threads/t/events HTTP/1.0\r\n\r\n");
    }
    for raw in &mut streams {
        raw.answer().expect("the beginning of a stream").expect(200);
    }
    for _ in 0..100 {
        healthy(&mut Raw::connect(server.address));
    }
    server.stop();
}

#[test]
fn a_limit_that_nothing_fits_into_is_refused() {
    for (flag, value) in [("--max-connections", "0"), ("--max-header-bytes", "1B"), ("--idle-timeout", "0s")] {
        let output = Launch::edge("http://127.0.0.1:9").words(&[flag, value, "--listen", "127.0.0.1:0"]).refused();
        assert!(output.stderr.contains(flag), "{}", output.stderr);
    }
}
