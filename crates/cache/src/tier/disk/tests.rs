//! What is true of the disk tier and not of every tier; `faults` has what is true of a disk that is full or broken,
//! `purges` what a purge takes.
//!
//! A tier without threads stands still: [`work`] does what the writer would do, so that no test waits or guesses.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use tempfile::TempDir;

use super::folder::Name;
use super::*;
use crate::Policy;
use crate::policy::vary::Vary;
use crate::tier::laws::{find, key, put};

mod faults;
mod purges;

/// A tier in a folder of its own, for the laws; one that `flushes` has nothing waiting, so that all is read from files.
#[derive(Debug)]
pub(in crate::tier) struct Scratch {
    disk: Disk,
    flushes: bool,
    _dir: TempDir,
}

impl Scratch {
    pub(in crate::tier) fn new(flushes: bool) -> Self {
        let dir = TempDir::new().unwrap();
        Self { disk: Disk::open(Config::new(dir.path(), 1 << 20)).unwrap(), flushes, _dir: dir }
    }
}

impl Tier for Scratch {
    fn name(&self) -> &'static str {
        self.disk.name()
    }

    fn find(&self, key: &CacheKey, wanted: &Wanted<'_>) -> Option<Arc<Entry>> {
        self.disk.find(key, wanted)
    }

    fn stored(&self, key: &CacheKey) -> Vec<Arc<Entry>> {
        self.disk.stored(key)
    }

    fn put(&self, key: &CacheKey, entry: Arc<Entry>, still: &dyn Fn() -> bool) -> bool {
        let kept = self.disk.put(key, entry, still);
        if self.flushes {
            self.disk.flush();
        }
        kept
    }

    fn purge(&self, what: Purge<'_>, soft: bool) -> Dropped {
        self.disk.purge(what, soft)
    }

    fn usage(&self) -> Usage {
        self.disk.usage()
    }
}

/// A tier without threads.
fn still(dir: &TempDir, max_bytes: u64) -> Disk {
    Disk::open_on(Config::new(dir.path(), max_bytes), Arc::new(Plain)).unwrap()
}

/// Does all that a tier without threads has to do.
fn work(disk: &Disk) {
    disk.shared.shelf.lock().chores.is_closing = true;
    writer::run(&disk.shared);
    disk.shared.shelf.lock().chores.is_closing = false;
}

/// The files of entries.
fn files(dir: &TempDir) -> Vec<PathBuf> {
    let shards = fs::read_dir(dir.path().join("v1")).unwrap().map(|shard| shard.unwrap().path());
    shards.flat_map(|shard| fs::read_dir(shard).unwrap().map(|file| file.unwrap().path())).collect()
}

fn path(disk: &Disk, name: usize) -> PathBuf {
    disk.shared.folder.file(Name::new(&key(name), &Vary::default()))
}

fn tagged(tag: &'static str) -> Arc<Entry> {
    let response = Response::builder().header("cache-tag", tag).body(Bytes::from_static(b"x")).unwrap();
    Arc::new(Entry::new(response, &HeaderMap::new(), &Policy::image(), jiff::Timestamp::UNIX_EPOCH))
}

fn accepting(accept: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::from_static(accept))])
}

fn varied(accept: &'static str) -> Arc<Entry> {
    let response = Response::builder().header("vary", "accept").body(Bytes::from(accept)).unwrap();
    Arc::new(Entry::new(response, &accepting(accept), &Policy::image(), jiff::Timestamp::UNIX_EPOCH))
}

#[test]
fn what_was_kept_is_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let disk = Disk::open(Config::new(dir.path(), 1 << 20)).unwrap();
    for name in 0..20 {
        assert!(put(&disk, name, 1000 + name));
    }
    drop(disk);
    let disk = still(&dir, 1 << 20);
    for name in 0..20 {
        assert_eq!(find(&disk, name).unwrap().body, vec![7; 1000 + name], "before the scan has come there");
    }
    scan::ensure_all(&disk.shared);
    assert_eq!((disk.usage().entries, disk.usage().bytes), (20, 20 * 4096));
    assert!(find(&disk, 20).is_none());
}

#[test]
fn entries_of_one_key_are_told_apart_by_their_selecting_fields() {
    let dir = TempDir::new().unwrap();
    for (written, accept) in [(false, "image/webp"), (true, "image/avif")] {
        let disk = still(&dir, 1 << 20);
        assert!(disk.put(&key(1), varied(accept), &|| true));
        for accept in if written { &["image/webp", "image/avif"][..] } else { &["image/webp"] } {
            let policy = Policy::image();
            let found = |accept| disk.find(&key(1), &Wanted { headers: &accepting(accept), policy: &policy });
            assert_eq!(found(accept).unwrap().body, accept);
            assert!(found("image/png").is_none());
        }
        work(&disk);
        assert_eq!(disk.stored(&key(1)).len(), if written { 2 } else { 1 });
    }
}

#[test]
fn a_response_fetched_before_the_one_that_is_there_is_refused() {
    let at = |nanosecond, body: &'static str| {
        let response = Response::builder().body(Bytes::from(body)).unwrap();
        let now = jiff::Timestamp::new(1, nanosecond).unwrap();
        Arc::new(Entry::new(response, &HeaderMap::new(), &Policy::image(), now))
    };
    for (state, written, restarted) in [("waiting", false, false), ("written", true, false), ("old", true, true)] {
        let dir = TempDir::new().unwrap();
        let mut disk = still(&dir, 1 << 20);
        assert!(disk.put(&key(1), at(2, "newer"), &|| true));
        if written {
            work(&disk);
        }
        if restarted {
            drop(disk);
            disk = still(&dir, 1 << 20);
            scan::ensure_all(&disk.shared);
        }
        assert!(!disk.put(&key(1), at(1, "older"), &|| true), "{state}");
        work(&disk);
        assert_eq!(find(&disk, 1).unwrap().body, "newer", "{state}");
        assert_eq!((disk.usage().entries, disk.counts().refused), (1, 0), "{state}: the disk is in order");
        assert!(disk.put(&key(1), at(2, "as young"), &|| true), "{state}");
        assert_eq!(find(&disk, 1).unwrap().body, "as young", "{state}");
    }
}

#[test]
fn one_key_has_a_bounded_number_of_entries() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 16 << 20);
    for number in 0..100 {
        let accept: &'static str = Box::leak(format!("image/{number}").into_boxed_str());
        disk.put(&key(1), varied(accept), &|| true);
    }
    work(&disk);
    assert_eq!((disk.stored(&key(1)).len(), files(&dir).len()), (64, 64));
}

#[test]
fn a_file_that_is_cut_changed_or_foreign_is_a_miss_and_is_removed() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    put(&disk, 1, 100);
    work(&disk);
    let whole = fs::read(path(&disk, 1)).unwrap();
    let mut spoilt: Vec<Vec<u8>> = (0..whole.len()).map(|len| whole[..len].to_vec()).collect();
    spoilt.extend((0..whole.len()).map(|at| {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        flipped
    }));
    spoilt.push([&whole[..], &[0]].concat());
    spoilt.push(vec![0; 1 << 20]);
    for (round, bytes) in spoilt.iter().enumerate() {
        fs::write(path(&disk, 1), bytes).unwrap();
        assert!(find(&disk, 1).is_none(), "known, {round}");
        work(&disk);
        assert!(!path(&disk, 1).exists(), "known, {round}");
        put(&disk, 1, 100);
        work(&disk);
    }
    assert_eq!(disk.counts().corrupt, spoilt.len() as u64);
    drop(disk);
    for (round, bytes) in spoilt.iter().enumerate().step_by(7) {
        let disk = still(&dir, 1 << 20);
        fs::write(path(&disk, 1), bytes).unwrap();
        assert!(find(&disk, 1).is_none(), "met at the start, {round}");
        work(&disk);
        assert!(!path(&disk, 1).exists(), "met at the start, {round}");
    }
}

#[test]
fn a_file_under_anothers_name_is_never_served() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    put(&disk, 1, 100);
    put(&disk, 2, 200);
    work(&disk);
    fs::copy(path(&disk, 1), path(&disk, 2)).unwrap();
    assert!(find(&disk, 2).is_none());
    put(&disk, 2, 200);
    work(&disk);
    drop(disk);
    let disk = still(&dir, 1 << 20);
    fs::copy(path(&disk, 1), path(&disk, 2)).unwrap();
    assert!(find(&disk, 2).is_none());
    assert_eq!(find(&disk, 1).unwrap().body.len(), 100);
}

#[test]
fn over_the_bound_entries_go_at_the_start_too() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    for name in 0..100 {
        put(&disk, name, 5000);
    }
    work(&disk);
    drop(disk);
    let disk = still(&dir, 10 * 8192);
    scan::ensure_all(&disk.shared);
    work(&disk);
    assert_eq!((disk.usage().entries, disk.usage().bytes), (10, 10 * 8192));
    assert_eq!((files(&dir).len(), disk.usage().evictions), (10, 90));
    assert_eq!((0..100).filter(|name| find(&disk, *name).is_some()).count(), 10);
}

#[test]
fn a_tier_stays_within_its_bytes_and_keeps_what_is_asked_for() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 50 * 4096);
    for name in 0..500 {
        put(&disk, name % 300, 3000);
        for favourite in 0..5 {
            find(&disk, favourite);
        }
        work(&disk);
        assert!(disk.usage().bytes <= 50 * 4096 && files(&dir).len() <= 50);
    }
    assert_eq!((0..5).filter(|name| find(&disk, *name).is_some()).count(), 5);
    assert!(!put(&disk, 1, 1 << 20), "larger than the tier");
    work(&disk);
    assert!(find(&disk, 1).is_none() && !path(&disk, 1).exists(), "the older one is gone even so");
}

#[test]
fn what_does_not_fit_into_the_queue_is_not_kept() {
    let dir = TempDir::new().unwrap();
    let config = Config { max_queue_bytes: 10_000, ..Config::new(dir.path(), 1 << 20) };
    let disk = Disk::open_on(config, Arc::new(Plain)).unwrap();
    let kept = (0..10).filter(|name| put(&disk, *name, 3000)).count();
    assert_eq!((kept, disk.counts().refused), (3, 7));
    work(&disk);
    assert!(put(&disk, 9, 3000), "the queue is empty again");
}

#[test]
fn a_second_process_is_refused_until_the_first_has_left() {
    let dir = TempDir::new().unwrap();
    let first = still(&dir, 1 << 20);
    let refused = Disk::open(Config::new(dir.path(), 1 << 20)).unwrap_err();
    assert!(matches!(refused, Error::Busy { .. }));
    assert!(refused.to_string().contains("another process"));
    drop(first);
    assert!(Disk::open(Config::new(dir.path(), 1 << 20)).is_ok());
}

#[test]
fn what_was_being_written_when_the_last_process_was_killed_is_removed() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    put(&disk, 1, 100);
    work(&disk);
    let half = fs::read(path(&disk, 1)).unwrap()[..50].to_vec();
    drop(disk);
    fs::write(dir.path().join("tmp/17"), half).unwrap();
    let disk = still(&dir, 1 << 20);
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    assert!(find(&disk, 1).is_some());
}

#[test]
fn the_room_of_a_purge_of_everything_is_freed_bit_by_bit_and_after_a_restart_too() {
    let dir = TempDir::new().unwrap();
    let trash = || fs::read_dir(dir.path().join("trash")).unwrap().count();
    let disk = still(&dir, 1 << 20);
    for _ in 0..2 {
        put(&disk, 1, 100);
        put(&disk, 2, 100);
        work(&disk);
        assert_eq!(disk.purge(Purge::All, false).entries, 2);
    }
    assert_eq!(trash(), 2);
    drop(disk);
    let disk = Disk::open(Config::new(dir.path(), 1 << 20)).unwrap();
    disk.flush();
    assert_eq!(trash(), 0);
}

#[test]
fn files_that_are_not_ours_are_left_alone() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    put(&disk, 1, 100);
    work(&disk);
    let stranger = path(&disk, 1).with_file_name("README");
    fs::write(&stranger, "hello").unwrap();
    drop(disk);
    let disk = still(&dir, 1 << 20);
    scan::ensure_all(&disk.shared);
    work(&disk);
    assert_eq!((disk.usage().entries, disk.counts().corrupt), (1, 0));
    assert!(stranger.exists());
}
