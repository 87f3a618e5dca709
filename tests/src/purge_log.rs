//! A purge that means it: an origin with edges of their own, each a process. What its receipt says is gone, no edge serves again:
//! not one that was told, not one that was asleep, cut off or not even running meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::fixtures::{photo, tiny};
use crate::harness::{Answer, Events, Folder, Launch, Reply, Scripted, Server, eventually};

/// How many purges the race makes.
const PURGES: u64 = 1_000;
const NAMES: [&str; 3] = ["north", "south", "west"];

/// A lease that is short enough to wait for, and long enough for a busy machine.
fn origin(folder: &Folder) -> Launch {
    Launch::origin(folder).words(&["--edge-lease", "3s"])
}

/// A lease that does not run out while a test runs.
fn steady_origin(folder: &Folder) -> Launch {
    Launch::origin(folder).words(&["--edge-lease", "5m"])
}

/// An edge that does not wait long for an origin that is silent.
fn edge(origin: &Server, name: &str) -> Launch {
    Launch::edge(&origin.url()).words(&["--edge-name", name, "--upstream-timeout", "2s"])
}

fn with_disk(launch: Launch, disk: &Folder) -> Launch {
    launch.words(&["--disk", "64MiB", "--disk-dir", disk.path().to_str().unwrap()])
}

fn start() -> (Folder, Server, Vec<Server>) {
    start_on(steady_origin)
}

fn start_on(origin: fn(&Folder) -> Launch) -> (Folder, Server, Vec<Server>) {
    let folder = Folder::new();
    let origin = origin(&folder).start();
    let edges = NAMES.iter().map(|name| edge(&origin, name).start()).collect();
    (folder, origin, edges)
}

fn upload(origin: &Server, id: &str, number: u64) -> Value {
    origin.client.put(&format!("/images/{id}?thread_id=t"), &tiny(number)).expect(201).json()
}

pub(crate) fn get(edge: &Server, id: &str) -> Answer {
    edge.client.get(&format!("/api/images/{id}"))
}

/// Has an edge keep an image.
pub(crate) fn warm(edge: &Server, id: &str) {
    eventually("a copy", || (get(edge, id).expect(200).header("x-cache") == "HIT").then_some(()));
}

/// What a receipt says of the edges.
pub(crate) fn confirmed(receipt: &Value) -> Vec<(&str, bool)> {
    let edges = receipt["edges"].as_array().unwrap().iter();
    edges.map(|edge| (edge["name"].as_str().unwrap(), edge["confirmed"].as_bool().unwrap())).collect()
}

/// How an edge says it stands with the log.
fn state(edge: &Server) -> String {
    let stats = edge.client.get("/stats").expect(200).json();
    stats["edge"]["purge_log"]["state"].as_str().unwrap_or("absent").to_owned()
}

pub(crate) fn wait_for(edge: &Server, word: &str) {
    eventually(word, || (state(edge) == word).then_some(()));
}

#[test]
fn a_receipt_names_every_edge_and_none_of_them_serves_the_image_again() {
    let (_folder, origin, edges) = start();
    upload(&origin, "fox", 1);
    upload(&origin, "owl", 2);
    for edge in &edges {
        warm(edge, "fox");
        warm(edge, "owl");
    }
    let receipt = origin.client.delete("/images/fox").expect(200).json();
    assert_eq!(confirmed(&receipt), NAMES.map(|name| (name, true)));
    assert_eq!(receipt.get("pending"), None);
    for edge in &edges {
        get(edge, "fox").expect_problem(404, "not_found");
        assert_eq!(get(edge, "owl").expect(200).header("x-cache"), "HIT", "others stay");
    }
    // By way of an edge it is the same.
    let receipt = edges[1].client.post_json("/purge", &json!({ "threads": ["t"] })).expect(200).json();
    assert_eq!((confirmed(&receipt), &receipt["images"]), (NAMES.map(|name| (name, true)).to_vec(), &json!(["owl"])));
    for edge in &edges {
        get(edge, "owl").expect_problem(404, "not_found");
    }
}

#[test]
fn an_image_that_is_replaced_is_the_new_one_everywhere() {
    let (_folder, origin, edges) = start();
    origin.client.put("/images/fox", &photo("chelsea.png")).expect(201);
    edges.iter().for_each(|edge| warm(edge, "fox"));
    let headers = [("content-type", "image/png"), ("if-match", "*")];
    let new = origin.client.send("PUT", "/images/fox", &headers, Some(&photo("coffee.png"))).json();
    for edge in &edges {
        assert_eq!(json!(get(edge, "fox").expect(200).body.len()), new["bytes"]);
    }
}

#[test]
fn an_edge_that_sleeps_through_a_purge_serves_nothing_of_it_when_it_wakes() {
    let (_folder, origin, edges) = start_on(origin);
    upload(&origin, "fox", 1);
    edges.iter().for_each(|edge| warm(edge, "fox"));
    edges[1].signal(Signal::STOP);
    let receipt = origin.client.delete("/images/fox").expect(200).json();
    assert_eq!(confirmed(&receipt), [("north", true), ("south", false), ("west", true)]);
    edges[1].signal(Signal::CONT);
    get(&edges[1], "fox").expect_problem(404, "not_found");
    // It has caught up by itself, and is waited for again.
    wait_for(&edges[1], "following");
    upload(&origin, "owl", 2);
    warm(&edges[1], "owl");
    let receipt = origin.client.delete("/images/owl").expect(200).json();
    assert_eq!(confirmed(&receipt), NAMES.map(|name| (name, true)));
}

#[test]
fn an_edge_that_was_down_serves_from_its_disk_all_but_what_was_purged() {
    let (folder, disk) = (Folder::new(), Folder::new());
    let origin = origin(&folder).start();
    let start = || with_disk(edge(&origin, "north"), &disk).start();
    let north = start();
    for (number, id) in ["fox", "owl", "cat"].into_iter().enumerate() {
        upload(&origin, id, number as u64);
        warm(&north, id);
    }
    // At its end it writes what waits for the disk; its next life ends without a goodbye.
    north.stop();
    start().kill();
    let receipt = origin.client.delete("/images/fox").expect(200).json();
    assert_eq!(confirmed(&receipt), [("north", false)], "it asks before it serves");
    let north = start();
    get(&north, "fox").expect_problem(404, "not_found");
    assert!(get(&north, "owl").expect(200).header("cache-status").contains("hit"), "the rest is as good as before");
    // While the origin is down nobody knows what was purged, and nothing is served from the disk.
    north.kill();
    let address = origin.address.to_string();
    origin.kill();
    let lonely = with_disk(Launch::edge(&format!("http://{address}")).words(&["--edge-name", "north"]), &disk).start();
    get(&lonely, "owl").expect_any_problem();
    let origin = Launch::origin(&folder).words(&["--listen", &address]).start();
    origin.client.get("/images/owl").expect(200);
    eventually("the edge to catch up", || (get(&lonely, "owl").status == 200).then_some(()));
    get(&lonely, "fox").expect_problem(404, "not_found");
}

#[test]
fn an_edge_that_cannot_reach_its_origin_serves_no_copies_and_then_it_does_again() {
    let (_folder, origin, edges) = start_on(origin);
    upload(&origin, "fox", 1);
    warm(&edges[0], "fox");
    origin.signal(Signal::STOP);
    wait_for(&edges[0], "cut_off");
    let answer = get(&edges[0], "fox");
    assert!(answer.status == 502 || answer.status == 504, "{answer:?}");
    answer.expect_any_problem();
    origin.signal(Signal::CONT);
    wait_for(&edges[0], "following");
    eventually("a hit", || (get(&edges[0], "fox").header("x-cache") == "HIT").then_some(()));
}

#[test]
fn an_origin_that_restarts_knows_whose_lease_may_still_run() {
    let folder = Folder::new();
    let first = origin(&folder).start();
    let address = first.address.to_string();
    let north = edge(&first, "north").start();
    upload(&first, "fox", 1);
    warm(&north, "fox");
    north.signal(Signal::STOP);
    first.kill();
    let second = origin(&folder).words(&["--listen", &address]).start();
    let receipt = second.client.delete("/images/fox").expect(200).json();
    assert_eq!(confirmed(&receipt), [("north", false)]);
    north.signal(Signal::CONT);
    get(&north, "fox").expect_problem(404, "not_found");
}

#[test]
fn a_log_that_is_lost_makes_edges_ask_about_what_they_hold() {
    let folder = Folder::new();
    let first = origin(&folder).start();
    let address = first.address.to_string();
    let north = edge(&first, "north").start();
    upload(&first, "fox", 1);
    upload(&first, "owl", 2);
    warm(&north, "fox");
    warm(&north, "owl");
    first.kill();
    wait_for(&north, "cut_off");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("purges.sqlite{end}")));
    }
    // The edge hears nothing of this one: it is not there to hear it, and the log that had it is gone.
    std::fs::remove_dir_all(&folder.images()["fox"]).unwrap();
    let second = origin(&folder).words(&["--listen", &address]).start();
    second.client.get("/healthz").expect(200);
    wait_for(&north, "following");
    get(&north, "fox").expect_problem(404, "not_found");
    assert!(
        get(&north, "owl").expect(200).header("cache-status").contains("fwd-status=304"),
        "asked about, not fetched"
    );
    assert_eq!(get(&north, "owl").expect(200).header("x-cache"), "HIT", "and trusted again");
}

#[test]
fn an_edge_that_ends_well_is_waited_for_by_nobody() {
    let (_folder, origin, mut edges) = start();
    edges.pop().unwrap().stop();
    upload(&origin, "fox", 1);
    let receipt = origin.client.delete("/images/fox").expect(200).json();
    assert_eq!(confirmed(&receipt), [("north", true), ("south", true)]);
    let known = origin.client.get("/edges").expect(200).json();
    assert_eq!(known.as_array().unwrap().len(), 2);
}

#[test]
fn after_the_answer_to_a_purge_no_edge_serves_what_is_gone() {
    let folder = Folder::in_memory();
    let origin = steady_origin(&folder).words(&["--log-level", "warn"]).start();
    let disks: Vec<Folder> = NAMES.iter().map(|_| Folder::in_memory()).collect();
    let quiet = |(name, disk)| with_disk(edge(&origin, name), disk).words(&["--log-level", "warn"]).start();
    let edges: Vec<Server> = NAMES.into_iter().zip(&disks).map(quiet).collect();
    // The last image whose upload was begun, and the last whose removal was answered.
    let (uploaded, deleted) = (AtomicU64::new(0), AtomicU64::new(0));
    let (over, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for edge in edges.iter().chain(&edges) {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let newest = uploaded.load(Ordering::SeqCst);
                    for image in [newest, newest.saturating_sub(1)] {
                        let gone = deleted.load(Ordering::SeqCst);
                        let answer = get(edge, &format!("race-{image}"));
                        let came_back = answer.status == 200 && image <= gone;
                        assert!(!came_back, "image {image} came back ({})", answer.header("x-cache"));
                        seen.fetch_add(u64::from(answer.status == 200), Ordering::Relaxed);
                    }
                }
            });
        }
        let purges = scope.spawn(|| {
            for image in 1..=PURGES {
                uploaded.store(image, Ordering::SeqCst);
                upload(&origin, &format!("race-{image}"), 1);
                let receipt = origin.client.delete(&format!("/images/race-{image}")).expect(200).json();
                assert_eq!(confirmed(&receipt), NAMES.map(|name| (name, true)));
                deleted.store(image, Ordering::SeqCst);
            }
        });
        let outcome = purges.join();
        over.store(true, Ordering::SeqCst);
        assert!(outcome.is_ok(), "a purge failed");
    });
    assert!(seen.into_inner() > PURGES / 10, "this was no race");
}

#[test]
fn an_image_is_at_every_edge_before_anybody_asks_for_it() {
    let (_folder, origin, edges) = start();
    let mut events = Events::open(&origin.client, "/threads/t/events", None);
    let request = json!({ "thread_id": "t", "concepts": [{ "prompt": "a fox" }, { "prompt": "an owl" }] });
    origin.client.post_json("/generations", &request).expect(202);
    for number in 1..=2 {
        let told = events.next_of("concept_progress");
        let url = told.data["image"]["url"].as_str().unwrap();
        for edge in &edges {
            // The origin waits for edges a quarter of a second and no longer: a busy machine may need more.
            eventually("the edge to have taken both in", || {
                let stats = edge.client.get("/stats").expect(200).json();
                (stats["edge"]["memory"]["entries"].as_u64()? >= 2 * number).then_some(())
            });
            assert_eq!(edge.client.get(url).expect(200).header("x-cache"), "HIT");
            assert_eq!(edge.client.get(&format!("{url}?w=256")).expect(200).header("x-cache"), "HIT");
        }
    }
}

#[test]
fn only_who_has_the_token_follows() {
    let folder = Folder::new();
    let origin = steady_origin(&folder).token("secret").start();
    let path = "/edges/north/purges?session=1";
    origin.client.get(path).expect_problem(401, "unauthorized");
    let trusted = origin.client.bearing("secret");
    trusted.get(path).expect(200);
    trusted.send("DELETE", "/edges/north?session=1", &[], None).expect(204);
    trusted.put("/images/fox", &tiny(1)).expect(201);
    let stranger = edge(&origin, "stranger").start();
    assert_eq!(state(&stranger), "refused");
    warm(&stranger, "fox");
    let friend = edge(&origin, "friend").token("secret").start();
    assert_eq!(state(&friend), "following");
    let receipt = trusted.delete("/images/fox").expect(200).json();
    assert_eq!(confirmed(&receipt), [("friend", true)]);
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    let origin = origin(&folder).start();
    for path in [
        "/edges/north/purges",
        "/edges/north/purges?session=",
        "/edges/north/purges?session=xyz",
        "/edges/north/purges?session=1&after=7",
        "/edges/north/purges?session=1&wait=-1",
        "/edges/-north/purges?session=1",
    ] {
        origin.client.get(path).expect_problem(400, "invalid");
    }
    let via = [("via", "1.1 varnish")];
    origin.client.get_with("/edges/north/purges?session=1", &via).expect_problem(400, "invalid");
    assert_eq!(origin.client.get("/edges").expect(200).json(), json!([]));
}

#[test]
fn in_front_of_any_other_backend_nothing_is_different() {
    let backend = Scripted::start();
    backend.on("/images/fox", Reply::ok("a fox").control("max-age=60"));
    let disk = Folder::new();
    let edge = || with_disk(Launch::edge(&backend.url()).words(&["--edge-name", "north"]), &disk);
    let north = edge().start();
    assert_eq!((state(&north), backend.count("/edges/north/purges")), ("off".to_owned(), 1));
    warm(&north, "fox");
    north.stop();
    let said = |server: &Server| server.log().matches("no log of purges").count();
    let north = edge().start();
    eventually("the disk", || get(&north, "fox").header("cache-status").contains("detail=disk").then_some(()));
    backend.stop();
    assert_eq!(get(&north, "fox").expect(200).text(), "a fox");
    assert_eq!(said(&north), 1);
    // Where it is to wait for a log, it waits.
    north.stop();
    let north = edge().words(&["--purge-log", "on"]).start();
    get(&north, "fox").expect_any_problem();
    north.stop();
    let north = edge().words(&["--purge-log", "off"]).start();
    assert_eq!((state(&north), get(&north, "fox").expect(200).text()), ("absent".to_owned(), "a fox".to_owned()));
}

#[test]
fn whoever_stands_in_front_of_an_edge_follows_no_log_through_it() {
    let (_folder, _origin, edges) = start();
    let outer = edge(&edges[0], "outer").start();
    assert_eq!(state(&outer), "off");
}
