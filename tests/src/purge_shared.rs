//! One log of purges for several origins, in a real Redis: an edge follows whichever origin it reaches, and what one removes no edge
//! of any serves again, whatever becomes of Redis meanwhile.

use serde_json::json;

use crate::harness::fixtures::tiny;
use crate::harness::{Bucket, Folder, Launch, RedisServer, Server, eventually};
use crate::purge_log::{confirmed, get, wait_for, warm};

/// Origins on one bucket and one Redis.
struct Site {
    bucket: Bucket,
    redis: RedisServer,
    folders: Vec<Folder>,
}

impl Site {
    fn new() -> Self {
        Self { bucket: Bucket::start(), redis: RedisServer::start(), folders: Vec::new() }
    }

    fn node(&self, launch: Launch) -> Server {
        let launch = launch.variable("REDIS_URL", &self.redis.url()).words(&["--edge-lease", "3s"]);
        self.bucket.keeps_images_of(launch).start()
    }

    fn origin(&mut self) -> Server {
        self.folders.push(Folder::new());
        self.node(Launch::origin(&self.folders[self.folders.len() - 1]))
    }

    fn serve(&mut self) -> Server {
        self.folders.push(Folder::new());
        self.node(Launch::serve(&self.folders[self.folders.len() - 1]))
    }
}

fn edge(origins: &[&Server], name: &str) -> Server {
    let urls: Vec<String> = origins.iter().map(|origin| origin.url()).collect();
    Launch::edge(&urls.join(",")).words(&["--edge-name", name, "--upstream-timeout", "2s"]).start()
}

#[test]
fn whichever_origin_removes_an_image_the_edges_of_all_confirm() {
    let mut site = Site::new();
    let (first, second) = (site.origin(), site.origin());
    let (north, south) = (edge(&[&first], "north"), edge(&[&second], "south"));
    for (number, origin) in [&first, &second].into_iter().enumerate() {
        origin.client.put("/images/fox", &tiny(number as u64)).expect(201);
        warm(&north, "fox");
        warm(&south, "fox");
        let receipt = origin.client.delete("/images/fox").expect(200).json();
        assert_eq!(confirmed(&receipt), [("north", true), ("south", true)]);
        get(&north, "fox").expect_problem(404, "not_found");
        get(&south, "fox").expect_problem(404, "not_found");
    }
}

#[test]
fn an_edge_whose_origin_dies_goes_on_with_another() {
    let mut site = Site::new();
    let (first, second) = (site.origin(), site.origin());
    let north = edge(&[&first, &second], "north");
    second.client.put("/images/fox", &tiny(1)).expect(201);
    warm(&north, "fox");
    first.kill();
    eventually("the other to hear of it", || {
        let known = second.client.get("/edges").expect(200).json();
        (known[0]["lease_ms"].as_u64()? > 0).then_some(())
    });
    wait_for(&north, "following");
    let receipt = second.client.delete("/images/fox").expect(200).json();
    assert_eq!(confirmed(&receipt), [("north", true)]);
    get(&north, "fox").expect_problem(404, "not_found");
}

#[test]
fn while_redis_is_away_edges_ask_and_a_purge_says_that_it_is_not_told_yet() {
    let mut site = Site::new();
    let (first, second) = (site.origin(), site.origin());
    let (north, south) = (edge(&[&first], "north"), edge(&[&second], "south"));
    for (number, id) in ["fox", "owl"].into_iter().enumerate() {
        first.client.put(&format!("/images/{id}"), &tiny(number as u64)).expect(201);
        warm(&north, id);
        warm(&south, id);
    }
    site.redis.kill();
    let receipt = first.client.delete("/images/fox").expect(200).json();
    assert_eq!((&receipt["pending"], &receipt["edges"]), (&json!(true), &json!([])));
    for edge in [&north, &south] {
        wait_for(edge, "cut_off");
        get(edge, "fox").expect_problem(404, "not_found");
        assert!(get(edge, "owl").expect(200).header("cache-status").contains("fwd-status=304"), "asked about");
    }
    site.redis.restart();
    for edge in [&north, &south] {
        wait_for(edge, "following");
        get(edge, "fox").expect_problem(404, "not_found");
        eventually("a hit", || (get(edge, "owl").expect(200).header("x-cache") == "HIT").then_some(()));
    }
    let receipt = second.client.delete("/images/owl").expect(200).json();
    assert_eq!((confirmed(&receipt), receipt.get("pending")), (vec![("north", true), ("south", true)], None));
}

#[test]
fn nodes_that_are_origin_and_edge_follow_the_log_that_they_share() {
    let mut site = Site::new();
    let nodes = [site.serve(), site.serve()];
    nodes[0].client.put("/images/fox", &tiny(1)).expect(201);
    nodes.iter().for_each(|node| warm(node, "fox"));
    let receipt = nodes[1].client.delete("/images/fox").expect(200).json();
    assert!(
        receipt["edges"].as_array().unwrap().len() == 2 && confirmed(&receipt).iter().all(|(_, confirmed)| *confirmed)
    );
    for node in &nodes {
        get(node, "fox").expect_problem(404, "not_found");
    }
}
