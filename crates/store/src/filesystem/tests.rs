//! What is true of the disk and not of every blob store: locks, links, leftovers. The laws run here too.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use bytes::Bytes;
use orbit_model::BlobName;
use tempfile::TempDir;

use super::FileSystem;
use crate::blob::conformance::blob_store_laws;
use crate::fixtures::id;
use crate::{BlobStore, Error, File, PutMode};

async fn open() -> (FileSystem, TempDir) {
    let root = TempDir::new().unwrap();
    (FileSystem::open(root.path()).await.unwrap(), root)
}

blob_store_laws!(open);

#[tokio::test]
async fn a_second_user_of_the_root_is_refused_until_the_first_has_left() {
    let (first, root) = open().await;
    let clone = first.clone();
    drop(first);
    assert!(matches!(FileSystem::open(root.path()).await, Err(Error::Busy(_))));
    drop(clone);
    assert!(FileSystem::open(root.path()).await.is_ok());
}

#[tokio::test]
async fn the_root_is_made_for_its_owner_alone() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("a/b");
    let _store = FileSystem::open(&root).await.unwrap();
    assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn leftovers_are_swept_at_the_start_and_images_stay() {
    let (store, root) = open().await;
    store.put(&id("fox"), File::Manifest, Bytes::from_static(b"x"), PutMode::Create).await.unwrap();
    drop(store);
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("precious"), "x").unwrap();
    fs::write(root.path().join("tmp/0"), "half").unwrap();
    fs::create_dir(root.path().join("trash/0")).unwrap();
    fs::write(root.path().join("trash/0/manifest.json"), "{}").unwrap();
    symlink(outside.path(), root.path().join("trash/1")).unwrap();
    let store = FileSystem::open(root.path()).await.unwrap();
    for name in ["tmp", "trash"] {
        assert_eq!(fs::read_dir(root.path().join(name)).unwrap().count(), 0, "{name}");
    }
    assert!(outside.path().join("precious").exists());
    assert!(store.get(&id("fox"), File::Manifest).await.is_ok());
}

#[tokio::test]
async fn nothing_stays_in_tmp_after_a_write_or_a_refusal() {
    let (store, root) = open().await;
    for mode in [PutMode::Create, PutMode::Create, PutMode::Replace] {
        let _ = store.put(&id("fox"), File::Manifest, Bytes::from_static(b"x"), mode).await;
    }
    assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn links_are_never_followed() {
    let (store, root) = open().await;
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("manifest.json"), "secret").unwrap();
    let put = |name| {
        let store = store.clone();
        async move { store.put(&id(name), File::Manifest, Bytes::from_static(b"x"), PutMode::Replace).await }
    };
    put("fox").await.unwrap();
    put("hen").await.unwrap();
    let folder = |name| store.0.image(&id(name));
    fs::remove_dir_all(folder("fox")).unwrap();
    symlink(outside.path(), folder("fox")).unwrap();
    fs::remove_file(folder("hen").join("manifest.json")).unwrap();
    symlink(outside.path().join("manifest.json"), folder("hen").join("manifest.json")).unwrap();

    for name in ["fox", "hen"] {
        assert!(matches!(store.get(&id(name), File::Manifest).await, Err(Error::Corrupt { .. })), "{name}");
    }
    assert!(put("fox").await.is_err());
    put("hen").await.unwrap();
    assert_eq!(store.list(None, 10).await.unwrap(), [id("hen")]);
    assert_eq!(fs::read(outside.path().join("manifest.json")).unwrap(), b"secret");

    drop(store);
    fs::rename(root.path().join("images"), root.path().join("elsewhere")).unwrap();
    symlink(root.path().join("elsewhere"), root.path().join("images")).unwrap();
    let opened = loop {
        match FileSystem::open(root.path()).await {
            // What was asked of the first one has not let go of it yet.
            Err(Error::Busy(_)) => tokio::task::yield_now().await,
            opened => break opened,
        }
    };
    assert!(matches!(opened, Err(Error::Invalid(_))), "{opened:?}");
}

#[tokio::test]
async fn a_shared_blob_is_one_file_on_the_disk_and_leads_nowhere_else() {
    let (store, root) = open().await;
    let name: BlobName = "a.png".to_owned().try_into().unwrap();
    store.put(&id("fox"), File::Blob(&name), Bytes::from_static(b"pixels"), PutMode::Create).await.unwrap();
    store.link((&id("fox"), &name), (&id("hen"), &name)).await.unwrap();
    let file = |image| store.0.image(&id(image)).join("a.png");
    assert_eq!(fs::metadata(file("fox")).unwrap().ino(), fs::metadata(file("hen")).unwrap().ino());
    assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);

    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::remove_file(file("fox")).unwrap();
    symlink(outside.path().join("secret"), file("fox")).unwrap();
    assert!(matches!(store.link((&id("fox"), &name), (&id("cat"), &name)).await, Err(Error::Corrupt { .. })));
    assert!(matches!(store.get(&id("cat"), File::Blob(&name)).await, Err(Error::NotFound)));
    store.delete_image(&id("fox")).await.unwrap();
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
}
