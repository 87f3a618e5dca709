//! The index in a real Redis: away, killed, paused, emptied, in a cluster, behind a sentinel. Images are served and stored all the
//! while, and lists are right afterwards.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::harness::fixtures::tiny;
use crate::harness::redis::{RedisCluster, RedisSentinel, RedisServer};
use crate::harness::{Bucket, Client, Folder, Launch, Server, eventually, free_port};
use crate::tls::Pair;

fn serve(folder: &Folder, url: &str) -> Server {
    Launch::serve(folder).variable("REDIS_URL", url).start()
}

/// Waits until the server says that it can do all that is asked of it.
fn ready(server: &Server) {
    eventually("the server to be ready", || {
        (server.client.get("/readyz").expect(200).text() == "ready\n").then_some(())
    });
}

fn degraded(server: &Server) {
    eventually("the server to say what it cannot do", || {
        server.client.get("/readyz").expect(200).text().starts_with("degraded: ").then_some(())
    });
}

fn put(client: &Client, number: u64) {
    client.put(&format!("/images/i{number}?thread_id=t&style=hero"), &tiny(number)).expect(201);
}

fn ids(client: &Client, query: &str) -> BTreeSet<String> {
    listed(client, query).expect("a list")
}

/// What is listed; `None` where a page says that nobody knows.
fn listed(client: &Client, query: &str) -> Option<BTreeSet<String>> {
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = client.get(&format!("/images?limit=50{query}{cursor}"));
        if page.status == 503 {
            return None;
        }
        let page = page.expect(200).json();
        ids.extend(page["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Some(ids),
        }
    }
}

fn names(numbers: impl Iterator<Item = u64>) -> BTreeSet<String> {
    numbers.map(|number| format!("i{number}")).collect()
}

/// What must go on without Redis, with image `number` as the new one and image 0 as one that is there.
fn all_but_lists_goes_on(client: &Client, number: u64) {
    put(client, number);
    for path in [format!("/api/images/i{number}"), "/api/images/i0".to_owned(), "/images/i0?w=32".to_owned()] {
        client.get(&path).expect(200);
    }
    assert_eq!(client.get(&format!("/images/i{number}/meta")).expect(200).json()["thread_id"], "t");
    let list = client.get("/images?thread_id=t");
    list.expect_problem(503, "busy");
    assert!(list.text().contains("does not answer"), "whose fault it is: {}", list.text());
    assert_ne!(list.header("retry-after"), "");
    client.get("/healthz").expect(200);
    client.get("/stats").expect(200);
}

#[test]
fn redis_killed_costs_no_upload_and_no_image_and_lists_are_right_when_it_returns() {
    let (folder, mut redis) = (Folder::new(), RedisServer::start());
    let server = serve(&folder, &redis.url());
    ready(&server);
    (0..10).for_each(|number| put(&server.client, number));
    assert_eq!(ids(&server.client, "&thread_id=t"), names(0..10));
    redis.kill();
    degraded(&server);
    all_but_lists_goes_on(&server.client, 10);
    server.client.delete("/images/i3").expect(200);
    server.client.get("/images/i3").expect_problem(404, "not_found");
    // Nobody can say which images a style has, so nobody says that they are gone.
    let purge = serde_json::json!({"tags": ["style:hero"]});
    server.client.post_json("/purge", &purge).expect_problem(503, "busy");
    redis.restart();
    ready(&server);
    let left: BTreeSet<String> = names((0..11).filter(|number| *number != 3));
    assert_eq!(ids(&server.client, "&thread_id=t"), left);
    server.client.post_json("/purge", &purge).expect(200);
    assert_eq!(ids(&server.client, ""), BTreeSet::new());
}

#[test]
fn redis_paused_delays_no_more_than_a_moment_and_is_told_what_it_missed() {
    let (folder, redis) = (Folder::new(), RedisServer::start());
    let server = serve(&folder, &redis.url());
    ready(&server);
    put(&server.client, 0);
    redis.pause();
    all_but_lists_goes_on(&server.client, 1);
    redis.resume();
    ready(&server);
    assert_eq!(ids(&server.client, ""), names(0..2));
}

#[test]
fn redis_emptied_in_the_middle_of_a_load_loses_nothing() {
    let (folder, redis) = (Folder::new(), RedisServer::start());
    let server = serve(&folder, &redis.url());
    ready(&server);
    std::thread::scope(|scope| {
        for part in 0..4 {
            let client = &server.client;
            scope.spawn(move || {
                for number in part * 30..(part + 1) * 30 {
                    put(client, number);
                    client.get(&format!("/api/images/i{number}")).expect(200);
                }
            });
        }
        for listed in [20, 60] {
            eventually("the load to have come so far", || (folder.images().len() >= listed).then_some(()));
            redis.flush();
        }
    });
    degraded_or_whole(&server, &names(0..120));
    for number in 0..120 {
        assert_eq!(server.client.get(&format!("/images/i{number}/meta")).expect(200).json()["style"], "hero");
    }
}

/// An emptied index is noticed within a second: until then the server may call itself ready.
fn degraded_or_whole(server: &Server, expected: &BTreeSet<String>) {
    eventually("all in the list", || listed(&server.client, "").filter(|ids| ids == expected));
}

#[test]
fn an_origin_starts_without_redis_and_finds_it_later() {
    let (folder, mut redis) = (Folder::new(), RedisServer::start());
    redis.kill();
    let server = serve(&folder, &redis.url());
    degraded(&server);
    put(&server.client, 0);
    all_but_lists_goes_on(&server.client, 1);
    redis.restart();
    ready(&server);
    assert_eq!(ids(&server.client, ""), names(0..2));
}

#[test]
fn an_origin_killed_while_redis_is_away_owes_nothing_in_the_end() {
    let (folder, redis) = (Folder::new(), RedisServer::start());
    let server = serve(&folder, &redis.url());
    ready(&server);
    put(&server.client, 0);
    redis.pause();
    put(&server.client, 1);
    server.client.delete("/images/i0").expect(200);
    server.kill();
    let server = serve(&folder, &redis.url());
    redis.resume();
    ready(&server);
    degraded_or_whole(&server, &names(1..2));
}

#[test]
fn an_origin_that_was_stopped_for_a_while_goes_on() {
    let (folder, redis) = (Folder::new(), RedisServer::start());
    let server = serve(&folder, &redis.url());
    ready(&server);
    put(&server.client, 0);
    server.signal(Signal::STOP);
    redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    server.signal(Signal::CONT);
    put(&server.client, 1);
    ready(&server);
    assert_eq!(ids(&server.client, ""), names(0..2));
}

#[test]
fn two_origins_on_one_bucket_have_one_list() {
    let (bucket, redis) = (Bucket::start(), RedisServer::start());
    let folders = [Folder::new(), Folder::new()];
    let start = |folder| bucket.keeps_images_of(Launch::origin(folder)).variable("REDIS_URL", &redis.url()).start();
    let [a, b] = folders.each_ref().map(start);
    [&a, &b].into_iter().for_each(ready);
    put(&a.client, 0);
    put(&b.client, 1);
    for server in [&a, &b] {
        assert_eq!(ids(&server.client, "&style=hero"), names(0..2));
    }
    redis.flush();
    for server in [&a, &b] {
        degraded_or_whole(server, &names(0..2));
    }
    b.client.delete("/images/i0").expect(200);
    assert_eq!(ids(&a.client, ""), names(1..2));
}

#[test]
fn a_cluster_of_three_keeps_the_index_and_the_loss_of_one_costs_no_upload() {
    let (folder, mut cluster) = (Folder::new(), RedisCluster::start());
    let server = serve(&folder, &cluster.url());
    ready(&server);
    (0..20).for_each(|number| put(&server.client, number));
    assert_eq!(ids(&server.client, "&thread_id=t"), names(0..20));
    cluster.nodes[0].kill();
    degraded(&server);
    put(&server.client, 20);
    server.client.get("/api/images/i7").expect(200);
    cluster.nodes[0].restart();
    degraded_or_whole(&server, &names(0..21));
}

#[test]
fn a_new_master_is_found_and_told_what_it_missed() {
    let (folder, mut servers) = (Folder::new(), RedisSentinel::start());
    let server = serve(&folder, &servers.url());
    ready(&server);
    put(&server.client, 0);
    servers.master.kill();
    put(&server.client, 1);
    degraded_or_whole(&server, &names(0..2));
    assert_eq!(servers.replica.ask(&["EXISTS", "orbit:image:i1"]), "1");
}

#[test]
fn a_url_that_names_no_redis_is_refused_without_its_password() {
    let folder = Folder::new();
    let output = Launch::serve(&folder).variable("REDIS_URL", "http://user:secret@localhost").refused();
    assert!(output.stderr.contains("REDIS_URL") && !output.stderr.contains("secret"), "{}", output.stderr);
}

#[test]
fn a_redis_behind_tls_is_one_whose_certificate_is_trusted() {
    let (pair, folder) = (Pair::new(), Folder::new());
    let port = free_port().to_string();
    let [certificate, key] = [pair.certificate(), pair.key()].map(|path| path.to_str().unwrap().to_owned());
    let words =
        ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let _redis = RedisServer::start_with(&words);
    let url = format!("rediss://localhost:{port}");
    let server = Launch::serve(&folder).variable("REDIS_URL", &url).variable("SSL_CERT_FILE", &certificate).start();
    ready(&server);
    put(&server.client, 1);
    assert_eq!(ids(&server.client, ""), names(1..2));
    server.stop();
    // The authorities of the system do not vouch for it.
    degraded(&serve(&folder, &url));
}
