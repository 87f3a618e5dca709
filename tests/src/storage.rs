//! What is kept and where: a store moves between a folder and a bucket, and lets go of what is too much.

use std::fs;

use crate::harness::fixtures::{middling, photo, tiny};
use crate::harness::{Bucket, Folder, Launch, Output, Server, eventually, orbit};

fn run(bucket: &Bucket, words: &[&str]) -> Output {
    let environment = bucket.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    orbit(words, &environment, &[])
}

fn path(folder: &Folder) -> &str {
    folder.path().to_str().unwrap()
}

fn ids(server: &Server) -> Vec<String> {
    let page = server.client.get("/images?limit=200").expect(200).json();
    page["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_folder_goes_to_a_bucket_and_back_and_a_server_goes_on_at_either() {
    let (folder, beside, back, bucket) = (Folder::new(), Folder::new(), Folder::new(), Bucket::start());
    let server = Launch::origin(&folder).start();
    for (number, name) in ["fox", "hen", "cat"].into_iter().enumerate() {
        server.client.put(&format!("/images/{name}"), &middling(number as u64)).expect(201);
    }
    let before = server.client.get("/images/fox").expect(200);
    let busy = run(&bucket, &["sync", path(&folder), &bucket.url()]);
    assert!(busy.code == Some(1) && busy.stderr.contains("another process"), "{busy:?}");
    server.stop();

    let first = run(&bucket, &["sync", path(&folder), &bucket.url(), "--json"]).json();
    assert_eq!((&first["copied"], &first["there"]), (&3.into(), &0.into()));
    let again = run(&bucket, &["sync", path(&folder), &bucket.url(), "--verify", "--json"]).json();
    assert_eq!((&again["copied"], &again["there"]), (&0.into(), &3.into()));
    let server = bucket.keeps_images_of(Launch::origin(&beside)).start();
    let there = server.client.get("/images/fox").expect(200);
    assert_eq!((there.body, there.headers.get("etag")), (before.body.clone(), before.headers.get("etag")));
    server.client.put("/images/dog", &photo("coffee.png")).expect(201);
    server.stop();

    let home = run(&bucket, &["sync", &bucket.url(), path(&back)]);
    assert!(home.code == Some(0) && home.text().contains("4 images copied"), "{home:?}");
    let server = Launch::origin(&back).start();
    assert_eq!(server.client.get("/images/fox").expect(200).body, before.body);
    assert_eq!(ids(&server).len(), 4, "a new folder's index is made at the start");
    assert_eq!(back.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_copy_that_breaks_off_is_gone_on_with_by_the_same_command() {
    let (folder, mut bucket) = (Folder::new(), Bucket::start());
    let server = Launch::origin(&folder).start();
    for number in 0..6 {
        server.client.put(&format!("/images/i{number}"), &tiny(number)).expect(201);
    }
    server.stop();
    let source = folder.images()["i3"].join(folder.manifest("i3").source.file.as_str());
    let whole = fs::read(&source).unwrap();
    fs::write(&source, "damaged").unwrap();
    let most = run(&bucket, &["sync", path(&folder), &bucket.url(), "--json"]);
    assert!(most.code == Some(1) && most.stderr.contains("i3: "), "{most:?}");
    let told: serde_json::Value = serde_json::from_slice(&most.stdout).unwrap();
    assert_eq!((&told["copied"], &told["failed"]), (&5.into(), &serde_json::json!(["i3"])));

    bucket.go_away();
    let none = run(&bucket, &["sync", path(&folder), &bucket.url()]);
    assert!(none.code == Some(1) && none.stderr.contains("does not answer"), "{none:?}");
    bucket.come_back();
    fs::write(&source, whole).unwrap();
    let rest = run(&bucket, &["sync", path(&folder), &bucket.url(), "--json"]).json();
    assert_eq!((&rest["copied"], &rest["there"]), (&1.into(), &5.into()));
}

#[test]
fn places_that_are_none_or_the_same_are_refused() {
    let (folder, bucket) = (Folder::new(), Bucket::start());
    for words in [["sync", path(&folder), "s3://bucket/x"], ["sync", "s3://bucket/x", "s3://bucket/x/"]] {
        let refused = run(&bucket, &words);
        assert!(refused.code == Some(1) && refused.stderr.starts_with("error: "), "{refused:?}");
    }
}

#[test]
fn a_store_over_its_bounds_starts_serves_and_lets_go_of_variants_and_sources() {
    let folder = Folder::new();
    let server = Launch::origin(&folder).start();
    for number in 0..4 {
        server.client.put(&format!("/images/i{number}"), &middling(number)).expect(201);
        server.client.get(&format!("/images/i{number}?w=128")).expect(200);
    }
    eventually("the variants to be stored", || {
        (0..4).all(|number| folder.manifest(&format!("i{number}")).variants.len() == 1).then_some(())
    });
    server.stop();
    let words = ["--keep-variants", "0", "--keep-sources", "2", "--collect-interval", "20ms"];
    let server = Launch::origin(&folder).words(&words).start();
    eventually("variants and two sources to go", || {
        let manifests: Vec<_> = (0..4).map(|number| folder.manifest(&format!("i{number}"))).collect();
        let gone = manifests.iter().filter(|it| it.source.evicted).count();
        (gone == 2 && manifests.iter().all(|it| it.variants.is_empty())).then_some(())
    });
    for number in 0..4 {
        server.client.get(&format!("/images/i{number}")).expect(200);
        server.client.get(&format!("/images/i{number}?w=64")).expect(200);
    }
    server.stop();
    assert_eq!(folder.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn whole_images_go_only_where_that_is_allowed_and_a_dry_run_removes_nothing() {
    let folder = Folder::new();
    let server = Launch::origin(&folder).start();
    for number in 0..4 {
        server.client.put(&format!("/images/i{number}"), &middling(number)).expect(201);
    }
    server.stop();
    let gc = |words: &[&str]| orbit(&[&["gc", "--data-dir", path(&folder), "--json"], words].concat(), &[], &[]).json();
    assert_eq!(gc(&["--keep-images", "1"])["images"], 0);
    let dry = gc(&["--keep-images", "1", "--evict-images", "--dry-run"]);
    assert_eq!((&dry["images"], folder.images().len()), (&3.into(), 4));
    let wet = gc(&["--keep-images", "1", "--evict-images"]);
    assert_eq!((&wet["images"], &wet["bytes"], folder.images().len()), (&3.into(), &dry["bytes"], 1));
    let server = Launch::origin(&folder).start();
    assert_eq!(ids(&server).len(), 1);
}
