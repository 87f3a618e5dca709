//! The laws of a blob store, for every backend to run: `blob_store_laws!(open)` in its tests.
//!
//! They hold for each call alone and among concurrent calls; what the store builds of them is tested in `store`.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use orbit_model::{BlobName, ImageId};

use crate::fixtures::{Image, id, image};
use crate::{BlobStore, Deleted, Error, File, PutMode, Version};

macro_rules! blob_store_laws {
    ($open:path) => {
        $crate::fixtures::laws!($crate::blob::conformance, $open:
            what_is_put_is_read_and_what_is_not_is_not_found,
            a_file_is_created_once_and_replaced_as_often_as_asked,
            of_many_creators_at_once_exactly_one_succeeds,
            a_manifest_is_swapped_for_the_one_that_was_read_and_for_no_other,
            of_many_who_read_the_same_exactly_one_swaps,
            what_was_removed_is_not_brought_back_by_a_swap,
            what_is_discarded_is_gone_and_nothing_else,
            retaining_keeps_the_manifest_and_what_is_named,
            a_deleted_image_is_gone_and_says_what_it_freed,
            a_list_in_pages_names_every_image_once,
            an_image_is_read_with_its_manifest,
            an_image_that_differs_from_its_manifest_is_damaged,
            a_shared_blob_is_read_by_each_and_counted,
            what_happens_to_one_owner_is_not_seen_by_another,
            only_the_last_owner_frees_the_bytes,
            a_blob_that_is_not_there_cannot_be_shared,
            of_owners_that_leave_at_once_the_bytes_are_freed_once,
        );
    };
}
pub(crate) use blob_store_laws;

type Shared = Arc<dyn BlobStore>;

fn name(text: &str) -> BlobName {
    text.to_owned().try_into().unwrap()
}

async fn put(store: &Shared, id: &ImageId, file: &str, bytes: &'static str, mode: PutMode<'_>) -> Result<(), Error> {
    store.put(id, File::Blob(&name(file)), Bytes::from_static(bytes.as_bytes()), mode).await
}

async fn put_image(store: &Shared, image: &Image) {
    let id = &image.manifest.id;
    for (name, bytes) in &image.blobs {
        store.put(id, File::Blob(name), bytes.clone(), PutMode::Create).await.unwrap();
    }
    store.put(id, File::Manifest, image.manifest.to_json().into(), PutMode::Create).await.unwrap();
}

pub(crate) async fn what_is_put_is_read_and_what_is_not_is_not_found(store: Shared) {
    let fox = id("fox");
    assert!(matches!(store.get(&fox, File::Manifest).await, Err(Error::NotFound)));
    put(&store, &fox, "a.png", "pixels", PutMode::Create).await.unwrap();
    put(&store, &fox, "empty.png", "", PutMode::Create).await.unwrap();
    assert_eq!(store.get(&fox, File::Blob(&name("a.png"))).await.unwrap(), "pixels");
    assert_eq!(store.get(&fox, File::Blob(&name("empty.png"))).await.unwrap(), "");
    for (id, file) in [(&fox, "b.png"), (&id("Fox"), "a.png"), (&id("other"), "a.png")] {
        assert!(matches!(store.get(id, File::Blob(&name(file))).await, Err(Error::NotFound)), "{id} {file}");
    }
}

pub(crate) async fn a_file_is_created_once_and_replaced_as_often_as_asked(store: Shared) {
    let fox = id("fox");
    put(&store, &fox, "a.png", "first", PutMode::Create).await.unwrap();
    assert!(matches!(put(&store, &fox, "a.png", "second", PutMode::Create).await, Err(Error::Conflict(_))));
    assert_eq!(store.get(&fox, File::Blob(&name("a.png"))).await.unwrap(), "first");
    for bytes in ["third", "fourth"] {
        put(&store, &fox, "a.png", bytes, PutMode::Replace).await.unwrap();
        assert_eq!(store.get(&fox, File::Blob(&name("a.png"))).await.unwrap(), bytes);
    }
}

pub(crate) async fn of_many_creators_at_once_exactly_one_succeeds(store: Shared) {
    let creators: Vec<_> = (0..16)
        .map(|number: u8| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let bytes = Bytes::from(vec![number; 1000]);
                store.put(&id("fox"), File::Manifest, bytes.clone(), PutMode::Create).await.map(|()| bytes)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for creator in creators {
        match creator.await.unwrap() {
            Ok(bytes) => winners.push(bytes),
            Err(error) => assert!(matches!(error, Error::Conflict(_)), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(&id("fox"), File::Manifest).await.unwrap(), winners[0]);
}

async fn swap(store: &Shared, bytes: &'static str, seen: &Version) -> Result<(), Error> {
    store.put(&id("fox"), File::Manifest, Bytes::from_static(bytes.as_bytes()), PutMode::Swap(seen)).await
}

pub(crate) async fn a_manifest_is_swapped_for_the_one_that_was_read_and_for_no_other(store: Shared) {
    store.put(&id("fox"), File::Manifest, Bytes::from_static(b"first"), PutMode::Create).await.unwrap();
    let (bytes, first) = store.get_manifest(&id("fox")).await.unwrap();
    assert_eq!(bytes, "first");
    swap(&store, "second", &first).await.unwrap();
    assert!(matches!(swap(&store, "third", &first).await, Err(Error::Conflict(_))));
    let (bytes, second) = store.get_manifest(&id("fox")).await.unwrap();
    assert_eq!(bytes, "second");
    swap(&store, "third", &second).await.unwrap();
    assert_eq!(store.get(&id("fox"), File::Manifest).await.unwrap(), "third");
}

pub(crate) async fn of_many_who_read_the_same_exactly_one_swaps(store: Shared) {
    store.put(&id("fox"), File::Manifest, Bytes::from_static(b"0"), PutMode::Create).await.unwrap();
    let (_, seen) = store.get_manifest(&id("fox")).await.unwrap();
    let swaps: Vec<_> = (0..16)
        .map(|number: u8| {
            let (store, seen) = (Arc::clone(&store), seen.clone());
            tokio::spawn(async move {
                let bytes = Bytes::from(vec![number; 1000]);
                store.put(&id("fox"), File::Manifest, bytes.clone(), PutMode::Swap(&seen)).await.map(|()| bytes)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for swap in swaps {
        match swap.await.unwrap() {
            Ok(bytes) => winners.push(bytes),
            Err(error) => assert!(matches!(error, Error::Conflict(_)), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(&id("fox"), File::Manifest).await.unwrap(), winners[0]);
}

pub(crate) async fn what_was_removed_is_not_brought_back_by_a_swap(store: Shared) {
    put_image(&store, &image("fox", "a fox")).await;
    let (_, seen) = store.get_manifest(&id("fox")).await.unwrap();
    store.delete_image(&id("fox")).await.unwrap();
    assert!(matches!(swap(&store, "again", &seen).await, Err(Error::Conflict(_))));
    assert!(matches!(store.get_manifest(&id("fox")).await, Err(Error::NotFound)));
    assert!(store.list(None, 10).await.unwrap().is_empty());
}

pub(crate) async fn what_is_discarded_is_gone_and_nothing_else(store: Shared) {
    let names = [name("a.png"), name("b.png"), name("c.png")];
    put_image(&store, &image("fox", "a fox")).await;
    put(&store, &id("fox"), "a.png", "1", PutMode::Create).await.unwrap();
    put(&store, &id("fox"), "c.png", "2", PutMode::Create).await.unwrap();
    for _ in 0..2 {
        store.discard(&id("fox"), &[&names[0], &names[1]]).await.unwrap();
        store.discard(&id("hen"), &[&names[0]]).await.unwrap();
    }
    assert!(matches!(store.get(&id("fox"), File::Blob(&names[0])).await, Err(Error::NotFound)));
    assert_eq!(store.get(&id("fox"), File::Blob(&names[2])).await.unwrap(), "2");
    assert!(store.read_image(&id("fox")).await.is_ok());
    assert_eq!(store.list(None, 10).await.unwrap(), [id("fox")]);
}

pub(crate) async fn retaining_keeps_the_manifest_and_what_is_named(store: Shared) {
    let fox = id("fox");
    assert_eq!(store.retain(&fox, &[]).await.unwrap(), Deleted::default());
    put_image(&store, &image("fox", "a fox")).await;
    put(&store, &fox, "old.png", "12345", PutMode::Create).await.unwrap();
    put(&store, &fox, "older.png", "123", PutMode::Create).await.unwrap();
    put(&store, &id("hen"), "old.png", "1", PutMode::Create).await.unwrap();
    let kept: Vec<_> = image("fox", "a fox").manifest.files().cloned().collect();
    let kept: Vec<_> = kept.iter().collect();
    assert_eq!(store.retain(&fox, &kept).await.unwrap(), Deleted { files: 2, bytes: 8 });
    assert_eq!(store.retain(&fox, &kept).await.unwrap(), Deleted::default());
    assert!(matches!(store.get(&fox, File::Blob(&name("old.png"))).await, Err(Error::NotFound)));
    assert!(store.read_image(&fox).await.is_ok());
    assert!(store.get(&id("hen"), File::Blob(&name("old.png"))).await.is_ok());
}

pub(crate) async fn a_deleted_image_is_gone_and_says_what_it_freed(store: Shared) {
    let (fox, hen) = (image("fox", "a fox"), image("hen", "a hen"));
    put_image(&store, &fox).await;
    put_image(&store, &hen).await;
    let bytes = fox.manifest.stored_bytes() + fox.manifest.to_json().len() as u64;
    assert_eq!(store.delete_image(&id("fox")).await.unwrap(), Deleted { files: 3, bytes });
    assert_eq!(store.delete_image(&id("fox")).await.unwrap(), Deleted::default());
    assert!(matches!(store.read_image(&id("fox")).await, Err(Error::NotFound)));
    assert_eq!(store.list(None, 10).await.unwrap(), [id("hen")]);
    put_image(&store, &fox).await;
    assert_eq!(store.read_image(&id("fox")).await.unwrap().1, fox.served());
}

pub(crate) async fn a_list_in_pages_names_every_image_once(store: Shared) {
    let expected: BTreeSet<ImageId> = (0..60).map(|number| id(&format!("image-{number}"))).collect();
    for id in &expected {
        put(&store, id, "a.png", "x", PutMode::Create).await.unwrap();
    }
    let whole = store.list(None, 1000).await.unwrap();
    assert_eq!(whole.len(), expected.len());
    assert_eq!(whole.iter().cloned().collect::<BTreeSet<_>>(), expected);
    for limit in [1, 7, 60] {
        let mut paged: Vec<ImageId> = Vec::new();
        loop {
            let page = store.list(paged.last(), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, whole, "in pages of {limit}");
    }
}

pub(crate) async fn an_image_is_read_with_its_manifest(store: Shared) {
    let fox = image("fox", "a fox");
    assert!(matches!(store.read_image(&id("fox")).await, Err(Error::NotFound)));
    put_image(&store, &fox).await;
    assert_eq!(store.read_image(&id("fox")).await.unwrap(), (fox.manifest.clone(), fox.served()));
}

pub(crate) async fn an_image_that_differs_from_its_manifest_is_damaged(store: Shared) {
    let fox = image("fox", "a fox");
    let file = File::Blob(&fox.manifest.image.file);
    let is_damaged = async || matches!(store.read_image(&id("fox")).await, Err(Error::Corrupt { .. }));
    let json = fox.manifest.to_json();
    store.put(&id("fox"), File::Manifest, json.clone().into(), PutMode::Create).await.unwrap();
    assert!(is_damaged().await, "no file");
    store.put(&id("fox"), file, fox.served().slice(1..), PutMode::Create).await.unwrap();
    assert!(is_damaged().await, "a short file");
    store.put(&id("fox"), file, fox.served(), PutMode::Replace).await.unwrap();
    assert!(!is_damaged().await);
    for json in [&json[..json.len() / 2], b"", b"{\"version\":2}", &image("hen", "a fox").manifest.to_json()] {
        store.put(&id("fox"), File::Manifest, Bytes::copy_from_slice(json), PutMode::Replace).await.unwrap();
        assert!(is_damaged().await, "{}", String::from_utf8_lossy(json));
    }
}

async fn link(store: &Shared, from: &str, to: &str) -> Result<(), Error> {
    store.link((&id(from), &name("a.png")), (&id(to), &name("a.png"))).await
}

async fn read(store: &Shared, image: &str) -> Bytes {
    store.get(&id(image), File::Blob(&name("a.png"))).await.unwrap()
}

/// Puts a blob of ten bytes, shares it with others, and tells whether the backend shares bytes or copies them.
async fn share(store: &Shared, owner: &str, others: &[&str]) -> bool {
    put(store, &id(owner), "a.png", "ten bytes!", PutMode::Create).await.unwrap();
    for other in others {
        link(store, owner, other).await.unwrap();
    }
    store.references(&id(owner), &name("a.png")).await.unwrap() > 1
}

pub(crate) async fn a_shared_blob_is_read_by_each_and_counted(store: Shared) {
    put(&store, &id("cat"), "a.png", "a cat", PutMode::Create).await.unwrap();
    let shares = share(&store, "fox", &["hen", "cat"]).await;
    link(&store, "hen", "hen").await.unwrap();
    link(&store, "hen", "fox").await.unwrap();
    for image in ["fox", "hen", "cat"] {
        assert_eq!(read(&store, image).await, "ten bytes!", "{image}");
        let count = store.references(&id(image), &name("a.png")).await.unwrap();
        assert_eq!(count, if shares { 3 } else { 1 }, "{image}");
    }
    assert_eq!(store.list(None, 10).await.unwrap().len(), 3);
}

pub(crate) async fn what_happens_to_one_owner_is_not_seen_by_another(store: Shared) {
    share(&store, "fox", &["hen", "cat"]).await;
    put(&store, &id("fox"), "a.png", "other bytes", PutMode::Replace).await.unwrap();
    assert_eq!(read(&store, "fox").await, "other bytes");
    assert_eq!(read(&store, "hen").await, "ten bytes!");
    assert_eq!(store.references(&id("fox"), &name("a.png")).await.unwrap(), 1);
    store.retain(&id("hen"), &[]).await.unwrap();
    assert!(matches!(store.get(&id("hen"), File::Blob(&name("a.png"))).await, Err(Error::NotFound)));
    assert_eq!(read(&store, "cat").await, "ten bytes!");
    store.delete_image(&id("fox")).await.unwrap();
    assert_eq!(read(&store, "cat").await, "ten bytes!");
    assert_eq!(store.references(&id("cat"), &name("a.png")).await.unwrap(), 1);
}

pub(crate) async fn only_the_last_owner_frees_the_bytes(store: Shared) {
    let shares = share(&store, "fox", &["hen", "cat"]).await;
    let shared = if shares { 0 } else { 10 };
    assert_eq!(store.retain(&id("hen"), &[]).await.unwrap(), Deleted { files: 1, bytes: shared });
    put(&store, &id("fox"), "b.png", "12345", PutMode::Create).await.unwrap();
    assert_eq!(store.delete_image(&id("fox")).await.unwrap(), Deleted { files: 2, bytes: 5 + shared });
    assert_eq!(store.delete_image(&id("cat")).await.unwrap(), Deleted { files: 1, bytes: 10 });
}

pub(crate) async fn a_blob_that_is_not_there_cannot_be_shared(store: Shared) {
    put(&store, &id("fox"), "b.png", "pixels", PutMode::Create).await.unwrap();
    for owner in ["fox", "hen"] {
        assert!(matches!(link(&store, owner, "cat").await, Err(Error::NotFound)), "{owner}");
        assert!(matches!(store.references(&id(owner), &name("a.png")).await, Err(Error::NotFound)), "{owner}");
    }
    assert_eq!(store.list(None, 10).await.unwrap(), [id("fox")], "nothing is begun");
}

pub(crate) async fn of_owners_that_leave_at_once_the_bytes_are_freed_once(store: Shared) {
    let names: Vec<String> = (0..16).map(|number| format!("image-{number}")).collect();
    let others: Vec<&str> = names.iter().map(String::as_str).collect();
    let shares = share(&store, "fox", &others).await;
    let leaving: Vec<_> = others
        .iter()
        .chain(&["fox"])
        .map(|owner| {
            let (store, owner) = (Arc::clone(&store), id(owner));
            tokio::spawn(async move { store.delete_image(&owner).await.unwrap().bytes })
        })
        .collect();
    let mut freed = 0;
    for owner in leaving {
        freed += owner.await.unwrap();
    }
    assert_eq!(freed, if shares { 10 } else { 170 });
}
