//! What is served when it is no longer fresh, and when the origin fails: images go on, and the origin is left in peace.
//!
//! An origin makes its answers stale by the `Age` that it sends along: nothing has to be waited for.

use crate::harness::{Answer, Gate, Launch, Reply, Scripted, Server, answers, crowd, eventually, outcomes};

const FOX: &str = "/api/images/fox";

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    (origin, edge)
}

/// An answer that has just expired, with these directives besides its lifetime.
fn expired(directives: &str) -> Reply {
    Reply::ok("an old fox").control(&format!("max-age=60, {directives}")).header("age", "60").etag("\"1\"")
}

fn fresh() -> Reply {
    Reply::ok("a new fox").control("max-age=60").etag("\"2\"")
}

/// Reads the image until it is a hit.
fn hit(edge: &Server) -> Answer {
    eventually("the revalidation behind", || {
        Some(edge.client.get(FOX).expect(200)).filter(|answer| answer.header("x-cache") == "HIT")
    })
}

#[test]
fn stale_while_revalidate_serves_at_once_and_asks_once() {
    let (origin, edge) = start();
    origin.on("/images/fox", expired("stale-while-revalidate=600"));
    edge.client.get(FOX).expect(200);
    let gate = Gate::closed();
    origin.on("/images/fox", fresh().hold(&gate));
    // The origin answers none of them, and all have their answer.
    let answers = answers(crowd(50, &edge, FOX, &[]));
    assert_eq!(outcomes(&answers, "STALE"), 50);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text() == "an old fox"));
    eventually("the request behind", || (origin.count("/images/fox") == 2).then_some(()));
    gate.open();
    assert_eq!(hit(&edge).text(), "a new fox");
    assert_eq!(origin.count("/images/fox"), 2);
    assert_eq!(origin.last("/images/fox").header("if-none-match"), "\"1\"");
}

#[test]
fn an_image_that_says_nothing_of_it_is_served_stale_for_a_day() {
    let (origin, edge) = start();
    let aged = |age: &str| Reply::ok("a fox").header("age", age).etag("\"1\"");
    origin.on("/images/fox", aged("3600"));
    edge.client.get(FOX).expect(200);
    let stale = edge.client.get(FOX).expect(200);
    assert_eq!(stale.header("x-cache"), "STALE");
    let age: u64 = stale.header("age").parse().unwrap();
    assert!((3600..3700).contains(&age), "{age}");
    let ttl = stale.header("cache-status").contains("; ttl=-") || stale.header("cache-status").contains("; ttl=0");
    assert!(ttl && stale.header("cache-status").contains("; hit"), "{}", stale.header("cache-status"));
    origin.on("/images/owl", aged("90001"));
    edge.client.get("/api/images/owl").expect(200);
    origin.on("/images/owl", Reply::ok("a new owl"));
    assert_eq!(edge.client.get("/api/images/owl").expect(200).text(), "a new owl", "a day and an hour are too much");
}

#[test]
fn what_is_stale_is_served_where_the_origin_fails() {
    for failure in [Reply::status(500), Reply::status(503), Reply::hang_up(), Reply::verbatim("no HTTP at all\r\n\r\n")]
    {
        let (origin, edge) = start();
        origin.on("/images/fox", expired("stale-while-revalidate=0, stale-if-error=600"));
        edge.client.get(FOX).expect(200);
        origin.on("/images/fox", failure.clone());
        let stale = edge.client.get(FOX).expect(200);
        assert_eq!((stale.header("x-cache"), stale.text()), ("STALE", "an old fox".to_owned()), "{failure:?}");
        assert!(stale.header("cache-status").contains("fwd=stale"), "{}", stale.header("cache-status"));
    }
}

#[test]
fn images_go_on_without_their_origin() {
    let (origin, edge) = start();
    origin.on("/images/fox", expired("stale-while-revalidate=600"));
    origin.on("/images/owl", expired("stale-while-revalidate=0, stale-if-error=600"));
    for name in ["fox", "owl"] {
        edge.client.get(&format!("/api/images/{name}")).expect(200);
    }
    origin.stop();
    for name in ["fox", "owl", "fox", "owl"] {
        let stale = edge.client.get(&format!("/api/images/{name}")).expect(200);
        assert_eq!((stale.header("x-cache"), stale.text()), ("STALE", "an old fox".to_owned()));
    }
    let unknown = edge.client.get("/api/images/none");
    assert!(matches!(unknown.status, 502..=504), "{}", unknown.status);
    unknown.expect_any_problem();
}

#[test]
fn what_must_be_revalidated_is_not_served_unchecked() {
    for directive in ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"] {
        let (origin, edge) = start();
        origin.on("/images/fox", expired(directive));
        edge.client.get(FOX).expect(200);
        origin.on("/images/fox", Reply::status(500));
        assert_eq!(edge.client.get(FOX).status, 500, "{directive}");
        origin.stop();
        let answer = edge.client.get(FOX);
        assert!(matches!(answer.status, 502..=504), "{directive}: {}", answer.status);
    }
}

#[test]
fn a_304_makes_what_is_stored_fresh_again() {
    let (origin, edge) = start();
    origin.on("/images/fox", expired("stale-while-revalidate=0").header("x-kept", "yes"));
    edge.client.get(FOX).expect(200);
    origin.on("/images/fox", Reply::ok("never sent").control("max-age=90").etag("\"1\"").header("x-new", "yes"));
    let renewed = edge.client.get(FOX).expect(200);
    assert_eq!(
        (renewed.text(), renewed.header("x-kept"), renewed.header("x-new")),
        ("an old fox".into(), "yes", "yes")
    );
    let status = renewed.header("cache-status");
    assert!(status.contains("fwd=stale") && status.contains("fwd-status=304"), "{status}");
    let hit = edge.client.get(FOX).expect(200);
    assert_eq!((hit.header("x-cache"), hit.text()), ("HIT", "an old fox".to_owned()));
    assert_eq!((hit.header("cache-control"), origin.count("/images/fox")), ("max-age=90", 2));
}

#[test]
fn a_revalidation_that_failed_is_not_tried_again_at_once() {
    let (origin, edge) = start();
    origin.on("/images/fox", expired("stale-while-revalidate=600"));
    edge.client.get(FOX).expect(200);
    origin.on("/images/fox", Reply::status(500));
    edge.client.get(FOX).expect(200);
    eventually("the request behind", || (origin.count("/images/fox") > 1).then_some(()));
    for _ in 0..200 {
        assert_eq!(edge.client.get(FOX).expect(200).header("x-cache"), "STALE");
    }
    let tries = origin.count("/images/fox") - 1;
    assert!(tries < 50, "{tries} of 200 requests went on to an origin that fails");
    origin.on("/images/fox", fresh());
    assert_eq!(hit(&edge).text(), "a new fox");
}

#[test]
fn what_is_not_there_is_asked_for_once_in_its_short_time() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::status(404).body("none such"));
    for outcome in ["MISS", "HIT", "HIT"] {
        let answer = edge.client.get(FOX).expect(404);
        assert_eq!((answer.header("x-cache"), answer.text()), (outcome, "none such".to_owned()));
    }
    assert_eq!(origin.count("/images/fox"), 1);
    // However long the origin says: what is not there yet may come at any time.
    origin.on("/images/owl", Reply::status(404).control("max-age=3600").header("age", "10"));
    edge.client.get("/api/images/owl").expect(404);
    origin.on("/images/owl", Reply::ok("an owl"));
    edge.client.get("/api/images/owl").expect(200);
}

#[test]
fn an_error_is_never_kept() {
    let (origin, edge) = start();
    for status in [500, 502, 503, 504] {
        let path = format!("/images/e{status}");
        origin.on(&path, Reply::status(status).body("out of order"));
        for _ in 0..2 {
            let before = origin.count(&path);
            let answer = edge.client.get(&format!("/api{path}"));
            assert_eq!((answer.status, answer.text()), (status, "out of order".to_owned()));
            let times = origin.count(&path) - before;
            assert!((1..=2).contains(&times), "{status} was asked for {times} times");
        }
        origin.on(&path, Reply::ok("in order"));
        assert_eq!(edge.client.get(&format!("/api{path}")).text(), "in order");
    }
}

#[test]
fn an_origin_that_is_dead_is_not_hammered_and_is_found_again_when_it_lives() {
    let (origin, edge) = start();
    origin.otherwise(|_| Reply::hang_up());
    for number in 0..300 {
        let answer = edge.client.get(&format!("/api/images/i{number}"));
        assert!(matches!(answer.status, 502..=504), "{}", answer.status);
        answer.expect_any_problem();
    }
    let connections = origin.connections();
    assert!(connections < 150, "{connections} connections for 300 requests to an origin that answers none");
    origin.otherwise(|_| Reply::ok("back"));
    eventually("the origin to be trusted again", || {
        let answer = edge.client.get(FOX);
        (answer.status == 200).then_some(())
    });
    for number in 0..50 {
        edge.client.get(&format!("/api/images/j{number}")).expect(200);
    }
}

#[test]
fn errors_of_single_images_do_not_cut_the_others_off() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("a fox").control("no-store"));
    for number in 0..100 {
        edge.client.get(&format!("/api/images/none{number}")).expect(404);
    }
    edge.client.get(FOX).expect(200);
}

#[test]
fn an_answer_that_does_not_come_is_given_up() {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).words(&["--upstream-timeout", "100ms"]).start();
    let never = Gate::closed();
    origin.on("/images/fox", Reply::ok("a fox").hold(&never));
    let answer = edge.client.get(FOX);
    answer.expect_problem(504, "timeout");
    eventually("the edge to hang up", || (origin.abandoned("/images/fox") > 0).then_some(()));
    origin.on("/images/owl", expired("stale-while-revalidate=0, stale-if-error=600"));
    edge.client.get("/api/images/owl").expect(200);
    origin.on("/images/owl", Reply::ok("an owl").hold(&never));
    assert_eq!(edge.client.get("/api/images/owl").expect(200).header("x-cache"), "STALE");
}
