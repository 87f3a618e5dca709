//! Images in a bucket: several origins keep the same ones, each with a folder of its own, and the bucket may be away.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::fixtures::{middling, photo, tiny};
use crate::harness::{Bucket, Client, Folder, Launch, Server, eventually, orbit};

/// An origin with a folder of its own that keeps its images in the bucket.
fn origin(bucket: &Bucket) -> (Folder, Server) {
    let folder = Folder::new();
    let server = bucket.keeps_images_of(Launch::origin(&folder)).start();
    (folder, server)
}

fn ids(client: &Client) -> BTreeSet<String> {
    let page = client.get("/images?limit=200").expect(200).json();
    page["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_image_that_one_origin_took_is_served_and_removed_by_another() {
    let bucket = Bucket::start();
    let ((folder, first), (_other, second)) = (origin(&bucket), origin(&bucket));
    first.client.put("/images/cat", &photo("chelsea.png")).expect(201);
    second.client.put("/images/cat", &photo("chelsea.png")).expect(200);
    second.client.put("/images/cat", &photo("coffee.png")).expect_problem(409, "conflict");
    let (there, here) = (first.client.get("/images/cat").expect(200), second.client.get("/images/cat").expect(200));
    assert_eq!((there.body == here.body, there.header("etag")), (true, here.header("etag")));
    assert!(bucket.keys().iter().all(|key| key.starts_with("images/") && key.contains("/cat/")), "{:?}", bucket.keys());
    assert!(!folder.path().join("images").exists(), "nothing of it lies in the folder of the process");

    second.client.delete("/images/cat").expect(200);
    first.client.get("/images/cat").expect_problem(404, "not_found");
    assert_eq!(bucket.keys(), Vec::<String>::new());
}

#[test]
fn variants_that_two_origins_derive_stand_in_one_manifest() {
    let bucket = Bucket::start();
    let ((_one, first), (_other, second)) = (origin(&bucket), origin(&bucket));
    first.client.put("/images/cat", &photo("chelsea.png")).expect(201);
    let widths = [32, 48, 64, 96, 128, 256];
    std::thread::scope(|scope| {
        for (number, width) in widths.into_iter().enumerate() {
            let client = if number % 2 == 0 { &first.client } else { &second.client };
            scope.spawn(move || client.get(&format!("/images/cat?w={width}")).expect(200));
        }
    });
    for server in [&first, &second] {
        eventually("all variants in the metadata", || {
            let meta = server.client.get("/images/cat/meta").expect(200).json();
            let there: BTreeSet<u64> =
                meta["variants"].as_array().unwrap().iter().filter_map(|variant| variant["width"].as_u64()).collect();
            (there == widths.into()).then_some(())
        });
    }
}

#[test]
fn an_origin_that_comes_anew_lists_what_the_bucket_holds() {
    let bucket = Bucket::start();
    let (_folder, first) = origin(&bucket);
    for number in 0..5 {
        first.client.put(&format!("/images/i{number}"), &tiny(number)).expect(201);
    }
    let (folder, second) = origin(&bucket);
    eventually("all in the list", || (ids(&second.client).len() == 5).then_some(()));
    second.client.delete("/images/i3").expect(200);
    second.stop();
    let words = ["reindex", "--data-dir", folder.path().to_str().unwrap(), "--blobs", &bucket.url(), "--json"];
    let environment = bucket.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(orbit(&words, &environment, &[]).json()["images"], 4);
}

#[test]
fn while_the_bucket_is_away_copies_are_served_and_uploads_are_put_off_and_then_all_is_as_ever() {
    let mut bucket = Bucket::start();
    let folder = Folder::new();
    let server = bucket.keeps_images_of(Launch::serve(&folder)).start();
    server.client.put("/images/cat", &photo("chelsea.png")).expect(201);
    let before = server.client.get("/api/images/cat").expect(200);
    bucket.go_away();
    assert_eq!(server.client.get("/api/images/cat").expect(200).body, before.body);
    let refused = server.client.put("/images/dog", &photo("coffee.png"));
    refused.expect_problem(503, "busy");
    assert!(!refused.header("retry-after").is_empty());
    server.client.get("/images/cat").expect_problem(503, "busy");
    server.client.get("/healthz").expect(200);
    bucket.come_back();
    server.client.put("/images/dog", &photo("coffee.png")).expect(201);
    assert_eq!(server.client.get("/images/cat").expect(200).body, before.body);
    server.stop();
}

#[test]
fn a_bucket_that_cannot_be_used_ends_the_start_with_the_reason() {
    let mut bucket = Bucket::start();
    let folder = Folder::new();
    let refused = bucket.keeps_images_of(Launch::origin(&folder)).variable("AWS_SECRET_ACCESS_KEY", "wrong").refused();
    assert!(refused.stderr.contains("credentials"), "{refused:?}");
    let refused = Launch::origin(&folder).words(&["--blobs", "ftp://somewhere/x"]).refused();
    assert!(refused.stderr.contains("s3://"), "{refused:?}");
    bucket.go_away();
    let refused = bucket.keeps_images_of(Launch::origin(&folder)).refused();
    assert!(refused.stderr.contains("does not answer"), "{refused:?}");
}

#[test]
fn a_folder_may_be_named_as_a_url_too() {
    let (folder, images) = (Folder::new(), Folder::new());
    let url = format!("file://{}", images.path().display());
    let server = Launch::origin(&folder).words(&["--blobs", &url]).start();
    server.client.put("/images/cat", &photo("chelsea.png")).expect(201);
    assert!(images.images().contains_key("cat") && !folder.path().join("images").exists());
    server.client.get("/images/cat").expect(200);
}

#[test]
fn what_an_origin_has_promised_is_there_at_another_though_it_is_killed_again_and_again() {
    let bucket = Bucket::start();
    let (_folder, other) = origin(&bucket);
    let folder = Folder::new();
    let (mut promised, mut number) = (Vec::new(), 0);
    for round in 0..8 {
        let server = bucket.keeps_images_of(Launch::origin(&folder)).start();
        let (client, answers) = (server.client.clone(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let uploads = scope.spawn(|| {
                let mut stored = Vec::new();
                loop {
                    let id = format!("i{number}");
                    number += 1;
                    match client.try_send("PUT", &format!("/images/{id}"), &[], Some(&middling(number))) {
                        Ok(answer) => stored.push((id, answer.expect(201))),
                        Err(_) => return stored,
                    }
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            });
            // Some rounds end before the first answer, some after several.
            eventually("uploads before the kill", || (answers.load(Ordering::SeqCst) >= round % 4).then_some(()));
            server.kill();
            promised.extend(uploads.join().unwrap());
        });
    }
    assert!(promised.len() >= 12, "too little happened: {}", promised.len());
    for (id, answer) in promised {
        let image = other.client.get(&format!("/images/{id}")).expect(200);
        assert_eq!(answer.json()["bytes"].as_u64(), Some(image.body.len() as u64), "{id}");
    }
}
