//! The shared index against real servers: the laws of every index, and what it does when Redis is away, emptied, or comes back with
//! an older state.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{SharedIndex, keys};
use crate::fixtures::redis::{RedisCluster, RedisServer};
use crate::fixtures::{Image, id, image};
use crate::index::conformance::{self, image_index_laws};
use crate::redis::Connection;
use crate::{BlobStore, Error, Expect, FileSystem, ImageIndex, Mended, Query, Store};

/// An index like a new one that is whole: of another that is new, lists are not to be had.
async fn index(url: &str) -> (SharedIndex, TempDir) {
    let folder = TempDir::new().unwrap();
    let blobs = Arc::new(FileSystem::open(&folder.path().join("blobs")).await.unwrap());
    let connection = Connection::open(url).unwrap();
    connection.up().await;
    let index = SharedIndex::open(connection, blobs, &folder.path().join("owed.sqlite")).await.unwrap();
    index.begin_rebuild().await.unwrap();
    index.finish_rebuild().await.unwrap();
    index.begin_rebuild().await.unwrap();
    (index, folder)
}

async fn open() -> (SharedIndex, (RedisServer, TempDir)) {
    let redis = RedisServer::start();
    let (index, folder) = index(&redis.url()).await;
    (index, (redis, folder))
}

image_index_laws!(open);

#[tokio::test]
async fn the_laws_hold_on_a_cluster_of_three() {
    let cluster = RedisCluster::start();
    macro_rules! all {
        ($($law:ident),* $(,)?) => {
            $({
                let (index, _folder) = index(&cluster.url()).await;
                conformance::$law(Arc::new(index)).await;
                cluster.nodes.iter().for_each(RedisServer::flush);
            })*
        };
    }
    all!(
        a_row_says_what_was_settled_last,
        an_intent_stays_until_it_is_settled,
        an_image_is_found_by_its_source,
        lists_in_pages_are_newest_first_and_complete,
        lists_are_narrowed_by_thread_and_style,
        totals_are_the_sums_of_what_is_listed,
        a_rebuild_removes_the_rows_that_were_not_settled_in_it,
    );
}

/// One of the nodes that share files and index.
struct Node {
    store: Store,
    folder: TempDir,
    blobs: Arc<dyn BlobStore>,
}

impl Node {
    /// The first, on new files.
    async fn new(redis: &RedisServer) -> (Self, TempDir) {
        let files = TempDir::new().unwrap();
        let blobs = Arc::new(FileSystem::open(&files.path().join("blobs")).await.unwrap());
        (Self::of(redis, blobs, TempDir::new().unwrap()).await, files)
    }

    async fn of(redis: &RedisServer, blobs: Arc<dyn BlobStore>, folder: TempDir) -> Self {
        let connection = Connection::open(&redis.url()).unwrap();
        let notes = folder.path().join("owed.sqlite");
        let index = SharedIndex::open(connection, Arc::clone(&blobs), &notes).await.unwrap();
        Self { store: Store::new(Arc::clone(&blobs), Arc::new(index)), folder, blobs }
    }

    /// Another beside it.
    async fn beside(&self, redis: &RedisServer) -> Self {
        Self::of(redis, Arc::clone(&self.blobs), TempDir::new().unwrap()).await
    }

    /// The same after a crash: what it had in memory is gone.
    async fn restarted(self, redis: &RedisServer) -> Self {
        let Self { store, folder, blobs } = self;
        drop(store);
        Self::of(redis, blobs, folder).await
    }

    /// Lets it mend, and tells what it mends.
    fn tend(&self) -> Tending {
        let (told, mended) = mpsc::unbounded_channel();
        let store = self.store.clone();
        let task = tokio::spawn(async move { store.tend(|mended| drop(told.send(mended))).await });
        Tending { task, mended }
    }

    async fn store(&self, image: Image) {
        image.commit(&self.store, Expect::New).await.unwrap();
    }

    async fn listed(&self) -> Result<Vec<String>, Error> {
        let page = self.store.list(&Query::default()).await?;
        Ok(page.manifests.into_iter().map(|manifest| manifest.id.to_string()).collect())
    }
}

struct Tending {
    task: JoinHandle<()>,
    mended: mpsc::UnboundedReceiver<Mended>,
}

impl Tending {
    async fn index(&mut self) {
        while !matches!(self.mended.recv().await.unwrap(), Mended::Index(_)) {}
    }

    async fn rows(&mut self) {
        while !matches!(self.mended.recv().await.unwrap(), Mended::Rows(_)) {}
    }
}

impl Drop for Tending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn is_away<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn what_one_node_stores_and_removes_others_see() {
    let redis = RedisServer::start();
    let (a, _files) = Node::new(&redis).await;
    let b = a.beside(&redis).await;
    a.tend().index().await;
    a.store(image("fox", "a fox").at(1)).await;
    b.store(image("hen", "a hen").at(2)).await;
    assert_eq!(a.listed().await.unwrap(), ["hen", "fox"]);
    assert_eq!(b.listed().await.unwrap(), ["hen", "fox"]);
    b.store.erase(&id("fox")).await.unwrap();
    assert_eq!(a.listed().await.unwrap(), ["hen"]);
    assert_eq!(a.store.degraded(), None);
}

#[tokio::test]
async fn metadata_lies_in_redis_for_two_hours_and_is_read_from_the_manifest_after() {
    let redis = RedisServer::start();
    let (node, _files) = Node::new(&redis).await;
    node.tend().index().await;
    node.store(image("fox", "a fox").in_thread("a").of_style("hero")).await;
    let key = keys::metadata_key(&id("fox"));
    let seconds: u64 = redis.ask(&["TTL", &key]).parse().unwrap();
    assert!((7_000..=7_200).contains(&seconds), "{seconds}");
    let metadata = redis.ask(&["GET", &key]);
    assert!(metadata.contains(r#""thread_id":"a""#) && metadata.contains(r#""cached":true"#), "{metadata}");
    assert_eq!(redis.ask(&["DEL", &key]), "1");
    assert_eq!(node.listed().await.unwrap(), ["fox"]);
    assert_eq!(redis.ask(&["EXISTS", &key]), "1", "it was put back");
}

#[tokio::test]
async fn in_an_outage_images_are_stored_read_and_removed_and_lists_are_told_of_it_afterwards() {
    let mut redis = RedisServer::start();
    let (node, _files) = Node::new(&redis).await;
    let mut tending = node.tend();
    tending.index().await;
    node.store(image("old", "an owl").at(1)).await;
    redis.kill();
    node.store(image("fox", "a fox").at(2)).await;
    node.store.erase(&id("old")).await.unwrap();
    node.store.read(&id("fox")).await.unwrap();
    assert!(is_away(&node.listed().await));
    assert!(is_away(&node.store.ids_of_style("hero").await));
    assert_eq!(node.store.find_source(&image("fox", "a fox").manifest.source.digest).await.unwrap(), None);
    assert_eq!(node.store.totals().await.unwrap().images, 0, "as last seen: it was never asked");
    assert!(node.store.degraded().is_some_and(|why| why.contains("Redis")));
    redis.restart();
    tending.index().await;
    assert_eq!(node.listed().await.unwrap(), ["fox"]);
}

#[tokio::test]
async fn a_paused_server_that_goes_on_is_told_what_it_missed() {
    let redis = RedisServer::start();
    let (node, _files) = Node::new(&redis).await;
    let mut tending = node.tend();
    tending.index().await;
    redis.pause();
    node.store(image("fox", "a fox")).await;
    redis.resume();
    tending.rows().await;
    assert_eq!(node.listed().await.unwrap(), ["fox"]);
    assert_eq!(node.store.degraded(), None);
}

#[tokio::test]
async fn what_is_owed_outlives_the_process() {
    let redis = RedisServer::start();
    let (node, _files) = Node::new(&redis).await;
    node.tend().index().await;
    redis.pause();
    node.store(image("fox", "a fox")).await;
    let node = node.restarted(&redis).await;
    node.store.recover().await.unwrap();
    redis.resume();
    node.tend().rows().await;
    assert_eq!(node.listed().await.unwrap(), ["fox"]);
}

#[tokio::test]
async fn an_emptied_index_is_made_anew_while_images_are_served() {
    let redis = RedisServer::start();
    let (node, _files) = Node::new(&redis).await;
    let mut tending = node.tend();
    tending.index().await;
    for number in 0..300 {
        node.store(image(&format!("image-{number:03}"), &format!("{number}")).at(number).in_thread("a")).await;
    }
    redis.flush();
    assert!(is_away(&node.store.ids_of_thread(&"a".parse().unwrap()).await));
    node.store.read(&id("image-007")).await.unwrap();
    node.store(image("fox", "a fox").in_thread("a").at(1_000)).await;
    tending.index().await;
    assert_eq!(node.store.ids_of_thread(&"a".parse().unwrap()).await.unwrap().len(), 301);
    assert_eq!(node.store.totals().await.unwrap().images, 301);
}

#[tokio::test]
async fn a_server_that_comes_back_with_an_older_state_is_found_out_and_mended() {
    let mut redis = RedisServer::start();
    let (node, _files) = Node::new(&redis).await;
    let mut tending = node.tend();
    tending.index().await;
    node.store(image("owl", "an owl").at(1)).await;
    assert_eq!(redis.ask(&["SAVE"]), "OK");
    node.store(image("fox", "a fox").at(2)).await;
    node.store.erase(&id("owl")).await.unwrap();
    redis.kill();
    redis.restart();
    tending.index().await;
    assert_eq!(node.listed().await.unwrap(), ["fox"]);
}

#[tokio::test]
async fn a_rebuild_that_is_overtaken_or_emptied_ends_in_vain() {
    let redis = RedisServer::start();
    let ((a, _a), (b, _b)) = (index(&redis.url()).await, index(&redis.url()).await);
    let fox = image("fox", "a fox").manifest;
    assert!(matches!(a.refill(&fox).await, Err(Error::Busy(_))), "the other began later");
    b.refill(&fox).await.unwrap();
    redis.flush();
    assert!(b.finish_rebuild().await.is_err(), "what it had made is gone");
    assert!(!b.is_complete().await.unwrap());
}

#[tokio::test]
async fn a_rebuild_leaves_what_was_settled_since_it_began() {
    let redis = RedisServer::start();
    let (index, _folder) = index(&redis.url()).await;
    let (old, new) = (image("fox", "a fox").at(1).manifest, image("fox", "another fox").at(2).manifest);
    index.settle(&new.id, Some(&new)).await.unwrap();
    index.refill(&old).await.unwrap();
    index.finish_rebuild().await.unwrap();
    assert_eq!(index.list(&Query::default()).await.unwrap().manifests, [new]);
}

#[tokio::test]
async fn one_node_rebuilds_while_the_others_wait() {
    let redis = RedisServer::start();
    let (a, _files) = Node::new(&redis).await;
    let b = a.beside(&redis).await;
    let (mut first, mut second) = (a.tend(), b.tend());
    tokio::select! {
        () = first.index() => {}
        () = second.index() => {}
    }
    assert_eq!(a.listed().await.unwrap(), [""; 0]);
    assert_eq!(b.listed().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_server_without_memory_is_told_when_it_has_some() {
    let redis = RedisServer::start();
    let (node, _files) = Node::new(&redis).await;
    let mut tending = node.tend();
    tending.index().await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    node.store(image("fox", "a fox")).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    tending.rows().await;
    assert_eq!(node.listed().await.unwrap(), ["fox"]);
}
