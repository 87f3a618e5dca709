//! What the store makes of files and index: expectations, concurrency, and repair by `recover` and `reindex`.
//!
//! `crash` stops it at every step in turn.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use orbit_model::{BlobName, Derived, Digest, Format, Manifest, Rendition};
use tempfile::TempDir;

use super::{Committed, Expect, Reindexed, Store};
use crate::fixtures::{Image, id, image};
use crate::{Error, FileSystem, Query, Totals};

mod adopt;
mod bounds;
mod crash;
mod shared;

/// A store in a folder, and the folder.
async fn open() -> (Store, TempDir) {
    let root = TempDir::new().unwrap();
    (reopen(&root).await, root)
}

async fn reopen(root: &TempDir) -> Store {
    let store = Store::open(root.path()).await.unwrap();
    store.recover().await.unwrap();
    store
}

async fn listed(store: &Store) -> Vec<String> {
    let page = store.list(&Query::default()).await.unwrap();
    page.manifests.iter().map(|manifest| manifest.id.to_string()).collect()
}

async fn commit_new(store: &Store, image: &Image) {
    assert_eq!(image.commit(store, Expect::New).await.unwrap(), Committed::Created);
}

#[tokio::test]
async fn a_committed_image_is_read_listed_and_counted() {
    let (store, _root) = open().await;
    let fox = image("fox", "a fox").in_thread("a");
    commit_new(&store, &fox).await;
    assert_eq!(store.read(&id("fox")).await.unwrap(), (fox.manifest.clone(), fox.served()));
    assert_eq!(store.source(&id("fox")).await.unwrap(), (fox.manifest.clone(), fox.blobs[0].1.clone()));
    assert_eq!(store.manifest(&id("fox")).await.unwrap(), fox.manifest);
    assert_eq!(listed(&store).await, ["fox"]);
    assert_eq!(store.totals().await.unwrap(), Totals::of(&fox.manifest));
    assert!(matches!(store.read(&id("hen")).await, Err(Error::NotFound)));
    assert!(matches!(store.source(&id("hen")).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn the_same_source_again_changes_nothing_and_another_is_a_conflict() {
    let (store, _root) = open().await;
    let first = image("fox", "a fox");
    commit_new(&store, &first).await;
    let again = image("fox", "a fox").at(60);
    let existed = Committed::Existed(Box::new(first.manifest.clone()));
    assert_eq!(again.commit(&store, Expect::New).await.unwrap(), existed);
    assert!(matches!(image("fox", "a hen").commit(&store, Expect::New).await, Err(Error::Conflict(_))));
    assert_eq!(store.read(&id("fox")).await.unwrap(), (first.manifest.clone(), first.served()));
    assert_eq!(store.list(&Query::default()).await.unwrap().manifests, [first.manifest]);
}

#[tokio::test]
async fn a_replacement_needs_the_digest_that_is_stored_and_leaves_no_old_files() {
    let (store, root) = open().await;
    let (old, new) = (image("fox", "a fox"), image("fox", "a better fox"));
    let seen = Expect::Replacing(old.manifest.image.digest);
    assert!(matches!(new.commit(&store, seen).await, Err(Error::Conflict(_))), "nothing is stored");
    commit_new(&store, &old).await;
    let other = Expect::Replacing(new.manifest.image.digest);
    assert!(matches!(new.commit(&store, other).await, Err(Error::Conflict(_))), "another is stored");
    assert_eq!(store.read(&id("fox")).await.unwrap().1, old.served());

    assert_eq!(new.commit(&store, seen).await.unwrap(), Committed::Replaced(Box::new(old.manifest.clone())));
    assert_eq!(store.read(&id("fox")).await.unwrap(), (new.manifest.clone(), new.served()));
    assert_eq!(store.totals().await.unwrap(), Totals::of(&new.manifest));
    assert_eq!(files_of(&root).len(), 3);
    assert!(matches!(old.commit(&store, seen).await, Err(Error::Conflict(_))), "it has changed since");
}

#[tokio::test]
async fn a_replacement_may_keep_the_source() {
    let (store, _root) = open().await;
    let old = image("fox", "a fox");
    let mut new = image("fox", "a better fox");
    new.manifest.source = old.manifest.source.clone();
    new.blobs.remove(0);
    assert!(matches!(new.commit(&store, Expect::New).await, Err(Error::Invalid(_))), "no source is there");
    commit_new(&store, &old).await;
    new.commit(&store, Expect::Replacing(old.manifest.image.digest)).await.unwrap();
    assert_eq!(store.source(&id("fox")).await.unwrap().1, old.blobs[0].1);
}

#[tokio::test]
async fn blobs_that_the_manifest_does_not_name_are_refused() {
    let (store, root) = open().await;
    let mut fox = image("fox", "a fox");
    fox.blobs.extend(image("fox", "a hen").blobs);
    assert!(matches!(fox.commit(&store, Expect::New).await, Err(Error::Invalid(_))));
    assert_eq!(files_of(&root).len(), 0);
}

#[tokio::test]
async fn of_many_commits_of_one_name_one_wins() {
    let (store, _root) = open().await;
    let commits: Vec<_> = (0..16)
        .map(|number| {
            let (store, image) = (store.clone(), image("fox", &format!("fox {}", number / 2)));
            tokio::spawn(async move { (image.commit(&store, Expect::New).await, image) })
        })
        .collect();
    let (mut created, mut existed) = (Vec::new(), 0);
    for commit in commits {
        match commit.await.unwrap() {
            (Ok(Committed::Created), image) => created.push(image),
            (Ok(Committed::Existed(_)), _) => existed += 1,
            (outcome, _) => assert!(matches!(outcome, Err(Error::Conflict(_))), "{outcome:?}"),
        }
    }
    assert_eq!((created.len(), existed), (1, 1));
    assert_eq!(store.read(&id("fox")).await.unwrap(), (created[0].manifest.clone(), created[0].served()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_images_while_they_are_replaced() {
    let (store, _root) = open().await;
    let images: Vec<_> = (0..20).map(|number| image("fox", &format!("fox number {number}"))).collect();
    commit_new(&store, &images[0]).await;
    let writer = tokio::spawn({
        let (store, images) = (store.clone(), images.clone());
        async move {
            for pair in images.windows(2) {
                pair[1].commit(&store, Expect::Replacing(pair[0].manifest.image.digest)).await.unwrap();
            }
        }
    });
    let mut last = 0;
    while last + 1 < images.len() {
        // Two replacements within one read are the most that it makes up for; then it says so and gives nothing wrong.
        let (manifest, bytes) = match store.read(&id("fox")).await {
            Err(Error::Corrupt { .. }) => continue,
            read => read.unwrap(),
        };
        let seen = images.iter().position(|image| image.manifest == manifest).unwrap();
        assert_eq!(bytes, images[seen].served());
        assert!(seen >= last, "an older image came back");
        last = seen;
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn an_erased_image_is_gone_and_says_what_it_was() {
    let (store, root) = open().await;
    let fox = image("fox", "a fox");
    commit_new(&store, &fox).await;
    commit_new(&store, &image("hen", "a hen")).await;
    let erased = store.erase(&id("fox")).await.unwrap();
    let bytes = fox.manifest.stored_bytes() + fox.manifest.to_json().len() as u64;
    assert_eq!((erased.index, erased.files, erased.bytes), (1, 3, bytes));
    assert_eq!(erased.manifest, Some(fox.manifest.clone()));
    assert!(matches!(store.read(&id("fox")).await, Err(Error::NotFound)));
    assert!(matches!(store.erase(&id("fox")).await, Err(Error::NotFound)));
    assert_eq!(listed(&store).await, ["hen"]);
    assert_eq!(files_of(&root).len(), 3);
    commit_new(&store, &image("fox", "another fox")).await;
}

#[tokio::test]
async fn a_change_ends_even_if_its_caller_leaves() {
    let (store, _root) = open().await;
    let fox = image("fox", "a fox");
    abandon(fox.commit(&store, Expect::New)).await;
    let existed = Committed::Existed(Box::new(fox.manifest.clone()));
    assert_eq!(fox.commit(&store, Expect::New).await.unwrap(), existed);
    abandon(store.erase(&id("fox"))).await;
    assert!(matches!(store.erase(&id("fox")).await, Err(Error::NotFound)));
}

/// Begins some work and leaves at its first pause.
async fn abandon<F: Future>(work: F) {
    tokio::select! {
        biased;
        _ = work => panic!("it had no pause to leave at"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn the_ids_of_a_thread_are_complete_past_a_page() {
    let (store, _root) = open().await;
    let index = &store.0.index;
    for number in 0..Query::MAX_LIMIT + 3 {
        let manifest = image(&format!("image-{number:03}"), "x").in_thread("a").manifest;
        index.settle(&manifest.id, Some(&manifest)).await.unwrap();
    }
    let ids = store.ids_of_thread(&"a".parse().unwrap()).await.unwrap();
    assert_eq!(ids.len(), Query::MAX_LIMIT + 3);
    assert!(ids.is_sorted_by(|left, right| left > right));
    assert_eq!(store.ids_of_thread(&"b".parse().unwrap()).await.unwrap(), []);
}

#[tokio::test]
async fn a_lost_index_is_made_again_from_the_manifests() {
    let (store, root) = open().await;
    for (number, name) in ["fox", "hen", "cat"].into_iter().enumerate() {
        commit_new(&store, &image(name, name).in_thread("a").at(number as i64)).await;
    }
    let before = (store.list(&Query::default()).await.unwrap(), store.totals().await.unwrap());
    drop(store);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(root.path().join(format!("index.sqlite{suffix}")));
    }
    let store = Store::open(root.path()).await.unwrap();
    assert_eq!(listed(&store).await, [""; 0]);
    let rebuilt = store.recover().await.unwrap().rebuilt;
    assert_eq!(rebuilt, Some(Reindexed { images: 3, removed: 0, corrupt: vec![] }));
    assert_eq!((store.list(&Query::default()).await.unwrap(), store.totals().await.unwrap()), before);
    assert_eq!(store.recover().await.unwrap(), super::Recovered::default());
}

#[tokio::test]
async fn reindexing_passes_over_damaged_images_and_sweeps_what_is_no_image() {
    let (store, root) = open().await;
    for name in ["fox", "hen", "cat"] {
        commit_new(&store, &image(name, name)).await;
    }
    let ghost = image("ghost", "x").manifest;
    store.0.index.settle(&ghost.id, Some(&ghost)).await.unwrap();
    for path in files_of(&root) {
        if path.ends_with("hen/manifest.json") {
            fs::write(root.path().join("images").join(&path), "{\"version\":1,").unwrap();
        } else if path.ends_with("cat/manifest.json") {
            fs::remove_file(root.path().join("images").join(&path)).unwrap();
        }
    }
    let mut progress = Vec::new();
    let reindexed = store.reindex(|done| progress.push(done)).await.unwrap();
    assert_eq!(reindexed, Reindexed { images: 1, removed: 2, corrupt: vec![id("hen")] });
    assert_eq!(progress, [1, 2, 3]);
    assert_eq!(listed(&store).await, ["fox"]);
    assert!(matches!(store.read(&id("hen")).await, Err(Error::Corrupt { .. })));
    assert_eq!(store.erase(&id("hen")).await.unwrap().files, 3, "a damaged image can be erased");
    assert_eq!(files_of(&root).len(), 3);
}

#[tokio::test]
async fn reindexing_loses_no_image_that_is_committed_meanwhile() {
    let (store, _root) = open().await;
    for number in 0..20 {
        commit_new(&store, &image(&format!("old-{number}"), "x")).await;
    }
    let commits = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..10 {
                commit_new(&store, &image(&format!("new-{number}"), "x")).await;
                store.erase(&id(&format!("old-{number}"))).await.unwrap();
            }
        }
    });
    while !commits.is_finished() {
        store.reindex(|_| ()).await.unwrap();
    }
    commits.await.unwrap();
    let mut expected: Vec<_> = (0..10).flat_map(|n| [format!("new-{n}"), format!("old-{}", n + 10)]).collect();
    let mut listed = listed(&store).await;
    expected.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, expected);
}

/// The paths of all files of images, from `images` on.
fn files_of(root: &TempDir) -> Vec<String> {
    let images = root.path().join("images");
    let mut folders = vec![images.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(&images).unwrap().display().to_string());
            }
        }
    }
    files
}

/// The manifest of an image with one variant more, and that variant's blob.
fn with_variant(image: &Image, query: &str) -> (Manifest, Vec<(BlobName, Bytes)>) {
    let bytes = Bytes::from(format!("{query} of it"));
    let digest = Digest::of(&bytes);
    let file = BlobName::for_content("variant", &digest, Format::Webp);
    let length = bytes.len() as u64;
    let rendition = Rendition { file: file.clone(), digest, bytes: length, ..image.manifest.image.clone() };
    let mut manifest = image.manifest.clone();
    manifest.variants.push(Derived { variant: query.parse().unwrap(), rendition });
    (manifest, vec![(file, bytes)])
}

#[tokio::test]
async fn what_is_kept_beside_an_image_comes_and_goes_with_its_manifest() {
    let (store, root) = open().await;
    let fox = image("fox", "a fox");
    commit_new(&store, &fox).await;
    let (wanted, blobs) = with_variant(&fox, "w=64");
    let (amended, file) = (wanted.clone(), blobs[0].clone());
    let stored = store.amend(&id("fox"), blobs, move |_| Ok(amended.clone())).await.unwrap();
    assert_eq!(stored, wanted);
    assert_eq!(store.blob(&id("fox"), &file.0, file.1.len() as u64).await.unwrap(), file.1);
    assert_eq!(store.read(&id("fox")).await.unwrap(), (wanted.clone(), fox.served()));
    assert_eq!(store.totals().await.unwrap(), Totals::of(&wanted));

    let reopened = {
        drop(store);
        reopen(&root).await
    };
    let bare = fox.manifest.clone();
    reopened.amend(&id("fox"), Vec::new(), move |_| Ok(bare.clone())).await.unwrap();
    let gone = reopened.blob(&id("fox"), &file.0, file.1.len() as u64).await;
    assert!(matches!(gone, Err(Error::Corrupt { .. })), "{gone:?}");
    assert_eq!(reopened.manifest(&id("fox")).await.unwrap(), fox.manifest);
}

#[tokio::test]
async fn an_amendment_that_is_refused_changes_nothing() {
    let (store, _root) = open().await;
    let fox = image("fox", "a fox");
    commit_new(&store, &fox).await;
    let (wanted, blobs) = with_variant(&fox, "w=64");
    let renamed = Manifest { id: id("hen"), ..fox.manifest.clone() };
    let missing = store.amend(&id("fox"), Vec::new(), move |_| Ok(wanted.clone())).await;
    assert!(matches!(missing, Err(Error::Invalid(_))), "{missing:?}");
    let unnamed = store.amend(&id("fox"), blobs, |manifest| Ok(Manifest { refined: true, ..manifest })).await;
    assert!(matches!(unnamed, Err(Error::Invalid(_))), "{unnamed:?}");
    assert!(store.amend(&id("fox"), Vec::new(), move |_| Ok(renamed.clone())).await.is_err());
    assert!(matches!(store.amend(&id("hen"), Vec::new(), Ok).await, Err(Error::NotFound)));
    assert!(store.amend(&id("fox"), Vec::new(), |_| Err(Error::NotFound)).await.is_err());
    assert_eq!(store.manifest(&id("fox")).await.unwrap(), fox.manifest);
    assert_eq!(listed(&store).await, ["fox"]);
}
