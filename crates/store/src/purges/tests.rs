//! What the log in a file promises beyond the laws: what a restart must know.

use tempfile::TempDir;
use tokio::time::advance;

use super::conformance::{append, purge, purge_log_laws, read};
use super::*;

async fn journal() -> (PurgeJournal, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (open(&dir).await, dir)
}

async fn open(dir: &TempDir) -> PurgeJournal {
    PurgeJournal::open(&dir.path().join("purges.sqlite")).await.unwrap()
}

async fn memory() -> (MemoryPurges, ()) {
    (MemoryPurges::new(7), ())
}

mod in_a_file {
    use super::*;
    purge_log_laws!(journal);
}

mod in_memory {
    use super::*;
    purge_log_laws!(memory);
}

fn edge(name: &str) -> Follower {
    Follower { name: name.to_owned(), session: "1".to_owned() }
}

fn lent(seconds: u64) -> Attendance {
    Attendance { done: None, filled: None, lease: Some(Duration::from_secs(seconds)) }
}

#[tokio::test]
async fn a_restart_goes_on_with_the_log_and_forgets_only_fills() {
    let (log, dir) = journal().await;
    let first = append(&log, purge(0)).await;
    append(&log, Notice::Fill(vec!["/api/images/fox".to_owned()])).await;
    let second = append(&log, purge(1)).await;
    let filled = append(&log, Notice::Fill(vec!["/api/images/owl".to_owned()])).await;
    drop(log);
    let log = open(&dir).await;
    assert_eq!(read(&log, first).await, [purge(1)]);
    // A place that is that of a forgotten fill is as good as that of the purge before it.
    assert_eq!(read(&log, filled).await, []);
    let third = append(&log, purge(2)).await;
    assert!(third.covers(second) && third.covers(filled) && !filled.covers(third));
    assert_eq!(read(&log, filled).await, [purge(2)]);
}

#[tokio::test]
async fn a_log_that_was_lost_is_another_log() {
    let (log, dir) = journal().await;
    let place = append(&log, purge(0)).await;
    drop(log);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let log = open(&dir).await;
    append(&log, purge(1)).await;
    assert!(log.read_after(Some(place), 10).await.unwrap().reset);
}

#[tokio::test]
async fn what_is_not_retained_any_more_makes_an_old_place_none() {
    let (log, dir) = journal().await;
    let old = append(&log, purge(0)).await;
    let mut kept = old;
    for number in 0..5 {
        kept = append(&log, purge(number)).await;
        log.forget_through(old.place).await;
    }
    for log in [log.clone(), open(&dir).await] {
        assert!(!log.read_after(Some(old), 10).await.unwrap().reset, "all after it is there");
        let before = Position { place: orbit_model::EventId::default(), ..old };
        let reading = log.read_after(Some(before), 10).await.unwrap();
        assert_eq!((reading.reset, reading.position), (true, kept));
    }
}

#[tokio::test]
async fn after_a_restart_the_leases_of_the_last_run_may_still_be_out() {
    let (log, dir) = journal().await;
    log.attend(&edge("a"), lent(5)).await.unwrap();
    log.attend(&edge("a"), lent(60)).await.unwrap();
    log.attend(&edge("b"), lent(5)).await.unwrap();
    log.leave(&edge("b")).await.unwrap();
    drop(log);
    let log = open(&dir).await;
    let edges = log.edges().await.unwrap();
    assert_eq!(edges.iter().map(|edge| &edge.follower).collect::<Vec<_>>(), [&edge("a")]);
    assert!(edges[0].lease > Duration::from_secs(50), "the longest that it was lent");
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_is_cut_off_is_named_for_an_hour_unless_it_begins_another_life() {
    let log = MemoryPurges::new(7);
    let named = async || log.edges().await.unwrap().into_iter().map(|edge| edge.follower.session).collect::<Vec<_>>();
    log.attend(&edge("a"), lent(5)).await.unwrap();
    advance(Duration::from_secs(60)).await;
    assert!(log.edges().await.unwrap()[0].lease.is_zero());
    let again = Follower { session: "2".to_owned(), ..edge("a") };
    log.attend(&again, lent(5)).await.unwrap();
    assert_eq!(named().await, ["2"]);
    advance(Duration::from_secs(3_500)).await;
    assert_eq!(named().await, ["2"]);
    advance(Duration::from_secs(200)).await;
    assert_eq!(named().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_life_counts_as_long_as_its_lease_runs() {
    let log = MemoryPurges::new(7);
    log.attend(&edge("a"), lent(5)).await.unwrap();
    advance(Duration::from_secs(1)).await;
    log.attend(&Follower { session: "2".to_owned(), ..edge("a") }, lent(5)).await.unwrap();
    assert_eq!(log.edges().await.unwrap().len(), 2, "the process may only be paused");
    advance(Duration::from_secs(4)).await;
    assert_eq!(log.edges().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fill_is_told_for_a_few_seconds() {
    let log = MemoryPurges::new(7);
    let place = append(&log, purge(0)).await;
    append(&log, Notice::Fill(vec!["/api/images/fox".to_owned()])).await;
    advance(Duration::from_secs(4)).await;
    assert_eq!(read(&log, place).await.len(), 1);
    advance(Duration::from_secs(4)).await;
    assert_eq!(read(&log, place).await, []);
}
