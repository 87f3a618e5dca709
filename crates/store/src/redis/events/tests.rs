//! Several nodes on one real Redis, which is killed, paused and emptied: each event reaches each node, once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orbit_model::{ConceptFailed, Event, EventId};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{SharedEvents, Signal};
use crate::events::conformance::{event, event_log_laws, name, read};
use crate::fixtures::at;
use crate::fixtures::redis::{RedisCluster, RedisServer};
use crate::redis::Connection;
use crate::{EventLimits, EventLog, Journal};

/// A node with a folder of its own, which follows the events of all.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) events: SharedEvents,
    pub(crate) journal: Journal,
    pub(crate) connection: Connection,
    following: JoinHandle<()>,
    folder: Arc<TempDir>,
}

impl Node {
    pub(crate) async fn start(url: &str) -> Self {
        Self::start_in(url, Arc::new(TempDir::new().unwrap())).await
    }

    /// A node that waits until Redis answers, if it is to.
    async fn start_in(url: &str, folder: Arc<TempDir>) -> Self {
        let node = Self::start_alone(url, folder).await;
        node.connection.up().await;
        node.events.catch_up().await;
        node
    }

    async fn start_alone(url: &str, folder: Arc<TempDir>) -> Self {
        let journal = open(folder.path()).await;
        let connection = Connection::open(url).unwrap();
        let events = SharedEvents::open(journal.clone(), connection.clone()).await.unwrap();
        let following = tokio::spawn({
            let events = events.clone();
            async move { events.follow().await }
        });
        Self { events, journal, connection, following, folder }
    }

    /// Ends it, as a crash would; what is in its folder stays.
    async fn kill(self) -> Arc<TempDir> {
        self.following.abort();
        let folder = Arc::clone(&self.folder);
        drop(self);
        folder
    }

    async fn tell(&self, thread: &str, number: usize) -> EventId {
        self.events.append(event(thread, number), at(0)).await.unwrap()
    }

    /// Waits until a thread has so many events here.
    async fn hears(&self, thread: &str, count: usize) -> Vec<(EventId, Arc<Event>)> {
        let mut news = self.events.subscribe(&name(thread)).await.unwrap();
        let wait = async {
            loop {
                news.borrow_and_update();
                let events = self.events.read_after(&name(thread), None, usize::MAX).await.unwrap();
                if events.len() >= count {
                    return events;
                }
                news.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("all events")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn open(folder: &Path) -> Journal {
    Journal::open(&folder.join("journal.sqlite"), EventLimits::default()).await.unwrap()
}

fn events(thread: &str, numbers: std::ops::Range<usize>) -> Vec<Event> {
    numbers.map(|number| event(thread, number)).collect()
}

fn failed(job: &str) -> Event {
    Event::ConceptFailed(ConceptFailed {
        thread_id: name("a"),
        job: job.parse().unwrap(),
        index: 0,
        total: 1,
        completed: 0,
        code: "x".to_owned(),
        message: "y".to_owned(),
    })
}

async fn open_shared() -> (SharedEvents, (Node, RedisServer)) {
    let redis = RedisServer::start();
    let node = Node::start(&redis.url()).await;
    (node.events.clone(), (node, redis))
}

event_log_laws!(open_shared);

#[tokio::test]
async fn an_event_of_one_node_is_told_at_all_under_the_same_id() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    for number in 0..20 {
        let teller = if number % 3 == 0 { &a } else { &b };
        teller.tell("a", number).await;
    }
    let (at_a, at_b) = (a.hears("a", 20).await, b.hears("a", 20).await);
    assert_eq!(at_a, at_b);
    assert_eq!(read(&b.events, "a", Some(at_a[11].0)).await, events("a", 12..20), "a place means the same at both");
}

#[tokio::test]
async fn a_node_that_was_away_hears_what_it_missed_once() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    a.tell("a", 0).await;
    b.hears("a", 1).await;
    let folder = b.kill().await;
    a.tell("a", 1).await;
    a.tell("b", 0).await;
    let b = Node::start_in(&redis.url(), folder).await;
    a.tell("a", 2).await;
    assert_eq!(b.hears("a", 3).await, a.hears("a", 3).await);
    assert_eq!(b.hears("b", 1).await.len(), 1);
}

#[tokio::test]
async fn a_new_node_reads_what_is_retained() {
    let redis = RedisServer::start();
    let a = Node::start(&redis.url()).await;
    // More than are read at a time.
    for number in 0..600 {
        a.tell("a", number).await;
        if number % 100 == 0 {
            a.events.signal(&Signal::Offered).await;
        }
    }
    let b = Node::start(&redis.url()).await;
    assert_eq!(b.hears("a", 600).await, a.hears("a", 600).await);
}

#[tokio::test]
async fn without_redis_a_node_tells_its_own_at_once_and_all_the_others_when_it_is_back() {
    let mut redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    a.tell("a", 0).await;
    b.hears("a", 1).await;
    redis.kill();
    a.connection.down().await;
    for number in 1..5 {
        a.tell("a", number).await;
        assert_eq!(read(&a.events, "a", None).await, events("a", 0..number + 1));
    }
    b.connection.down().await;
    b.tell("b", 0).await;
    assert_eq!((a.events.unsent(), b.events.unsent()), (4, 1));
    redis.restart();
    b.hears("a", 5).await;
    a.hears("b", 1).await;
    a.tell("a", 5).await;
    b.hears("a", 6).await;
    assert_eq!(read(&a.events, "a", None).await, events("a", 0..6), "nothing is told twice");
    assert_eq!(read(&b.events, "a", None).await, events("a", 0..6));
    assert_eq!((a.events.unsent(), b.events.unsent()), (0, 0));
}

#[tokio::test]
async fn events_of_both_sides_of_an_outage_in_one_thread_reach_both() {
    let mut redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    redis.kill();
    a.connection.down().await;
    b.connection.down().await;
    for number in 0..6 {
        let teller = if number % 2 == 0 { &a } else { &b };
        teller.tell("a", number).await;
    }
    redis.restart();
    for node in [&a, &b] {
        let told = node.hears("a", 6).await;
        assert!(told.is_sorted_by(|(left, _), (right, _)| left < right));
        let mut all: Vec<_> = told.iter().map(|(_, event)| event.data()).collect();
        all.sort();
        assert_eq!(all, events("a", 0..6).iter().map(Event::data).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_redis_that_hangs_is_an_outage_and_what_it_did_all_the_same_is_told_once() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    a.tell("a", 0).await;
    redis.pause();
    for number in 1..4 {
        a.tell("a", number).await;
    }
    assert_eq!(read(&a.events, "a", None).await, events("a", 0..4));
    redis.resume();
    b.hears("a", 4).await;
    a.connection.up().await;
    a.tell("a", 4).await;
    b.hears("a", 5).await;
    assert_eq!(read(&b.events, "a", None).await, events("a", 0..5));
    assert_eq!(read(&a.events, "a", None).await, events("a", 0..5));
}

#[tokio::test]
async fn what_was_told_in_an_outage_outlives_the_process() {
    let mut redis = RedisServer::start();
    let url = redis.url();
    let (a, b) = (Node::start(&url).await, Node::start(&url).await);
    redis.kill();
    a.connection.down().await;
    a.tell("a", 0).await;
    let folder = a.kill().await;
    let a = Node::start_alone(&url, folder).await;
    a.tell("a", 1).await;
    redis.restart();
    b.hears("a", 2).await;
    assert_eq!(read(&b.events, "a", None).await, events("a", 0..2));
}

#[tokio::test]
async fn a_flush_loses_no_event_that_some_node_had_not_heard_yet() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    a.tell("a", 0).await;
    b.hears("a", 1).await;
    let folder = b.kill().await;
    a.tell("a", 1).await;
    let mut signals = a.events.signals();
    redis.flush();
    let b = Node::start_in(&redis.url(), folder).await;
    assert_eq!(b.hears("a", 2).await.len(), 2);
    while signals.recv().await.unwrap() != Signal::Flushed {}
    a.tell("a", 2).await;
    b.hears("a", 3).await;
    assert_eq!(read(&a.events, "a", None).await, events("a", 0..3));
    // A node that was started again in the same seconds may tell the first a second time, and has the last one then as the fourth.
    let has_all = async |node: &Node| {
        let told = read(&node.events, "a", None).await;
        events("a", 0..3).iter().all(|event| told.contains(event))
    };
    if !has_all(&b).await {
        b.hears("a", 4).await;
        assert!(has_all(&b).await);
    }
}

#[tokio::test]
async fn after_a_flush_nodes_that_go_on_tell_nothing_twice() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    for number in 0..4 {
        a.tell("a", number).await;
    }
    b.hears("a", 4).await;
    let (mut at_a, mut at_b) = (a.events.signals(), b.events.signals());
    redis.flush();
    while at_a.recv().await.unwrap() != Signal::Flushed {}
    while at_b.recv().await.unwrap() != Signal::Flushed {}
    b.tell("a", 4).await;
    a.tell("a", 5).await;
    a.hears("a", 6).await;
    b.hears("a", 6).await;
    assert_eq!(read(&a.events, "a", None).await, events("a", 0..6));
    assert_eq!(read(&b.events, "a", None).await, events("a", 0..6));
}

#[tokio::test]
async fn the_end_of_an_image_is_told_once_whoever_tells_it() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    a.events.append(failed("fox"), at(0)).await.unwrap();
    b.hears("a", 1).await;
    b.events.append(failed("fox"), at(0)).await.unwrap();
    b.events.append(failed("hen"), at(0)).await.unwrap();
    assert_eq!(a.hears("a", 2).await, b.hears("a", 2).await);
    assert_eq!(read(&a.events, "a", None).await, [failed("fox"), failed("hen")]);
    let folder = b.kill().await;
    let b = Node::start_in(&redis.url(), folder).await;
    b.events.append(failed("fox"), at(0)).await.unwrap();
    assert_eq!(read(&b.events, "a", None).await.len(), 2, "a restart knows it too");
}

#[tokio::test]
async fn signals_reach_all_nodes() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    let (mut at_a, mut at_b) = (a.events.signals(), b.events.signals());
    let signal = Signal::Cancelled("fox".parse().unwrap());
    a.events.signal(&signal).await;
    assert_eq!((at_a.recv().await.unwrap(), at_b.recv().await.unwrap()), (signal.clone(), signal));
}

#[tokio::test]
async fn a_cluster_does_as_well() {
    let redis = RedisCluster::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    for number in 0..5 {
        a.tell("a", number).await;
    }
    assert_eq!(b.hears("a", 5).await, a.hears("a", 5).await);
}
