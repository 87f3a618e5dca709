//! An image has its URL before it has its bytes: who asks early is told so, or waits.

use serde_json::{Value, json};

use crate::harness::{Folder, Launch, Server};

fn start(delay: &str) -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).words(&["--demo-delay", delay]).start();
    (folder, server)
}

/// Asks for one concept; the job.
fn ask(server: &Server) -> Value {
    let body = json!({ "thread_id": "t", "concepts": [{ "prompt": "a fox", "size": "64x48" }] });
    server.client.post_json("/generations", &body).expect(202).json()
}

#[test]
fn an_image_that_is_not_there_yet_says_so_and_no_cache_keeps_it() {
    let (_folder, server) = start("10m");
    let job = ask(&server);
    let id = job["images"][0]["id"].as_str().unwrap();
    for path in [format!("/images/{id}"), format!("/api/images/{id}"), format!("/api/images/{id}?w=256")] {
        let answer = server.client.get(&path);
        answer.expect_problem(202, "pending");
        assert_eq!((answer.header("retry-after"), &answer.json()["job"]), ("1", &job["job"]), "{path}");
        assert!(matches!(answer.json()["state"].as_str(), Some("queued" | "running")));
    }
    server.client.get(&format!("/images/{id}?wait=soon")).expect_problem(400, "invalid");
}

#[test]
fn who_waits_is_served_the_moment_it_is_stored() {
    let (_folder, server) = start("1s");
    let job = ask(&server);
    let url = job["images"][0]["url"].as_str().unwrap();
    let paths = [format!("{url}?wait=30"), url.replace("/api", "") + "?wait=30", format!("{url}?w=32&wait=30")];
    let answers: Vec<_> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..12)
            .map(|at| {
                scope.spawn({
                    let (client, path) = (server.client.clone(), paths[at % 3].clone());
                    move || client.get(&path).expect(200)
                })
            })
            .collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    for answer in answers {
        assert_eq!(answer.header("content-type"), "image/webp");
    }
}

#[test]
fn an_image_that_will_not_come_is_not_found_and_says_why() {
    let (_folder, server) = start("10m");
    let job = ask(&server);
    server.client.delete(job["url"].as_str().unwrap()).expect(200);
    let url = format!("{}?wait=30", job["images"][0]["url"].as_str().unwrap().replace("/api", ""));
    let answer = server.client.get(&url);
    answer.expect_problem(404, "not_found");
    assert!(answer.json()["detail"].as_str().unwrap().contains("the job was cancelled"), "{}", answer.text());
    let job = server.client.get(job["url"].as_str().unwrap()).json();
    assert_eq!(job["images"][0]["error"]["code"], "cancelled");
}

#[test]
fn however_many_wait_at_an_edge_it_fetches_the_image_once() {
    let folder = Folder::new();
    let origin = Launch::origin(&folder).words(&["--demo-delay", "1s"]).start();
    let edge = Launch::edge(&origin.url()).start();
    let job = ask(&origin);
    let url = job["images"][0]["url"].as_str().unwrap();
    edge.client.get(url).expect_problem(202, "pending");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let (client, path) = (edge.client.clone(), format!("{url}?wait=30"));
                scope.spawn(move || client.get(&path).expect(200))
            })
            .collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let misses = answers.iter().filter(|answer| answer.header("x-cache") == "MISS").count();
    assert!(
        misses <= 1,
        "one fetches, or nobody where the edge has taken it in before; the rest join it or find it: {misses}"
    );
    assert_eq!(edge.client.get(url).expect(200).header("x-cache"), "HIT");
}
