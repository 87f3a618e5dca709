//! Crashes: a fuse blows at every step of a change in turn, and what is found after a restart must be whole.
//!
//! Once blown, every call fails, the clean-up of the store included, as after `kill -9`. A step may blow it before it is
//! done or after it is done and before it says so. A fuse that blows once is a disk that failed and works again.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use orbit_model::{BlobName, ImageId, Manifest};

use super::*;
use crate::{BlobStore, Deleted, File, ImageIndex, Page, PutMode, Sqlite, Version};

/// What the step does that blows a fuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// It is not done, nor is anything after it.
    Early,
    /// It is done, and nothing after it.
    Late,
    /// It is not done, and all after it is.
    Once,
}

/// Lets a number of writing calls pass, and then blows.
#[derive(Debug, Clone)]
pub(super) struct Fuse {
    left: Arc<AtomicUsize>,
    blow: Blow,
}

impl Fuse {
    /// Blows at the given writing call, counted from 1.
    pub(super) fn at(step: usize, blow: Blow) -> Self {
        Self { left: Arc::new(AtomicUsize::new(step)), blow }
    }

    pub(super) fn is_blown(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_blown() && self.blow != Blow::Once
    }

    async fn write<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let crashed = Err(Error::internal("crashed"));
        if self.is_dead() {
            return crashed;
        }
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match (left, self.blow) {
            (Ok(1), Blow::Late) => call.await.and(crashed),
            (Ok(1), _) => crashed,
            _ => call.await,
        }
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.is_dead() { Err(Error::internal("crashed")) } else { call.await }
    }
}

/// A backend behind a fuse.
#[derive(Debug)]
pub(super) struct Fused<B>(pub(super) B, pub(super) Fuse);

#[async_trait]
impl<B: BlobStore> BlobStore for Fused<B> {
    async fn put(&self, id: &ImageId, file: File<'_>, bytes: Bytes, mode: PutMode<'_>) -> Result<(), Error> {
        self.1.write(self.0.put(id, file, bytes, mode)).await
    }

    async fn get(&self, id: &ImageId, file: File<'_>) -> Result<Bytes, Error> {
        self.1.read(self.0.get(id, file)).await
    }

    fn has_other_writers(&self) -> bool {
        self.0.has_other_writers()
    }

    async fn get_manifest(&self, id: &ImageId) -> Result<(Bytes, Version), Error> {
        self.1.read(self.0.get_manifest(id)).await
    }

    async fn discard(&self, id: &ImageId, names: &[&BlobName]) -> Result<(), Error> {
        self.1.write(self.0.discard(id, names)).await
    }

    async fn retain(&self, id: &ImageId, keep: &[&BlobName]) -> Result<Deleted, Error> {
        self.1.write(self.0.retain(id, keep)).await
    }

    async fn delete_image(&self, id: &ImageId) -> Result<Deleted, Error> {
        self.1.write(self.0.delete_image(id)).await
    }

    async fn link(&self, from: (&ImageId, &BlobName), to: (&ImageId, &BlobName)) -> Result<(), Error> {
        self.1.write(self.0.link(from, to)).await
    }

    async fn references(&self, id: &ImageId, name: &BlobName) -> Result<u64, Error> {
        self.1.read(self.0.references(id, name)).await
    }

    async fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        self.1.read(self.0.list(after, limit)).await
    }
}

#[async_trait]
impl<B: ImageIndex> ImageIndex for Fused<B> {
    async fn intend(&self, id: &ImageId) -> Result<(), Error> {
        self.1.write(self.0.intend(id)).await
    }

    async fn settle(&self, id: &ImageId, stored: Option<&Manifest>) -> Result<bool, Error> {
        self.1.write(self.0.settle(id, stored)).await
    }

    async fn intents(&self) -> Result<Vec<ImageId>, Error> {
        self.1.read(self.0.intents()).await
    }

    async fn get(&self, id: &ImageId) -> Result<Option<Manifest>, Error> {
        self.1.read(self.0.get(id)).await
    }

    async fn find_source(&self, digest: &Digest) -> Result<Option<ImageId>, Error> {
        self.1.read(self.0.find_source(digest)).await
    }

    async fn list(&self, query: &Query) -> Result<Page, Error> {
        self.1.read(self.0.list(query)).await
    }

    async fn totals(&self) -> Result<Totals, Error> {
        self.1.read(self.0.totals()).await
    }

    async fn is_complete(&self) -> Result<bool, Error> {
        self.1.read(self.0.is_complete()).await
    }

    async fn begin_rebuild(&self) -> Result<(), Error> {
        self.1.write(self.0.begin_rebuild()).await
    }

    async fn finish_rebuild(&self) -> Result<u64, Error> {
        self.1.write(self.0.finish_rebuild()).await
    }
}

/// Opens the store in `root` behind a fuse.
async fn open_fused(root: &TempDir, fuse: &Fuse) -> Store {
    let blobs = FileSystem::open(root.path()).await.unwrap();
    let index = Sqlite::open(&root.path().join("index.sqlite")).await.unwrap();
    Store::new(Arc::new(Fused(blobs, fuse.clone())), Arc::new(Fused(index, fuse.clone())))
}

/// Makes the store in `root` hold some images and nothing else.
async fn begin_with(root: &TempDir, images: &[&Image]) {
    let store = reopen(root).await;
    for id in store.ids(None, 10).await.unwrap() {
        store.erase(&id).await.unwrap();
    }
    for image in images {
        commit_new(&store, image).await;
    }
}

/// Checks that the store is one of `states`, each the images that it may hold, and that nothing else is on the disk.
async fn assert_whole(store: &Store, root: &TempDir, states: &[&[&Image]], moment: &str) {
    let manifests = store.list(&Query::default()).await.unwrap().manifests;
    let is_state = |state: &&[&Image]| {
        state.len() == manifests.len() && state.iter().all(|image| manifests.contains(&image.manifest))
    };
    assert!(states.iter().any(is_state), "{moment}: {manifests:?}");
    for manifest in &manifests {
        let (read, bytes) = store.read(&manifest.id).await.unwrap();
        assert_eq!(read, *manifest, "{moment}");
        assert_eq!(Digest::of(&bytes), manifest.image.digest, "{moment}");
        let source = store.source(&manifest.id).await.unwrap().1;
        assert_eq!(Digest::of(&source), manifest.source.digest, "{moment}");
    }
    let files: usize = manifests.iter().map(|manifest| 1 + manifest.files().count()).sum();
    assert_eq!(files_of(root).len(), files, "{moment}");
    assert_eq!(store.ids(None, 10).await.unwrap().len(), manifests.len(), "{moment}");
    let sum: u64 = manifests.iter().map(Manifest::stored_bytes).sum();
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.images, totals.image_bytes + totals.source_bytes), (manifests.len() as u64, sum), "{moment}");
    assert_eq!(store.0.index.intents().await.unwrap(), [], "{moment}");
}

/// Crashes `change` at every step in turn, on a store that holds `before`, until it has no more steps; tells how many
/// it had. After a restart, or at once where the disk works again, the store holds `before` or `after`, and `after`
/// alone once the change was confirmed.
async fn crash_everywhere<F>(before: &[&Image], after: &[&Image], change: F) -> usize
where
    F: AsyncFn(&Store) -> Result<(), Error>,
{
    let root = TempDir::new().unwrap();
    let mut steps = 0;
    for blow in [Blow::Early, Blow::Late, Blow::Once] {
        for step in 1.. {
            begin_with(&root, before).await;
            let fuse = Fuse::at(step, blow);
            let store = open_fused(&root, &fuse).await;
            let outcome = change(&store).await;
            assert_eq!(outcome.is_err(), fuse.is_blown(), "a failure is told, and only a failure");
            let states = if outcome.is_ok() { vec![after] } else { vec![before, after] };
            let moment = format!("step {step}, {blow:?}");
            if fuse.is_dead() {
                drop(store);
                assert_whole(&reopen(&root).await, &root, &states, &moment).await;
            } else {
                assert_whole(&store, &root, &states, &moment).await;
            }
            if outcome.is_ok() {
                steps = step - 1;
                break;
            }
        }
    }
    steps
}

#[tokio::test]
async fn a_commit_that_crashes_leaves_a_whole_image_or_none() {
    let (fox, hen) = (image("fox", "a fox"), image("hen", "a hen"));
    let steps = crash_everywhere(&[&hen], &[&hen, &fox], async |store: &Store| {
        fox.commit(store, Expect::New).await.map(|_| ())
    })
    .await;
    assert_eq!(steps, 5, "intent, two blobs, manifest, row");
}

#[tokio::test]
async fn an_adoption_that_crashes_leaves_a_whole_image_or_none_and_the_other_alone() {
    let (fox, twin) = (image("fox", "a fox"), image("twin", "a fox"));
    let steps = crash_everywhere(&[&fox], &[&fox, &twin], async |store: &Store| {
        store.adopt(twin.manifest.clone(), &fox.manifest.id, Expect::New).await.map(|_| ())
    })
    .await;
    assert_eq!(steps, 5, "intent, two links, manifest, row");
}

#[tokio::test]
async fn an_adoption_that_replaces_and_crashes_leaves_the_old_image_or_the_new() {
    let (fox, old, new) = (image("fox", "a fox"), image("twin", "a hen"), image("twin", "a fox"));
    let expect = Expect::Replacing(old.manifest.image.digest);
    let steps = crash_everywhere(&[&fox, &old], &[&fox, &new], async |store: &Store| {
        store.adopt(new.manifest.clone(), &fox.manifest.id, expect).await.map(|_| ())
    })
    .await;
    assert_eq!(steps, 6, "intent, two links, manifest, old blobs, row");
}

#[tokio::test]
async fn a_replacement_that_crashes_leaves_the_old_image_or_the_new() {
    let (old, new) = (image("fox", "a fox"), image("fox", "a better fox"));
    let expect = Expect::Replacing(old.manifest.image.digest);
    let steps =
        crash_everywhere(&[&old], &[&new], async |store: &Store| new.commit(store, expect).await.map(|_| ())).await;
    assert_eq!(steps, 6, "intent, two blobs, manifest, old blobs, row");
}

#[tokio::test]
async fn an_amendment_that_crashes_leaves_the_image_with_its_variant_or_without() {
    let fox = image("fox", "a fox");
    let (manifest, blobs) = with_variant(&fox, "w=64");
    let amended = Image { manifest: manifest.clone(), blobs: fox.blobs.clone() };
    let steps = crash_everywhere(&[&fox], &[&amended], async |store: &Store| {
        let manifest = manifest.clone();
        store.amend(&fox.manifest.id, blobs.clone(), move |_| Ok(manifest.clone())).await.map(|_| ())
    })
    .await;
    assert_eq!(steps, 5, "intent, blob, manifest, what is left over, row");
}

#[tokio::test]
async fn an_erasure_that_crashes_leaves_the_whole_image_or_none() {
    let (fox, hen) = (image("fox", "a fox"), image("hen", "a hen"));
    let steps =
        crash_everywhere(&[&hen, &fox], &[&hen], async |store: &Store| store.erase(&fox.manifest.id).await.map(|_| ()))
            .await;
    assert_eq!(steps, 3, "intent, files, row");
}

#[tokio::test]
async fn a_rebuild_that_crashes_is_begun_again() {
    let (fox, hen) = (image("fox", "a fox"), image("hen", "a hen"));
    let both: &[&Image] = &[&fox, &hen];
    let steps = crash_everywhere(both, both, async |store: &Store| store.reindex(|_| ()).await.map(|_| ())).await;
    assert_eq!(steps, 6, "begin, twice old blobs and row, finish");
}
