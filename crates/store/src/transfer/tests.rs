//! From a disk to a real S3 server and back.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::fixtures::bucket::{Bucket, Moment};
use crate::fixtures::{Image, id, image};
use crate::{Expect, FileSystem, Objects, Store};

struct Places {
    disk: FileSystem,
    objects: Objects,
    store: Store,
    _bucket: Bucket,
    _folders: [TempDir; 2],
}

/// A disk with a fox and a hen, and an empty bucket.
async fn places() -> Places {
    let (folder, index) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let bucket = Bucket::start().await;
    let disk = FileSystem::open(folder.path()).await.unwrap();
    let objects = bucket.open(&Moment::present()).await;
    let store = Store::beside(index.path(), Arc::new(disk.clone())).await.unwrap();
    for one in [fox(), image("hen", "a hen")] {
        one.commit(&store, Expect::New).await.unwrap();
    }
    Places { disk, objects, store, _bucket: bucket, _folders: [folder, index] }
}

fn fox() -> Image {
    image("fox", "a fox").with_recipe("{}")
}

async fn copy(from: &dyn BlobStore, to: &dyn BlobStore, name: &str) -> Result<Transferred, Error> {
    transfer(from, to, &id(name), TransferOptions::default()).await
}

#[tokio::test]
async fn images_go_to_a_bucket_and_come_back_as_they_were() {
    let places = places().await;
    let empty = TempDir::new().unwrap();
    let back = FileSystem::open(empty.path()).await.unwrap();
    for name in ["fox", "hen"] {
        assert!(matches!(copy(&places.disk, &places.objects, name).await.unwrap(), Transferred::Copied { .. }));
        assert_eq!(copy(&places.disk, &places.objects, name).await.unwrap(), Transferred::There);
        assert!(matches!(copy(&places.objects, &back, name).await.unwrap(), Transferred::Copied { .. }));
    }
    assert_eq!(copy(&places.disk, &places.objects, "cat").await.unwrap(), Transferred::Unfinished);
    let manifest = back.get(&id("fox"), File::Manifest).await.unwrap();
    assert_eq!(manifest, places.disk.get(&id("fox"), File::Manifest).await.unwrap());
    for (name, digest) in fox().manifest.blobs() {
        assert_eq!(Digest::of(&back.get(&id("fox"), File::Blob(name)).await.unwrap()), *digest);
    }
}

#[tokio::test]
async fn damage_is_not_handed_on() {
    let places = places().await;
    let file = fox().manifest.source.file;
    places.disk.put(&id("fox"), File::Blob(&file), Bytes::from_static(b"x"), PutMode::Replace).await.unwrap();
    let copied = copy(&places.disk, &places.objects, "fox").await;
    assert!(matches!(&copied, Err(Error::Corrupt { reason, .. }) if reason.contains("source-")), "{copied:?}");
    assert!(matches!(places.objects.get(&id("fox"), File::Manifest).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn another_image_under_the_name_is_replaced_only_where_that_is_asked_for() {
    let places = places().await;
    copy(&places.disk, &places.objects, "fox").await.unwrap();
    places.store.erase(&id("fox")).await.unwrap();
    image("fox", "another").commit(&places.store, Expect::New).await.unwrap();
    assert_eq!(copy(&places.disk, &places.objects, "fox").await.unwrap(), Transferred::Differs);
    let options = TransferOptions { replace: true, ..TransferOptions::default() };
    let copied = transfer(&places.disk, &places.objects, &id("fox"), options).await.unwrap();
    assert!(matches!(copied, Transferred::Copied { files: 3, .. }), "{copied:?}");
    assert_eq!(places.objects.read_image(&id("fox")).await.unwrap().1, image("fox", "another").served());
    let old = places.objects.get(&id("fox"), File::Blob(&fox().manifest.image.file)).await;
    assert!(matches!(old, Err(Error::NotFound)), "{old:?}");
}

#[tokio::test]
async fn what_is_damaged_there_is_found_and_copied_again_on_request() {
    let places = places().await;
    copy(&places.disk, &places.objects, "fox").await.unwrap();
    let file = fox().manifest.image.file;
    places.objects.put(&id("fox"), File::Blob(&file), Bytes::from_static(b"x"), PutMode::Replace).await.unwrap();
    assert_eq!(copy(&places.disk, &places.objects, "fox").await.unwrap(), Transferred::There, "it is not looked at");
    let options = TransferOptions { verify: true, ..TransferOptions::default() };
    let copied = transfer(&places.disk, &places.objects, &id("fox"), options).await.unwrap();
    assert!(matches!(copied, Transferred::Copied { .. }));
    assert_eq!(places.objects.read_image(&id("fox")).await.unwrap().1, fox().served());
}
