//! The laws on a real S3 server, and what is true of a bucket that several processes write to.

use std::time::Duration;

use bytes::Bytes;
use orbit_model::BlobName;

use super::{GRACE, Objects};
use crate::blob::conformance::blob_store_laws;
use crate::fixtures::bucket::{Bucket, Moment};
use crate::fixtures::{id, image};
use crate::{BlobStore, Deleted, Error, File, PutMode};

async fn open() -> (Objects, Bucket) {
    let bucket = Bucket::start().await;
    (bucket.open(&Moment::late()).await, bucket)
}

blob_store_laws!(open);

fn name(text: &str) -> BlobName {
    text.to_owned().try_into().unwrap()
}

#[tokio::test]
async fn what_no_manifest_names_stays_while_a_change_may_be_under_way() {
    let bucket = Bucket::start().await;
    let moment = Moment::present();
    let store = bucket.open(&moment).await;
    let file = name("source-abc.png");
    store.put(&id("fox"), File::Blob(&file), Bytes::from_static(b"12345"), PutMode::Replace).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.retain(&id("fox"), &[]).await.unwrap(), Deleted::default());
        assert_eq!(store.delete_image(&id("fox")).await.unwrap(), Deleted::default());
    }
    moment.pass(GRACE + Duration::from_secs(2));
    assert_eq!(store.retain(&id("fox"), &[&file]).await.unwrap(), Deleted::default());
    assert_eq!(store.retain(&id("fox"), &[]).await.unwrap(), Deleted { files: 1, bytes: 5 });
}

#[tokio::test]
async fn a_removed_image_takes_what_its_manifest_names_and_leaves_another_change_its_own() {
    let bucket = Bucket::start().await;
    let store = bucket.open(&Moment::present()).await;
    let fox = image("fox", "a fox");
    for (name, bytes) in &fox.blobs {
        store.put(&id("fox"), File::Blob(name), bytes.clone(), PutMode::Replace).await.unwrap();
    }
    store.put(&id("fox"), File::Manifest, fox.manifest.to_json().into(), PutMode::Create).await.unwrap();
    let other = name("image-other.webp");
    store.put(&id("fox"), File::Blob(&other), Bytes::from_static(b"x"), PutMode::Replace).await.unwrap();
    assert_eq!(store.delete_image(&id("fox")).await.unwrap().files, 3);
    assert_eq!(store.get(&id("fox"), File::Blob(&other)).await.unwrap(), "x");
}

#[tokio::test]
async fn large_files_go_in_parts_and_come_back_whole() {
    let (store, bucket) = open().await;
    let bytes: Bytes = (0..20_000_003_u32).map(|place| (place / 7) as u8).collect::<Vec<_>>().into();
    let file = name("source-large.png");
    store.put(&id("fox"), File::Blob(&file), bytes.clone(), PutMode::Replace).await.unwrap();
    assert!(store.get(&id("fox"), File::Blob(&file)).await.unwrap() == bytes);
    let leftovers: Vec<_> = bucket.keys().into_iter().filter(|key| key.contains("upload")).collect();
    assert_eq!(leftovers, Vec::<String>::new());
}

#[tokio::test]
async fn a_bucket_that_refuses_is_told_at_once() {
    let bucket = Bucket::start().await;
    let mut wrong = bucket.options().to_vec();
    wrong[2].1 = "another".to_owned();
    let refused = Objects::open("s3://bucket/x", &wrong, Moment::present()).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(text) if text.contains("credentials")), "{refused:?}");
}

#[tokio::test]
async fn nothing_is_left_of_the_trial_at_the_start() {
    let (store, bucket) = open().await;
    assert_eq!(bucket.keys(), Vec::<String>::new());
    drop(store);
}
