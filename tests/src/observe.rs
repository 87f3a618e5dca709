//! What an operator sees: a counter and a log line for each outcome, each request counted exactly once.

use std::collections::BTreeMap;

use crate::harness::{Gate, Launch, Reply, Scripted, Server, answers, crowd, eventually};

fn start() -> (Scripted, Server) {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    (origin, edge)
}

/// One sample of the text format: its name, its labels and its value.
#[derive(Debug, Clone)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads the Prometheus text format, and refuses what is not in it.
fn samples(edge: &Server) -> Vec<Sample> {
    let page = edge.client.get("/metrics").expect(200);
    let kind = page.header("content-type");
    assert!(kind.starts_with("text/plain") || kind.starts_with("application/openmetrics-text"), "{kind}");
    assert_eq!(page.header("cache-control"), "no-store");
    let text = page.text();
    let mut described = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(comment) => {
                let mut words = comment.split(' ');
                match (words.next().unwrap(), words.next()) {
                    ("EOF", None) => {}
                    ("TYPE" | "HELP" | "UNIT", Some(name)) => described.push(name.to_owned()),
                    _ => panic!("{line:?}"),
                }
            }
            None => found.push(sample(line)),
        }
    }
    for sample in &found {
        let known = described.iter().any(|name| sample.name.starts_with(name));
        assert!(known && sample.name.starts_with("orbit_"), "{sample:?}");
    }
    found
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
    let value = value.parse().unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let Some((name, labels)) = head.split_once('{') else {
        return Sample { name: head.to_owned(), labels: BTreeMap::new(), value };
    };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line:?}"));
    let pairs = labels.split(',').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{line:?}"));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        (name.to_owned(), value.unwrap_or_else(|| panic!("{line:?}")).to_owned())
    });
    Sample { name: name.to_owned(), labels: pairs.collect(), value }
}

/// How many requests are counted with these labels.
fn counted(samples: &[Sample], labels: &[(&str, &str)]) -> u64 {
    let fits = |sample: &&Sample| {
        sample.name == "orbit_edge_requests_total"
            && labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|found| found == value))
    };
    samples.iter().filter(fits).map(|sample| sample.value as u64).sum()
}

/// Makes one request of each outcome but `coalesced`: three hits, a miss, a 404, a stale one, a pass and an error.
fn one_of_each(origin: &Scripted, edge: &Server) {
    origin.on("/images/fox", Reply::ok("a fox").control("max-age=60"));
    origin.on("/images/old", Reply::ok("old").control("max-age=60, stale-while-revalidate=600").header("age", "60"));
    origin.on("/images/gone", Reply::hang_up());
    origin.on("/other", Reply::ok("x"));
    for _ in 0..4 {
        edge.client.get("/api/images/fox").expect(200);
    }
    edge.client.get("/api/images/none").expect(404);
    for _ in 0..2 {
        edge.client.get("/api/images/old").expect(200);
    }
    edge.client.get("/other").expect(200);
    edge.client.get("/api/images/gone").expect_any_problem();
}

#[test]
fn each_request_is_counted_once_by_outcome_tier_and_status() {
    let (origin, edge) = start();
    one_of_each(&origin, &edge);
    let samples = eventually("all to be counted", || {
        let samples = samples(&edge);
        (counted(&samples, &[("outcome", "error")]) == 1).then_some(samples)
    });
    for (labels, count) in [
        (&[("outcome", "hit"), ("tier", "memory"), ("status", "200")][..], 3),
        (&[("outcome", "hit")], 3),
        (&[("outcome", "miss"), ("status", "200")], 2),
        (&[("outcome", "miss"), ("status", "404")], 1),
        (&[("outcome", "miss")], 3),
        (&[("outcome", "stale"), ("tier", "memory"), ("status", "200")], 1),
        (&[("outcome", "stale")], 1),
        (&[("outcome", "pass"), ("status", "200")], 1),
        (&[("outcome", "pass")], 1),
        (&[("outcome", "coalesced")], 0),
    ] {
        assert_eq!(counted(&samples, labels), count, "{labels:?}: {samples:?}");
    }
    let outcomes = ["hit", "stale", "miss", "coalesced", "pass", "error"];
    let sum: u64 = outcomes.iter().map(|outcome| counted(&samples, &[("outcome", outcome)])).sum();
    assert_eq!((counted(&samples, &[]), sum), (9, 9), "none is counted twice or under another word");
}

#[test]
fn a_crowd_is_counted_as_one_miss_and_those_who_joined() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    origin.on("/images/fox", Reply::ok("a fox").control("max-age=60").hold(&gate));
    let crowd = crowd(30, &edge, "/api/images/fox", &[]);
    eventually("the origin to be asked", || (origin.count("/images/fox") == 1).then_some(()));
    gate.open();
    answers(crowd);
    let samples = samples(&edge);
    assert_eq!(counted(&samples, &[("outcome", "miss")]), 1);
    assert_eq!(counted(&samples, &[("outcome", "coalesced")]) + counted(&samples, &[("outcome", "hit")]), 29);
}

#[test]
fn parts_conditions_and_looks_are_counted_by_what_was_sent() {
    let (origin, edge) = start();
    origin.on("/images/fox", Reply::ok("a red fox").control("max-age=60").etag("\"1\""));
    edge.client.get("/api/images/fox").expect(200);
    edge.client.get_with("/api/images/fox", &[("range", "bytes=0-1")]).expect(206);
    edge.client.get_with("/api/images/fox", &[("if-none-match", "\"1\"")]).expect(304);
    edge.client.get_with("/api/images/fox", &[("range", "bytes=90-")]).expect(416);
    edge.client.head("/api/images/fox").expect(200);
    let samples = samples(&edge);
    for status in ["206", "304", "416", "200"] {
        assert_eq!(counted(&samples, &[("outcome", "hit"), ("status", status)]), 1, "{status}");
    }
    assert_eq!(counted(&samples, &[]), 5);
}

#[test]
fn what_only_an_operator_asks_is_not_counted() {
    let (_origin, edge) = start();
    for path in ["/healthz", "/stats", "/metrics", "/metrics"] {
        edge.client.get(path).expect(200);
    }
    assert_eq!(counted(&samples(&edge), &[]), 0);
}

#[test]
fn names_from_outside_are_no_labels() {
    let (origin, edge) = start();
    origin.otherwise(|_| Reply::status(404));
    for number in 0..200 {
        edge.client.get(&format!("/api/images/i{number}")).expect(404);
    }
    let samples = samples(&edge);
    assert!(samples.len() < 300, "{} series", samples.len());
    assert!(!format!("{samples:?}").contains("i199"));
}

#[test]
fn each_outcome_has_its_line_in_the_log() {
    let (origin, edge) = start();
    one_of_each(&origin, &edge);
    for line in ["MISS: fox", "HIT: fox", "MISS: none", "MISS: old", "STALE: old", "ERROR: gone"] {
        eventually(line, || edge.log().contains(&format!("[IMAGE CACHE] {line}")).then_some(()));
    }
    assert_eq!(edge.log().matches("[IMAGE CACHE] HIT: fox").count(), 3);
    assert_eq!(edge.log().matches("[IMAGE CACHE] MISS: fox").count(), 1);
}
