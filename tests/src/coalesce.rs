//! Many who want the same thing at once: one asks for it, all get it, and nobody waits for what cannot be shared.
//!
//! The origin stands still at gates, so that each test says who came before what.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::{Answer, Gate, Launch, Raw, Reply, Scripted, Server, answers, bytes, crowd, eventually, outcomes};

const FOX: &str = "/api/images/fox";

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    (origin, edge)
}

/// Waits until the origin was asked this often for the image.
fn asked(origin: &Scripted, times: usize) {
    eventually("the origin to be asked", || (origin.count("/images/fox") >= times).then_some(()));
}

/// Waits until the image is a hit.
fn kept(edge: &Server) {
    eventually("the fill to be kept", || {
        let answer = edge.client.get(FOX).expect(200);
        (answer.header("x-cache") == "HIT").then_some(())
    });
}

#[test]
fn a_crowd_at_a_cold_key_makes_one_request() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok("a fox").hold(&gate));
    let crowd = crowd(50, &edge, FOX, &[]);
    asked(&origin, 1);
    gate.open();
    let answers = answers(crowd);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text() == "a fox"));
    assert_eq!((origin.count("/images/fox"), outcomes(&answers, "MISS")), (1, 1));
    assert_eq!(outcomes(&answers, "COALESCED") + outcomes(&answers, "HIT"), 49);
    let joined = answers.iter().find(|answer| answer.header("x-cache") == "COALESCED");
    if let Some(joined) = joined {
        assert!(joined.header("cache-status").contains("collapsed"), "{}", joined.header("cache-status"));
    }
}

#[test]
fn a_thousand_at_a_cold_key_make_one_request() {
    let (origin, edge) = start();
    let (gate, body) = (Gate::closed(), bytes(1, 20_000));
    origin.on("/images/fox", Reply::ok(&body).hold(&gate));
    let crowd = crowd(1000, &edge, FOX, &[]);
    asked(&origin, 1);
    gate.open();
    let answers = answers(crowd);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == body));
    assert_eq!((origin.count("/images/fox"), outcomes(&answers, "MISS")), (1, 1));
}

#[test]
fn a_crowd_at_an_expired_key_makes_one_request() {
    let (origin, edge) = start();
    let old = "max-age=60, stale-while-revalidate=0, stale-if-error=0";
    origin.on("/images/fox", Reply::ok("an old fox").control(old).header("age", "60").etag("\"1\""));
    edge.client.get(FOX).expect(200);
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok("a new fox").control("max-age=60").etag("\"2\"").hold(&gate));
    let crowd = crowd(50, &edge, FOX, &[]);
    asked(&origin, 2);
    gate.open();
    let answers = answers(crowd);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text() == "a new fox"));
    assert_eq!(origin.count("/images/fox"), 2);
    assert_eq!(origin.last("/images/fox").header("if-none-match"), "\"1\"");
}

#[test]
fn what_cannot_be_shared_lets_all_who_wait_go_at_once() {
    let (origin, edge) = start();
    let (header, body, number) = (Gate::closed(), Gate::closed(), AtomicU64::new(0));
    let (held, rest) = (header.clone(), body.clone());
    origin.by("/images/fox", move |_| {
        let own = format!("fox {:02}", number.fetch_add(1, Ordering::SeqCst));
        Reply::ok("for you: ").wait(&rest).body(own).control("no-store").hold(&held)
    });
    let first = crowd(20, &edge, FOX, &[]);
    asked(&origin, 1);
    header.open();
    // None of them has its answer yet: the origin has all twenty before it at the same time.
    asked(&origin, 20);
    body.open();
    let mut texts: Vec<String> = answers(first).iter().map(Answer::text).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!((texts.len(), origin.count("/images/fox")), (20, 20), "each has its own answer");
}

#[test]
fn what_is_known_not_to_be_shared_is_never_waited_for() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("yours").control("private"));
    edge.client.get(FOX).expect(200);
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok("yours").control("private").hold(&gate));
    let crowd = crowd(20, &edge, FOX, &[]);
    // No header has come since, and all are there.
    asked(&origin, 21);
    gate.open();
    assert!(answers(crowd).iter().all(|answer| answer.status == 200));
    assert_eq!(origin.count("/images/fox"), 21);
}

#[test]
fn what_could_not_be_shared_and_can_be_now_is_kept_again() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("yours").control("no-store"));
    edge.client.get(FOX).expect(200);
    origin.on("/images/fox", Reply::ok("everyone's").control("max-age=60"));
    edge.client.get(FOX).expect(200);
    assert_eq!(edge.client.get(FOX).expect(200).header("x-cache"), "HIT");
}

#[test]
fn the_second_reader_has_the_first_bytes_while_the_rest_is_on_its_way() {
    for chunked in [false, true] {
        let (origin, edge) = start();
        let (gate, reply) = (Gate::closed(), Reply::ok(bytes(1, 30_000)));
        let reply = reply.wait(&gate).body(bytes(2, 30_000));
        origin.on("/images/fox", if chunked { reply.chunked() } else { reply });
        let mut first = edge.client.flow(FOX, &[]);
        assert_eq!(first.read(30_000), bytes(1, 30_000));
        let mut second = edge.client.flow(FOX, &[]);
        assert_eq!((second.status, second.read(30_000)), (200, bytes(1, 30_000)));
        assert_eq!((first.header("x-cache"), second.header("x-cache")), ("MISS", "COALESCED"));
        gate.open();
        for reader in [first, second] {
            assert_eq!(reader.rest().unwrap(), bytes(2, 30_000));
        }
        assert_eq!(origin.count("/images/fox"), 1);
    }
}

#[test]
fn a_fill_outlives_the_client_that_began_it() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok(bytes(1, 9_000)).wait(&gate).body(bytes(2, 1_000)));
    let mut first = edge.client.flow(FOX, &[]);
    first.read(9_000);
    let mut second = edge.client.flow(FOX, &[]);
    second.read(9_000);
    drop(first);
    gate.open();
    assert_eq!(second.rest().unwrap(), bytes(2, 1_000));
    kept(&edge);
    assert_eq!(origin.count("/images/fox"), 1);
}

#[test]
fn a_fill_that_is_nearly_there_is_finished_for_nobody() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok(bytes(1, 9_000)).wait(&gate).body(bytes(2, 1_000)));
    let mut only = edge.client.flow(FOX, &[]);
    only.read(9_000);
    drop(only);
    gate.open();
    kept(&edge);
    assert_eq!((origin.count("/images/fox"), origin.abandoned("/images/fox")), (1, 0));
}

#[test]
fn a_fill_that_nobody_waits_for_and_that_has_far_to_go_is_stopped() {
    let (origin, edge) = start();
    let never = Gate::closed();
    origin.on("/images/fox", Reply::ok(bytes(1, 1_000)).wait(&never).claiming(60 << 20));
    let (mut first, mut second) = (edge.client.flow(FOX, &[]), edge.client.flow(FOX, &[]));
    first.read(1_000);
    second.read(1_000);
    drop(first);
    assert_eq!(origin.abandoned("/images/fox"), 0, "one still reads");
    drop(second);
    eventually("the edge to hang up", || (origin.abandoned("/images/fox") == 1).then_some(()));
    origin.on("/images/fox", Reply::ok("a small fox"));
    assert_eq!(edge.client.get(FOX).expect(200).text(), "a small fox");
}

#[test]
fn one_who_reads_slowly_holds_up_nobody() {
    let (origin, edge) = start();
    let body = bytes(1, 8 << 20);
    origin.on("/images/fox", Reply::ok(&body));
    // It asks first and reads nothing: eight megabytes fit in no socket's buffers.
    let mut slow = Raw::asking(edge.address, FOX, &[]);
    asked(&origin, 1);
    assert_eq!(edge.client.get(FOX).expect(200).body, body);
    assert_eq!(slow.answer().expect("a whole answer").body, body);
    assert_eq!(origin.count("/images/fox"), 1);
}

#[test]
fn a_fill_that_breaks_off_is_whole_for_nobody() {
    let half = || Reply::ok(bytes(1, 50_000)).claiming(100_000);
    for broken in [half().cut(), Reply::ok(bytes(1, 50_000)).chunked().cut(), half().chunked().cut()] {
        let (origin, edge) = start();
        let gate = Gate::closed();
        origin.on("/images/fox", broken.hold(&gate));
        let crowd = crowd(10, &edge, FOX, &[]);
        asked(&origin, 1);
        gate.open();
        for mut raw in crowd {
            let Some(answer) = raw.answer() else { continue };
            assert!(answer.status >= 500, "{} with {} bytes", answer.status, answer.body.len());
        }
        origin.on("/images/fox", Reply::ok(bytes(2, 1_000)));
        let whole = edge.client.get(FOX).expect(200);
        assert_eq!((whole.header("x-cache"), &whole.body), ("MISS", &bytes(2, 1_000)), "nothing was kept of it");
    }
}

#[test]
fn in_a_storm_of_two_kinds_each_has_its_own() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    let held = gate.clone();
    origin.by("/images/fox", move |asked| {
        Reply::ok(format!("as {}", asked.header("accept"))).header("vary", "Accept").hold(&held)
    });
    let kinds = ["image/webp", "image/avif"];
    let crowds = kinds.map(|kind| crowd(20, &edge, FOX, &[("accept", kind)]));
    asked(&origin, 1);
    gate.open();
    for (kind, crowd) in kinds.into_iter().zip(crowds) {
        for answer in answers(crowd) {
            assert_eq!((answer.status, answer.text()), (200, format!("as {kind}")));
        }
    }
    assert_eq!(origin.count("/images/fox"), 2, "one request a kind");
    for kind in kinds {
        let hit = edge.client.get_with(FOX, &[("accept", kind)]).expect(200);
        assert_eq!((hit.header("x-cache"), hit.text()), ("HIT", format!("as {kind}")));
    }
}

#[test]
fn a_look_and_a_part_during_a_fill_are_answered_from_it() {
    let (origin, edge) = start();
    let (gate, whole) = (Gate::closed(), [bytes(1, 10_000), bytes(2, 10_000)].concat());
    origin.on("/images/fox", Reply::ok(&whole[..10_000]).wait(&gate).body(&whole[10_000..]).etag("\"1\""));
    let mut first = edge.client.flow(FOX, &[]);
    first.read(10_000);
    let mut look = Raw::connect(edge.address);
    look.ask("HEAD", FOX, &[]);
    let begun = Raw::asking(edge.address, FOX, &[("range", "bytes=0-9")]);
    let ending = Raw::asking(edge.address, FOX, &[("range", "bytes=-10")]);
    gate.open();
    let head = look.header().expect("a header");
    assert_eq!((head.status, head.header("etag"), head.header("content-length")), (200, "\"1\"", "20000"));
    for (mut raw, part) in [(begun, &whole[..10]), (ending, &whole[19_990..])] {
        let answer = raw.answer().expect("a whole answer").expect(206);
        assert_eq!(answer.body, part);
    }
    assert_eq!(first.rest().unwrap(), whole[10_000..]);
    let gets = origin.asked("/images/fox").iter().filter(|asked| asked.method == "GET").count();
    assert_eq!(gets, 1);
}
