//! The connection and its breaker, against real servers that are killed, paused, emptied and put in another's place.

use std::time::Duration;

use redis::cmd;

use super::Connection;
use crate::Error;
use crate::fixtures::redis::{RedisCluster, RedisSentinel, RedisServer};

async fn connected(url: &str) -> Connection {
    let connection = Connection::open(url).unwrap();
    connection.up().await;
    connection
}

async fn set(connection: &Connection, key: &str, value: &str) -> Result<(), Error> {
    connection.ask(cmd("SET").arg(key).arg(value)).await
}

async fn get(connection: &Connection, key: &str) -> Result<Option<String>, Error> {
    connection.ask(cmd("GET").arg(key)).await
}

fn is_away<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn a_value_that_was_set_is_read() {
    let redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    set(&connection, "fox", "red").await.unwrap();
    assert_eq!(get(&connection, "fox").await.unwrap().as_deref(), Some("red"));
    redis.flush();
    assert_eq!(get(&connection, "fox").await.unwrap(), None);
}

#[tokio::test]
async fn calls_of_other_runtimes_and_after_the_end_of_the_first_share_the_link() {
    let redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    for _ in 0..3 {
        let connection = connection.clone();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { set(&connection, "fox", "red").await })
        };
        tokio::task::spawn_blocking(work).await.unwrap().unwrap();
    }
    let clients = redis.ask(&["CLIENT", "LIST"]).lines().filter(|line| !line.contains("cmd=client")).count();
    assert_eq!(clients, 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_reason_not_to_start_and_is_found_when_it_comes() {
    let mut redis = RedisServer::start();
    redis.kill();
    let connection = Connection::open(&redis.url()).unwrap();
    assert!(is_away(set(&connection, "fox", "red").await));
    redis.restart();
    connection.up().await;
    set(&connection, "fox", "red").await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_noticed_without_a_call_and_taken_back() {
    let mut redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    redis.kill();
    connection.down().await;
    for _ in 0..1_000 {
        assert!(is_away(get(&connection, "fox").await));
    }
    redis.restart();
    connection.up().await;
    set(&connection, "fox", "red").await.unwrap();
}

#[tokio::test]
async fn calls_that_wait_for_a_paused_server_fail_together_and_later_ones_at_once() {
    let redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    redis.pause();
    let calls = (0..100).map(|number| {
        let connection = connection.clone();
        async move { set(&connection, &number.to_string(), "x").await }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.into_iter().all(is_away));
    assert!(!connection.health().is_up());
    assert!(is_away(get(&connection, "fox").await));
    redis.resume();
    connection.up().await;
    set(&connection, "fox", "red").await.unwrap();
}

#[tokio::test]
async fn a_command_that_redis_finds_wrong_is_no_outage() {
    let redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    set(&connection, "fox", "red").await.unwrap();
    let answer: Result<(), Error> = connection.ask(cmd("LPUSH").arg("fox").arg("x")).await;
    assert!(matches!(answer, Err(Error::Internal(_))), "{answer:?}");
    assert!(connection.health().is_up());
}

#[tokio::test]
async fn a_server_without_memory_refuses_writes_and_answers_reads() {
    let redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    set(&connection, "fox", "red").await.unwrap();
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(is_away(set(&connection, "hen", "white").await));
    assert_eq!(get(&connection, "fox").await.unwrap().as_deref(), Some("red"));
    assert!(connection.health().is_up());
}

#[tokio::test]
async fn a_script_is_known_again_after_the_server_forgot_it() {
    let mut redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    let script = redis::Script::new("return redis.call('INCR', KEYS[1])");
    assert_eq!(connection.run::<u64>(&script.key("{orbit}:n")).await.unwrap(), 1);
    redis.kill();
    connection.down().await;
    redis.restart();
    connection.up().await;
    assert_eq!(connection.run::<u64>(&script.key("{orbit}:n")).await.unwrap(), 1);
}

#[tokio::test]
async fn a_listener_waits_in_the_server_while_others_call() {
    let redis = RedisServer::start();
    let connection = connected(&redis.url()).await;
    let mut listener = connection.listener();
    let wait = Duration::from_secs(20);
    let listening = tokio::spawn(async move {
        let popped: Result<Option<(String, String)>, Error> =
            listener.ask(cmd("BLPOP").arg("news").arg(20), wait).await;
        (listener, popped)
    });
    let blocked = || redis.ask(&["INFO", "clients"]).contains("blocked_clients:1");
    while !blocked() {
        tokio::task::yield_now().await;
    }
    let _: u64 = connection.ask(cmd("RPUSH").arg("news").arg("a fox")).await.unwrap();
    let (mut listener, popped) = listening.await.unwrap();
    assert_eq!(popped.unwrap(), Some(("news".to_owned(), "a fox".to_owned())));

    let again = tokio::spawn(async move {
        let popped: Result<Option<(String, String)>, Error> =
            listener.ask(cmd("BLPOP").arg("news").arg(20), wait).await;
        popped
    });
    while !blocked() {
        tokio::task::yield_now().await;
    }
    redis.pause();
    assert!(is_away(again.await.unwrap()), "an outage ends the waiting");
    redis.resume();
}

#[tokio::test]
async fn a_cluster_of_three_takes_keys_of_every_slot_and_scripts_of_one_tag() {
    let cluster = RedisCluster::start();
    let connection = connected(&cluster.url()).await;
    assert!(connection.is_cluster());
    for number in 0..100 {
        set(&connection, &format!("orbit:image:{number}"), "x").await.unwrap();
    }
    let keys: u64 = cluster.nodes.iter().map(|node| node.ask(&["DBSIZE"]).parse::<u64>().unwrap()).sum();
    assert_eq!(keys, 100);
    assert!(cluster.nodes.iter().all(|node| node.ask(&["DBSIZE"]) != "0"));
    let script = redis::Script::new("redis.call('INCR', KEYS[1]); return redis.call('INCR', '{orbit}:b')");
    assert_eq!(connection.run::<u64>(&script.key("{orbit}:a")).await.unwrap(), 1);
    let mut both = redis::pipe();
    both.cmd("GET").arg("{orbit}:a").cmd("GET").arg("{orbit}:b");
    assert_eq!(connection.ask_all::<(u64, u64)>(&both).await.unwrap(), (1, 1));
}

#[tokio::test]
async fn a_cluster_with_a_dead_server_is_away_until_it_returns() {
    let mut cluster = RedisCluster::start();
    let connection = connected(&cluster.url()).await;
    cluster.nodes[2].kill();
    connection.down().await;
    assert!(is_away(set(&connection, "fox", "red").await));
    cluster.nodes[2].restart();
    connection.up().await;
    loop {
        // The servers themselves take a moment to trust each other again.
        if set(&connection, "fox", "red").await.is_ok() {
            break;
        }
        connection.up().await;
    }
}

#[tokio::test]
async fn a_new_master_is_found_by_the_sentinel() {
    let mut servers = RedisSentinel::start();
    let connection = connected(&servers.url()).await;
    set(&connection, "fox", "red").await.unwrap();
    while servers.replica.ask(&["GET", "fox"]) != "red" {
        tokio::task::yield_now().await;
    }
    servers.master.kill();
    connection.down().await;
    connection.up().await;
    assert_eq!(get(&connection, "fox").await.unwrap().as_deref(), Some("red"));
    set(&connection, "hen", "white").await.unwrap();
    assert_eq!(servers.replica.ask(&["GET", "hen"]), "white");
}

#[test]
fn calls_may_be_awaited_in_tasks_that_move_between_threads() {
    fn assert_send<T: Send>(work: T) -> T {
        work
    }
    let connection = Connection::open("redis://127.0.0.1:1").unwrap();
    let script = redis::Script::new("return 1");
    let invocation = script.key("{orbit}:a");
    drop(assert_send(set(&connection, "a", "b")));
    drop(assert_send(connection.run::<u64>(&invocation)));
    drop(assert_send(connection.ask_all::<()>(&redis::pipe())));
    drop(assert_send(connection.listener().ask::<()>(&cmd("PING"), Duration::ZERO)));
}
