//! Several processes on one bucket, none of which knows of the others: each a store with an index of its own.

use std::collections::BTreeSet;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use orbit_model::{Clock, ImageId};

use super::crash::{Blow, Fuse, Fused};
use super::*;
use crate::fixtures::bucket::{Bucket, Moment};
use crate::{BlobStore, Deleted, Erased, File, Objects, PutMode, Sqlite, Version};

/// A process, and the folder that is its own.
struct Node {
    store: Store,
    folder: TempDir,
}

impl std::ops::Deref for Node {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Node {
    async fn start(blobs: Arc<dyn BlobStore>) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::beside(folder.path(), blobs).await.unwrap();
        Self { store, folder }
    }

    /// Two processes that share an index too.
    async fn pair(memory: &Memory) -> [Self; 2] {
        let folder = TempDir::new().unwrap();
        let index = Sqlite::open(&folder.path().join("index.sqlite")).await.unwrap();
        let node = |folder| {
            let blobs = Arc::new(memory.blobs(&Moment::present()));
            Self { store: Store::new(blobs, Arc::new(index.clone())), folder }
        };
        [node(folder), node(TempDir::new().unwrap())]
    }

    /// The same process after a crash.
    async fn restart(self, blobs: Arc<dyn BlobStore>) -> Self {
        let Self { store, folder } = self;
        drop(store);
        let store = Store::beside(folder.path(), blobs).await.unwrap();
        store.recover().await.unwrap();
        Self { store, folder }
    }
}

/// A bucket in memory.
#[derive(Debug, Clone)]
struct Memory(Arc<InMemory>);

impl Memory {
    fn new() -> Self {
        Self(Arc::new(InMemory::new()))
    }

    fn blobs(&self, clock: &Arc<Moment>) -> Objects {
        Objects::new(Arc::clone(&self.0) as Arc<dyn ObjectStore>, Path::default(), Arc::clone(clock) as Arc<dyn Clock>)
    }

    async fn node(&self) -> Node {
        Node::start(Arc::new(self.blobs(&Moment::present()))).await
    }

    async fn files(&self) -> Vec<String> {
        let folders = self.0.list_with_delimiter(None).await.unwrap();
        assert!(folders.objects.is_empty(), "everything lies below images/");
        let mut objects = futures_util::StreamExt::boxed(self.0.list(None));
        let mut files = Vec::new();
        while let Some(object) = futures_util::StreamExt::next(&mut objects).await {
            files.push(object.unwrap().location.to_string());
        }
        files
    }
}

/// Checks that every image that is there is whole, and tells how many files they have.
async fn whole_files(node: &Store) -> usize {
    let mut files = 0;
    for id in node.ids(None, 100).await.unwrap() {
        let manifest = match node.manifest(&id).await {
            Ok(manifest) => manifest,
            Err(Error::NotFound) => continue,
            Err(error) => panic!("{id}: {error}"),
        };
        for (name, digest) in manifest.blobs() {
            let bytes = node.0.blobs.get(&id, File::Blob(name)).await.unwrap_or_else(|_| panic!("{id}: {name}"));
            assert_eq!(Digest::of(&bytes), *digest, "{id}: {name}");
        }
        files += 1 + manifest.files().collect::<BTreeSet<_>>().len();
    }
    files
}

/// The same image with one variant more, if it is still there.
async fn add_variant(node: &Store, query: &str) -> Result<Manifest, Error> {
    let (with, blobs) = with_variant(&image("fox", "a fox"), query);
    let derived = with.variants.into_iter().next_back().unwrap();
    let blobs: Vec<_> = blobs.into_iter().filter(|(name, _)| *name == derived.rendition.file).collect();
    node.amend(&id("fox"), blobs, move |mut now| {
        now.variants.push(derived.clone());
        Ok(now)
    })
    .await
}

const WIDTHS: [u32; 8] = [32, 48, 64, 96, 128, 256, 384, 640];

/// Two processes add variants to one image at the same time, some of them the same.
async fn amend_at_once(first: &Store, second: &Store) {
    let fox = image("fox", "a fox");
    commit_new(first, &fox).await;
    let amendments: Vec<_> = WIDTHS
        .into_iter()
        .enumerate()
        .map(|(number, width)| {
            let node = if number % 2 == 0 { first.clone() } else { second.clone() };
            tokio::spawn(async move { add_variant(&node, &format!("w={width}")).await })
        })
        .collect();
    for amendment in amendments {
        amendment.await.unwrap().unwrap();
    }
    let manifest = second.manifest(&id("fox")).await.unwrap();
    let widths: BTreeSet<_> = manifest.variants.iter().filter_map(|derived| derived.variant.width).collect();
    assert_eq!(widths, WIDTHS.into(), "none is lost");
    whole_files(first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amendments_of_two_processes_lose_nothing() {
    let memory = Memory::new();
    let (first, second) = (memory.node().await, memory.node().await);
    amend_at_once(&first, &second).await;
    assert_eq!(memory.files().await.len(), whole_files(&first).await, "and leave nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amendments_of_two_processes_lose_nothing_on_a_real_server() {
    let bucket = Bucket::start().await;
    let (first, second) = (
        Node::start(Arc::new(bucket.open(&Moment::present()).await)).await,
        Node::start(Arc::new(bucket.open(&Moment::present()).await)).await,
    );
    amend_at_once(&first, &second).await;
    assert_eq!(bucket.keys().len(), whole_files(&first).await, "and leave nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_was_removed_is_brought_back_by_no_amendment() {
    let memory = Memory::new();
    let [first, second] = Node::pair(&memory).await;
    for round in 0..60 {
        commit_new(&first, &image("fox", "a fox")).await;
        let erase = async {
            // Later in each round, so that it meets every step of the amendments.
            for _ in 0..round * 3 {
                tokio::task::yield_now().await;
            }
            second.erase(&id("fox")).await
        };
        let (left, right, erased) = tokio::join!(add_variant(&first, "w=32"), add_variant(&second, "w=64"), erase);
        erased.unwrap();
        for amended in [left, right] {
            assert!(matches!(amended, Ok(_) | Err(Error::NotFound)), "{amended:?}");
        }
        assert!(matches!(first.manifest(&id("fox")).await, Err(Error::NotFound)), "round {round}");
        assert_eq!(listed(&first).await, Vec::<String>::new(), "round {round}");
        // A blob of an amendment that came between the two steps of the removal may stay for a while; no manifest names it.
        let private: Vec<_> = memory.files().await.into_iter().filter(|file| !file.contains("/variant-")).collect();
        assert_eq!(private, Vec::<String>::new(), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_images_under_one_name_one_is_stored_and_nothing_of_the_other() {
    let memory = Memory::new();
    let (first, second) = (memory.node().await, memory.node().await);
    for round in 0..40 {
        let (fox, hen) = (image("fox", "a fox"), image("fox", "a hen"));
        let (left, right) = tokio::join!(fox.commit(&first, Expect::New), hen.commit(&second, Expect::New));
        let created = [&left, &right].into_iter().filter(|it| matches!(it, Ok(Committed::Created))).count();
        let refused = [&left, &right].into_iter().filter(|it| matches!(it, Err(Error::Conflict(_)))).count();
        assert_eq!((created, refused), (1, 1), "round {round}: {left:?} {right:?}");
        assert_eq!(memory.files().await.len(), whole_files(&first).await, "round {round}");
        second.erase(&id("fox")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_at_two_processes_and_a_removal_leave_a_whole_image_or_none() {
    let memory = Memory::new();
    let ([first, second], third) = (Node::pair(&memory).await, memory.node().await);
    let third = Store::new(Arc::clone(&third.store.0.blobs), Arc::clone(&first.store.0.index));
    for round in 0..60 {
        let fox = image("fox", "a fox");
        let erase = async {
            for _ in 0..round * 3 {
                tokio::task::yield_now().await;
            }
            third.erase(&id("fox")).await
        };
        let (left, right, erased) =
            tokio::join!(fox.commit(&first, Expect::New), fox.commit(&second, Expect::New), erase);
        for committed in [left, right] {
            assert!(matches!(committed, Ok(Committed::Created | Committed::Existed(_))), "{committed:?}");
        }
        assert!(matches!(erased, Ok(Erased { .. }) | Err(Error::NotFound)), "{erased:?}");
        whole_files(&first).await;
        let is_there = first.manifest(&id("fox")).await.is_ok();
        assert_eq!(listed(&first).await.len(), usize::from(is_there), "round {round}");
        let _ = first.erase(&id("fox")).await;
    }
}

#[tokio::test]
async fn a_replacement_takes_its_place_though_a_variant_came_meanwhile_and_not_that_of_another() {
    let memory = Memory::new();
    let (first, second) = (memory.node().await, memory.node().await);
    let (old, new) = (image("fox", "a fox"), image("fox", "a better fox"));
    commit_new(&first, &old).await;
    add_variant(&second, "w=64").await.unwrap();
    let seen = Expect::Replacing(old.manifest.image.digest);
    assert!(matches!(new.commit(&first, seen).await.unwrap(), Committed::Replaced(_)));
    assert!(matches!(image("fox", "another").commit(&second, seen).await, Err(Error::Conflict(_))));
    assert_eq!(second.read(&id("fox")).await.unwrap().1, new.served());
    assert_eq!(memory.files().await.len(), 3);
}

#[tokio::test]
async fn bytes_are_adopted_by_a_copy_that_outlives_the_other() {
    let bucket = Bucket::start().await;
    let node = Node::start(Arc::new(bucket.open(&Moment::present()).await)).await;
    let (fox, twin) = (image("fox", "a fox"), image("twin", "a fox"));
    commit_new(&node, &fox).await;
    let stored = node.manifest(&id("fox")).await.unwrap();
    let manifest = Manifest { id: id("twin"), ..stored };
    assert_eq!(node.adopt(manifest, &id("fox"), Expect::New).await.unwrap(), Committed::Created);
    node.erase(&id("fox")).await.unwrap();
    assert_eq!(node.read(&id("twin")).await.unwrap().1, twin.served());
    assert_eq!(bucket.keys().len(), whole_files(&node).await);
}

#[tokio::test]
async fn a_process_that_dies_at_any_step_leaves_a_whole_image_or_none_and_its_leftovers_go_when_they_are_old() {
    for blow in [Blow::Early, Blow::Late] {
        for step in 1.. {
            let memory = Memory::new();
            let other = memory.node().await;
            commit_new(&other, &image("fox", "a fox")).await;
            let fuse = Fuse::at(step, blow);
            let node = Node::start(Arc::new(Fused(memory.blobs(&Moment::present()), fuse.clone()))).await;
            let changed = [
                add_variant(&node, "w=64").await.is_ok(),
                image("hen", "a hen").commit(&node, Expect::New).await.is_ok(),
                node.erase(&id("fox")).await.is_ok(),
            ];
            whole_files(&other).await;
            let node = node.restart(Arc::new(memory.blobs(&Moment::late()))).await;
            node.sweep(|_| ()).await.unwrap();
            let whole = whole_files(&node).await;
            assert_eq!(memory.files().await.len(), whole, "step {step}, {blow:?}");
            if !fuse.is_blown() {
                assert_eq!((changed, listed(&node).await), ([true; 3], vec!["hen".to_owned()]));
                break;
            }
        }
    }
}

/// A bucket whose answers get lost: what was written is written, and the request is sent again.
#[derive(Debug)]
struct Lossy(Objects);

#[async_trait::async_trait]
impl BlobStore for Lossy {
    async fn put(&self, id: &ImageId, file: File<'_>, bytes: Bytes, mode: PutMode<'_>) -> Result<(), Error> {
        self.0.put(id, file, bytes.clone(), mode).await?;
        if file == File::Manifest { self.0.put(id, file, bytes, mode).await } else { Ok(()) }
    }

    async fn get(&self, id: &ImageId, file: File<'_>) -> Result<Bytes, Error> {
        self.0.get(id, file).await
    }

    async fn get_manifest(&self, id: &ImageId) -> Result<(Bytes, Version), Error> {
        self.0.get_manifest(id).await
    }

    fn has_other_writers(&self) -> bool {
        true
    }

    async fn discard(&self, id: &ImageId, names: &[&BlobName]) -> Result<(), Error> {
        self.0.discard(id, names).await
    }

    async fn retain(&self, id: &ImageId, keep: &[&BlobName]) -> Result<Deleted, Error> {
        self.0.retain(id, keep).await
    }

    async fn delete_image(&self, id: &ImageId) -> Result<Deleted, Error> {
        self.0.delete_image(id).await
    }

    async fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        self.0.list(after, limit).await
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_again_as_ones_own() {
    let memory = Memory::new();
    let node = Node::start(Arc::new(Lossy(memory.blobs(&Moment::present())))).await;
    commit_new(&node, &image("fox", "a fox")).await;
    assert_eq!(add_variant(&node, "w=64").await.unwrap().variants.len(), 1);
    assert_eq!(memory.files().await.len(), whole_files(&node).await);
    assert_eq!(listed(&node).await, ["fox"]);
}

#[tokio::test]
async fn a_new_process_lists_what_others_have_stored_when_it_has_read_it() {
    let memory = Memory::new();
    let first = memory.node().await;
    commit_new(&first, &image("fox", "a fox")).await;
    let second = memory.node().await;
    assert_eq!(second.recover().await.unwrap().rebuilt, None, "serving does not wait for it");
    assert_eq!(second.read(&id("fox")).await.unwrap().1, image("fox", "a fox").served());
    assert_eq!(second.reindex(|_| ()).await.unwrap().images, 1);
    assert_eq!(listed(&second).await, ["fox"]);
}

#[tokio::test]
async fn a_folder_beside_a_bucket_belongs_to_one_process() {
    let memory = Memory::new();
    let node = memory.node().await;
    let second = Store::beside(node.folder.path(), Arc::new(memory.blobs(&Moment::present()))).await;
    assert!(matches!(second, Err(Error::Busy(_))));
    let index = Sqlite::open(&node.folder.path().join("index.sqlite")).await;
    assert!(index.is_ok(), "the index lies in it");
}
