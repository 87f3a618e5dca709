//! What is true of the journal and not of every log and queue: reopening, crashes, its bounds in the file, foreign files.
//! The laws run here too.

use std::fs;
use std::path::Path;

use orbit_model::{EventId, JobState};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Journal, MAX_SURPLUS};
use crate::events::conformance::{event, event_log_laws, name, read};
use crate::fixtures::at;
use crate::queue::conformance::{job, job_id, job_queue_laws, slot};
use crate::{Error, EventLimits, EventLog, JobQueue};

async fn open() -> (Journal, TempDir) {
    let root = TempDir::new().unwrap();
    (open_in(root.path(), EventLimits::default()).await.unwrap(), root)
}

async fn open_in(root: &Path, limits: EventLimits) -> Result<Journal, Error> {
    Journal::open(&root.join("journal.sqlite"), limits).await
}

async fn reopen(journal: Journal, root: &TempDir) -> Journal {
    drop(journal);
    open_in(root.path(), EventLimits::default()).await.unwrap()
}

/// The files as a process would leave them that was killed now; the journal is still open.
fn killed(root: &TempDir) -> TempDir {
    let copy = TempDir::new().unwrap();
    for name in ["journal.sqlite", "journal.sqlite-wal"] {
        fs::copy(root.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn count(root: &Path, table: &str) -> i64 {
    let db = Connection::open(root.join("journal.sqlite")).unwrap();
    db.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

event_log_laws!(open);

mod queue {
    //! The laws of the other trait.
    use super::{job_queue_laws, open};

    job_queue_laws!(open);
}

#[tokio::test]
async fn a_client_that_comes_back_after_a_restart_misses_nothing_and_sees_nothing_twice() {
    let (journal, root) = open().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(journal.append(event("a", number), at(0)).await.unwrap());
    }
    journal.append(event("b", 9), at(0)).await.unwrap();
    let journal = reopen(journal, &root).await;
    for (place, id) in ids.iter().enumerate() {
        let expected: Vec<_> = (place + 1..5).map(|number| event("a", number)).collect();
        assert_eq!(read(&journal, "a", Some(*id)).await, expected);
    }
    let mut news = journal.subscribe(&name("a")).await.unwrap();
    assert_eq!(*news.borrow_and_update(), ids[4]);
    let next = journal.append(event("a", 5), at(-3_600)).await.unwrap();
    assert!(next > ids[4], "the clock went back");
    news.changed().await.unwrap();
    assert_eq!(read(&journal, "a", Some(ids[4])).await, [event("a", 5)]);
    assert_eq!(read(&journal, "b", None).await, [event("b", 9)]);
}

#[tokio::test]
async fn ids_grow_past_a_restart_even_of_a_thread_that_was_forgotten() {
    let root = TempDir::new().unwrap();
    let limits = EventLimits { max_threads: 1, ..EventLimits::default() };
    let journal = open_in(root.path(), limits).await.unwrap();
    let old = journal.append(event("a", 0), at(1_000)).await.unwrap();
    for number in 0..MAX_SURPLUS * 2 {
        journal.append(event(&format!("b-{number}"), number), at(0)).await.unwrap();
    }
    drop(journal);
    let journal = open_in(root.path(), limits).await.unwrap();
    assert_eq!(read(&journal, "a", None).await, []);
    let new = journal.append(event("a", 1), at(0)).await.unwrap();
    assert!(new > old, "{new} after {old}");
}

#[tokio::test]
async fn the_file_keeps_no_more_than_the_limits_and_a_batch() {
    let root = TempDir::new().unwrap();
    let limits = EventLimits { max_events_per_thread: 20, max_threads: 3, max_events: 50 };
    let journal = open_in(root.path(), limits).await.unwrap();
    for number in 0..1_000 {
        journal.append(event(&format!("thread-{}", number / 7 % 5), number), at(0)).await.unwrap();
        if number % 100 == 0 {
            assert!(count(root.path(), "events") <= (50 + MAX_SURPLUS) as i64, "after {number}");
        }
    }
    let mut before = Vec::new();
    for thread in 0..5 {
        before.push(journal.read_after(&name(&format!("thread-{thread}")), None, 100).await.unwrap());
    }
    drop(journal);
    let journal = open_in(root.path(), limits).await.unwrap();
    let mut retained = 0;
    for (thread, before) in before.iter().enumerate() {
        let after = journal.read_after(&name(&format!("thread-{thread}")), None, 100).await.unwrap();
        assert!(after.ends_with(before), "nothing that was retained is lost");
        assert!(after.len() <= 20);
        retained += after.len();
    }
    assert!(retained <= 100);
}

#[tokio::test]
async fn a_process_that_is_killed_loses_no_event_and_no_slot() {
    let (journal, root) = open().await;
    journal.add(&job("fox", 3)).await.unwrap();
    let mut ids: Vec<EventId> = Vec::new();
    for number in 0..12 {
        ids.push(journal.append(event("a", number), at(0)).await.unwrap());
        journal.set(&job_id("fox"), number % 3, &slot(JobState::Running)).await.unwrap();
        let copy = killed(&root);
        let after = open_in(copy.path(), EventLimits::default()).await.unwrap();
        assert_eq!(read(&after, "a", None).await, read(&journal, "a", None).await);
        assert_eq!(after.unfinished().await.unwrap(), journal.unfinished().await.unwrap());
        assert!(after.append(event("a", 99), at(-60)).await.unwrap() > ids[number]);
    }
}

#[tokio::test]
async fn a_write_that_was_cut_short_leaves_all_before_it() {
    let (journal, root) = open().await;
    journal.add(&job("fox", 1)).await.unwrap();
    let mut lengths = Vec::new();
    for number in 0..6 {
        journal.append(event("a", number), at(0)).await.unwrap();
        lengths.push(fs::metadata(root.path().join("journal.sqlite-wal")).unwrap().len());
    }
    let (first, last) = (lengths[0], lengths[5]);
    for length in (first..=last).step_by(1_001) {
        let copy = killed(&root);
        let log = fs::File::options().write(true).open(copy.path().join("journal.sqlite-wal")).unwrap();
        log.set_len(length).unwrap();
        let after = open_in(copy.path(), EventLimits::default()).await.unwrap();
        let whole = lengths.iter().filter(|whole| **whole <= length).count();
        assert_eq!(read(&after, "a", None).await, (0..whole).map(|number| event("a", number)).collect::<Vec<_>>());
        assert_eq!(after.unfinished().await.unwrap(), [job("fox", 1)], "an added job is synced");
        after.append(event("a", 99), at(0)).await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_cut_an_event_in_two() {
    let (journal, _root) = open().await;
    for number in 0..50 {
        let append = journal.append(event("a", number), at(0));
        let _ = tokio::time::timeout(std::time::Duration::ZERO, append).await;
    }
    let last = journal.append(event("a", 50), at(0)).await.unwrap();
    let events = journal.read_after(&name("a"), None, 100).await.unwrap();
    assert_eq!(events.last().unwrap().0, last);
    assert!(events.is_sorted_by(|(left, _), (right, _)| left < right));
}

#[tokio::test]
async fn jobs_go_on_after_a_restart_in_their_order() {
    let (journal, root) = open().await;
    for name in ["fox", "cat", "hen"] {
        journal.add(&job(name, 2)).await.unwrap();
    }
    journal.set(&job_id("fox"), 0, &slot(JobState::Done)).await.unwrap();
    for index in 0..2 {
        journal.set(&job_id("cat"), index, &slot(JobState::Done)).await.unwrap();
    }
    let before = journal.unfinished().await.unwrap();
    let journal = reopen(journal, &root).await;
    assert_eq!(journal.unfinished().await.unwrap(), before);
    assert_eq!(before.iter().map(|job| job.job.as_str()).collect::<Vec<_>>(), ["fox", "hen"]);
    assert!(journal.get(&job_id("cat")).await.unwrap().unwrap().has_ended());
    assert_eq!(journal.trim(0).await.unwrap(), 1);
    assert_eq!(count(root.path(), "slots"), 4);
}

#[tokio::test]
async fn no_prompt_of_an_ended_job_is_in_the_file() {
    let (journal, root) = open().await;
    journal.add(&job("fox", 1)).await.unwrap();
    journal.set(&job_id("fox"), 0, &slot(JobState::Done)).await.unwrap();
    drop(journal);
    let file = fs::read(root.path().join("journal.sqlite")).unwrap();
    assert!(!file.windows(8).any(|window| window == b"draw fox"), "what was there is overwritten");
}

#[tokio::test]
async fn a_journal_of_another_release_is_left_alone() {
    let (journal, root) = open().await;
    drop(journal);
    let path = root.path().join("journal.sqlite");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let error = open_in(root.path(), EventLimits::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(message) if message.contains("version 2")), "{error}");
    assert!(error.to_string().contains("move journal.sqlite* away"), "{error}");
}

#[tokio::test]
async fn what_is_damaged_is_named_with_what_to_do() {
    let (journal, root) = open().await;
    journal.add(&job("fox", 1)).await.unwrap();
    journal.append(event("a", 0), at(0)).await.unwrap();
    drop(journal);
    let db = Connection::open(root.path().join("journal.sqlite")).unwrap();
    db.execute("UPDATE jobs SET request = '{}'", []).unwrap();
    let journal = open_in(root.path(), EventLimits::default()).await.unwrap();
    let job = journal.get(&job_id("fox")).await.unwrap_err();
    drop(journal);
    db.execute("UPDATE events SET event = 'x'", []).unwrap();
    let event = open_in(root.path(), EventLimits::default()).await.unwrap_err();
    drop(db);
    let path = root.path().join("journal.sqlite");
    fs::write(&path, "not a database, and long enough to be looked at ".repeat(100)).unwrap();
    let file = open_in(root.path(), EventLimits::default()).await.unwrap_err();
    for error in [job, event, file] {
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("from a backup or move journal.sqlite* away"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused_with_what_to_do() {
    // Not even the superuser makes files there, whom the mode of a folder does not stop.
    let error = open_in(Path::new("/proc/self"), EventLimits::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(message) if message.contains("this process may write it")), "{error}");
}
