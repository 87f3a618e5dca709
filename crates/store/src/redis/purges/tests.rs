//! The log on real servers: its laws, and what must not be lost when a server dies, stops, is emptied or comes back.

use tempfile::TempDir;

use super::*;
use crate::fixtures::redis::{RedisCluster, RedisServer};
use crate::purges::conformance::{append, purge, purge_log_laws, read};

const LEASE: Duration = Duration::from_secs(600);

async fn at(url: &str) -> (SharedPurges, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (open(url, &dir).await, dir)
}

async fn open(url: &str, dir: &TempDir) -> SharedPurges {
    let connection = Connection::open(url).unwrap();
    connection.up().await;
    SharedPurges::new(connection, Outbox::open(&dir.path().join("outbox.sqlite")).await.unwrap(), LEASE)
}

async fn one() -> (SharedPurges, (RedisServer, TempDir)) {
    let server = RedisServer::start();
    let (log, dir) = at(&server.url()).await;
    (log, (server, dir))
}

mod on_a_server {
    use super::*;
    purge_log_laws!(one);
}

fn edge(name: &str) -> Follower {
    Follower { name: name.to_owned(), session: "1".to_owned() }
}

fn lent() -> Attendance {
    Attendance { done: None, filled: None, lease: Some(LEASE) }
}

#[tokio::test]
async fn three_servers_share_one_log() {
    let cluster = RedisCluster::start();
    let ((log, _first), (other, _second)) = (at(&cluster.url()).await, at(&cluster.url()).await);
    let start = append(&log, purge(0)).await;
    let mut news = other.news();
    news.borrow_and_update();
    append(&log, purge(1)).await;
    news.changed().await.unwrap();
    assert_eq!(read(&other, start).await, [purge(1)]);
    other.attend(&edge("north"), lent()).await.unwrap();
    assert_eq!(log.edges().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_one_node_tells_another_hears_and_both_know_the_edges() {
    let (log, (server, _dir)) = one().await;
    let (other, _other_dir) = at(&server.url()).await;
    let place = append(&log, purge(0)).await;
    other.attend(&edge("north"), Attendance { done: Some(place), ..lent() }).await.unwrap();
    assert_eq!(log.edges().await.unwrap()[0].done, Some(place));
    let mut news = log.news();
    news.borrow_and_update();
    other.attend(&edge("north"), Attendance { filled: Some(place), done: None, lease: None }).await.unwrap();
    news.changed().await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_flushed_restarted_or_has_lost_a_part_is_another_and_leases_may_be_out() {
    let (log, (mut server, _dir)) = one().await;
    for loss in ["flush", "{orbit}:purges", "{orbit}:purges:head", "{orbit}:purges:edges", "restart"] {
        let place = append(&log, purge(0)).await;
        log.attend(&edge("north"), lent()).await.unwrap();
        match loss {
            "flush" => server.flush(),
            "restart" => server.restart(),
            key => drop(server.ask(&["DEL", key])),
        }
        log.0.connection.up().await;
        while log.read_after(Some(place), 1).await.is_err() {
            // A first call may find that the server is another.
            log.0.connection.up().await;
        }
        let reading = log.read_after(Some(place), 1).await.unwrap();
        assert!(reading.reset && reading.position.epoch != place.epoch, "{loss}");
        assert!(log.unknown_leases().await.unwrap() > LEASE / 2, "{loss}");
        assert_eq!(log.edges().await.unwrap(), [], "{loss}");
    }
}

#[tokio::test]
async fn while_the_server_is_away_no_lease_is_lent_and_purges_are_kept_over_a_restart() {
    let (log, (mut server, dir)) = one().await;
    let place = append(&log, purge(0)).await;
    server.pause();
    assert_eq!(log.append(purge(1)).await.unwrap(), Appended::Kept);
    assert_eq!(log.append(Notice::Fill(Vec::new())).await.unwrap(), Appended::Kept);
    assert!(matches!(log.attend(&edge("north"), lent()).await, Err(Error::Unavailable(_))));
    assert!(matches!(log.edges().await, Err(Error::Unavailable(_))));
    drop(log);
    server.resume();
    let log = open(&server.url(), &dir).await;
    log.attend(&edge("north"), lent()).await.unwrap();
    // The first may have arrived before the server stood still.
    assert!(read(&log, place).await.contains(&purge(1)), "told before a lease was lent");
    server.kill();
    log.0.connection.down().await;
    assert_eq!(log.append(purge(2)).await.unwrap(), Appended::Kept);
    server.restart();
    log.0.connection.up().await;
    while !log.0.outbox.is_empty() {
        tokio::task::yield_now().await;
    }
    let kept: Vec<_> = server.ask(&["XRANGE", "{orbit}:purges", "-", "+"]).lines().map(str::to_owned).collect();
    assert!(kept.iter().any(|line| line.contains("image-2")), "{kept:?}");
}

#[tokio::test]
async fn only_so_many_are_retained() {
    let (log, (server, _dir)) = one().await;
    let first = append(&log, purge(0)).await;
    let second = append(&log, purge(1)).await;
    let mut step = APPEND.key(LOG);
    step.key(HEAD).key(EDGES).key(MOVES).arg("-").arg(serde_json::to_string(&purge(2)).unwrap()).arg(2);
    let _: Value = log.0.connection.run(&step).await.unwrap();
    assert_eq!(server.ask(&["XLEN", LOG]), "2");
    assert_eq!(read(&log, first).await, [purge(1), purge(2)]);
    assert_eq!(read(&log, second).await, [purge(2)]);
    let mut before = first;
    before.place.millis -= 1;
    assert!(log.read_after(Some(before), 10).await.unwrap().reset);
}
