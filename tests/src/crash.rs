//! The process is killed at any moment while images come and go; what is there afterwards is whole, and all that was promised.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use orbit_model::Digest;
use serde_json::Value;

use crate::harness::fixtures::{middling, tiny};
use crate::harness::{Client, Folder, Launch, Server, eventually};

/// How often the process is killed.
const KILLS: usize = 50;
/// How many threads upload and delete at a time.
const THREADS: usize = 4;

/// What the server has promised by an answer.
#[derive(Debug, Default)]
struct Promises {
    /// Images whose upload was answered, and whose removal was not asked for.
    stored: BTreeSet<String>,
    /// Images whose removal was answered.
    gone: BTreeSet<String>,
}

#[test]
fn after_fifty_kills_every_image_is_whole_and_none_that_was_promised_is_lost() {
    let folder = Folder::new();
    let promises = Mutex::<Promises>::default();
    for round in 0..KILLS {
        let server = Launch::serve(&folder).start();
        let answers = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (client, answers, promises) = (server.client.clone(), &answers, &promises);
                scope.spawn(move || change(&client, &format!("{round}-{thread}"), answers, promises));
            }
            // Some rounds end before the first answer, some in the middle of a dozen.
            eventually("answers before the kill", || (answers.load(Ordering::SeqCst) >= round % 12).then_some(()));
            assert!(!server.log().contains(" ERROR "), "round {round}: {}", server.log());
            server.kill();
        });
    }
    let server = Launch::serve(&folder).start();
    let promises = promises.into_inner().unwrap();
    assert!(promises.stored.len() > 2 * KILLS && promises.gone.len() > KILLS / 5, "too little happened: {promises:?}");
    verify(&server, &folder, &promises);
}

/// Uploads and deletes until the server is killed.
fn change(client: &Client, prefix: &str, answers: &AtomicUsize, promises: &Mutex<Promises>) {
    for number in 0.. {
        let id = format!("i{prefix}-{number}");
        let source = if number % 3 == 2 { middling(number) } else { tiny(number) };
        match client.try_send("PUT", &format!("/images/{id}"), &[], Some(&source)) {
            Ok(answer) => assert_eq!(answer.status, 201, "{}", answer.text()),
            Err(_) => return,
        }
        answers.fetch_add(1, Ordering::SeqCst);
        if number % 4 != 1 {
            promises.lock().unwrap().stored.insert(id);
            continue;
        }
        match client.try_send("DELETE", &format!("/images/{id}"), &[], None) {
            Ok(answer) => assert_eq!(answer.status, 200, "{}", answer.text()),
            Err(_) => return,
        }
        answers.fetch_add(1, Ordering::SeqCst);
        promises.lock().unwrap().gone.insert(id);
    }
}

fn verify(server: &Server, folder: &Folder, promises: &Promises) {
    let on_disk: BTreeSet<String> = folder.images().into_keys().collect();
    expect_kept(promises, &on_disk, "in the files");
    let images = list(&server.client);
    let listed: BTreeSet<String> = images.iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed.len(), images.len(), "none is listed twice");
    expect_kept(promises, &listed, "in the list");
    for image in &images {
        let id = image["id"].as_str().unwrap();
        for prefix in ["/images", "/api/images"] {
            let answer = server.client.get(&format!("{prefix}/{id}")).expect(200);
            let digest = Digest::of(&answer.body);
            assert_eq!(image["digest"], digest.to_string(), "{prefix}/{id}");
            assert_eq!(answer.header("etag"), digest.etag(), "{prefix}/{id}");
        }
        assert_eq!(Digest::of(&folder.source(id)), folder.manifest(id).source.digest, "{id}");
    }
    assert_eq!(on_disk, listed, "the files and the index agree");
    assert_eq!(folder.leftovers(), Vec::<std::path::PathBuf>::new(), "nothing half-written is left");
    assert_eq!(server.client.get("/stats").json()["store"]["images"], images.len());
}

fn expect_kept(promises: &Promises, found: &BTreeSet<String>, place: &str) {
    let none = Vec::<&String>::new();
    assert_eq!(promises.stored.difference(found).collect::<Vec<_>>(), none, "promised and lost {place}");
    assert_eq!(promises.gone.intersection(found).collect::<Vec<_>>(), none, "deleted and back {place}");
}

fn list(client: &Client) -> Vec<Value> {
    let (mut images, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/images?limit=200{cursor}")).expect(200).json();
        images.extend(page["images"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return images,
        }
    }
}
