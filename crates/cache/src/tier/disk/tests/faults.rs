//! A disk that is full, broken or slow, and what happens in the middle of a write.

use std::fs::{File, ReadDir};
use std::io::Write;
use std::sync::OnceLock;

use super::*;

/// A medium on which files may grow to a limit, and no further.
#[derive(Debug, Default)]
struct Full(AtomicU64);

struct Limited {
    file: Box<dyn Write>,
    left: usize,
}

impl Medium for Full {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write>> {
        let left = usize::try_from(self.0.load(Ordering::Relaxed)).unwrap();
        Ok(Box::new(Limited { file: Plain.create(path)?, left }))
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.write(&bytes[..bytes.len().min(self.left)])?;
        self.left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A medium on which something happens just before a file is written.
#[derive(Debug, Default)]
struct Meanwhile {
    disk: OnceLock<Arc<Shared>>,
    soft: bool,
}

impl Medium for Meanwhile {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write>> {
        if let Some(shared) = self.disk.get() {
            let what = Purge::Key(&key(1));
            if self.soft {
                shared.soft_purge(what)
            } else {
                shared.purge(what)
            };
        }
        Plain.create(path)
    }
}

/// A medium on which everything is purged just after the trash was listed.
#[derive(Debug, Default)]
struct PurgedWhileSwept(OnceLock<Arc<Shared>>);

impl Medium for PurgedWhileSwept {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write>> {
        Plain.create(path)
    }

    fn list(&self, path: &Path) -> io::Result<ReadDir> {
        let Some(shared) = self.0.get().filter(|_| path.ends_with("trash")) else { return Plain.list(path) };
        shared.purge_all();
        // As the trash was before: empty.
        Plain.list(&path.with_file_name("tmp"))
    }
}

/// A medium that is out of order for a while: files cannot be opened, or folders not listed.
#[derive(Debug, Default)]
struct Troubled {
    opens_fail: AtomicBool,
    lists_fail: AtomicBool,
}

impl Troubled {
    /// The error that is no fault of a file.
    fn fail(fails: &AtomicBool) -> io::Result<()> {
        const EMFILE: i32 = 24;
        if fails.load(Ordering::Relaxed) { Err(io::Error::from_raw_os_error(EMFILE)) } else { Ok(()) }
    }
}

impl Medium for Troubled {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write>> {
        Plain.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        Self::fail(&self.opens_fail)?;
        Plain.open(path)
    }

    fn list(&self, path: &Path) -> io::Result<ReadDir> {
        Self::fail(&self.lists_fail)?;
        Plain.list(path)
    }
}

/// A tier of a former process's folder, in which entry 1 has the tag `a`, on a medium that is out of order.
fn troubled(dir: &TempDir, opens_fail: bool, lists_fail: bool) -> (Disk, Arc<Troubled>) {
    let disk = still(dir, 1 << 20);
    disk.put(&key(1), tagged("a"), &|| true);
    work(&disk);
    drop(disk);
    let medium = Arc::new(Troubled { opens_fail: opens_fail.into(), lists_fail: lists_fail.into() });
    let config = Config::new(dir.path(), 1 << 20);
    (Disk::open_on(config, Arc::clone(&medium) as Arc<dyn Medium>).unwrap(), medium)
}

fn temporaries(dir: &TempDir) -> usize {
    fs::read_dir(dir.path().join("tmp")).unwrap().count()
}

#[test]
fn a_full_disk_stops_writes_and_not_reads() {
    let dir = TempDir::new().unwrap();
    let medium = Arc::new(Full::default());
    medium.0.store(u64::MAX, Ordering::Relaxed);
    let config = |retry_pause| Config { retry_pause, ..Config::new(dir.path(), 1 << 20) };
    let disk = Disk::open_on(config(Duration::MAX / 4), Arc::clone(&medium) as Arc<dyn Medium>).unwrap();
    put(&disk, 1, 1000);
    work(&disk);
    medium.0.store(500, Ordering::Relaxed);
    for name in [2, 3, 4] {
        assert!(put(&disk, name, 1000), "nobody knows yet");
    }
    work(&disk);
    assert_eq!((disk.counts().write_errors, temporaries(&dir), files(&dir).len()), (1, 0, 1));
    assert!(find(&disk, 1).is_some());
    assert!((2..5).all(|name| find(&disk, name).is_none()));
    assert!(!put(&disk, 5, 1000), "not tried before the pause is over");
    assert!(!put(&disk, 1, 2000));
    work(&disk);
    assert!(find(&disk, 1).is_none() && files(&dir).is_empty(), "the older one is gone even so");
    assert_eq!((disk.usage().entries, disk.usage().bytes, disk.counts().write_errors), (0, 0, 1));
    drop(disk);

    let disk = Disk::open_on(config(Duration::ZERO), Arc::clone(&medium) as Arc<dyn Medium>).unwrap();
    put(&disk, 1, 1000);
    work(&disk);
    assert_eq!(disk.counts().write_errors, 1);
    medium.0.store(u64::MAX, Ordering::Relaxed);
    assert!(put(&disk, 1, 1000), "the pause is over");
    work(&disk);
    assert_eq!((disk.counts().writes, files(&dir).len()), (1, 1));
    assert!(disk.shared.shelf.lock().is_in_order());
}

#[test]
fn a_folder_that_breaks_away_stops_writes_until_it_is_back() {
    let dir = TempDir::new().unwrap();
    let config = Config { retry_pause: Duration::ZERO, ..Config::new(dir.path(), 1 << 20) };
    let disk = Disk::open_on(config, Arc::new(Plain)).unwrap();
    put(&disk, 1, 1000);
    work(&disk);
    fs::rename(dir.path().join("tmp"), dir.path().join("gone")).unwrap();
    put(&disk, 2, 1000);
    work(&disk);
    assert!(find(&disk, 1).is_some() && find(&disk, 2).is_none());
    fs::rename(dir.path().join("gone"), dir.path().join("tmp")).unwrap();
    put(&disk, 2, 1000);
    work(&disk);
    assert_eq!((files(&dir).len(), disk.counts().write_errors), (2, 1));
}

#[test]
fn a_file_that_vanished_is_a_miss() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    put(&disk, 1, 1000);
    work(&disk);
    fs::remove_file(path(&disk, 1)).unwrap();
    assert!(find(&disk, 1).is_none());
    assert_eq!((disk.usage().entries, disk.usage().bytes, disk.counts().read_errors), (0, 0, 1));
}

#[test]
fn a_file_that_the_scan_cannot_read_is_removed_lest_it_is_met_again() {
    for purged in [false, true] {
        let dir = TempDir::new().unwrap();
        let (disk, medium) = troubled(&dir, true, false);
        assert!(find(&disk, 1).is_none());
        assert_eq!((disk.counts().read_errors, disk.counts().corrupt), (1, 0));
        medium.opens_fail.store(false, Ordering::Relaxed);
        if purged {
            disk.purge(Purge::Key(&key(1)), false);
        } else {
            work(&disk);
        }
        assert!(files(&dir).is_empty(), "purged: {purged}");
    }
}

#[test]
fn a_shard_that_cannot_be_listed_is_scanned_when_it_can_be() {
    let dir = TempDir::new().unwrap();
    let (disk, medium) = troubled(&dir, false, true);
    assert!(find(&disk, 1).is_none());
    scan::ensure_all(&disk.shared);
    assert!(!disk.counts().is_scanned);
    medium.lists_fail.store(false, Ordering::Relaxed);
    assert!(find(&disk, 1).is_some());
    assert_eq!(disk.usage().bytes, 4096);
    scan::ensure_all(&disk.shared);
    assert!(disk.counts().is_scanned);
}

#[test]
fn the_scan_tries_again_by_itself_what_could_not_be_listed() {
    let dir = TempDir::new().unwrap();
    let medium = Arc::new(Troubled { lists_fail: true.into(), ..Troubled::default() });
    let config = Config { retry_pause: Duration::ZERO, ..Config::new(dir.path(), 1 << 20) };
    let disk = Disk::open_on(config, Arc::clone(&medium) as Arc<dyn Medium>).unwrap().with_threads().unwrap();
    while disk.counts().read_errors < SHARDS as u64 {
        thread::yield_now();
    }
    assert!(!disk.counts().is_scanned);
    medium.lists_fail.store(false, Ordering::Relaxed);
    while !disk.counts().is_scanned {
        thread::yield_now();
    }
}

#[test]
fn what_a_purge_could_not_see_is_not_served_when_it_is_met() {
    let purges =
        [(Purge::Key(&key(1)), false), (Purge::Key(&key(1)), true), (Purge::Tag("a"), false), (Purge::All, true)];
    for (what, soft) in purges {
        let dir = TempDir::new().unwrap();
        let (disk, medium) = troubled(&dir, false, true);
        disk.purge(what, soft);
        medium.lists_fail.store(false, Ordering::Relaxed);
        assert!(find(&disk, 1).is_none_or(|entry| entry.head.is_soft_purged()), "{what:?}, {soft}");
        work(&disk);
        drop(disk);
        let disk = still(&dir, 1 << 20);
        assert!(find(&disk, 1).is_none_or(|entry| entry.head.is_soft_purged()), "{what:?}, {soft}, after a restart");
    }
}

#[test]
fn what_is_put_after_a_purge_that_could_not_see_is_kept() {
    let dir = TempDir::new().unwrap();
    let (disk, medium) = troubled(&dir, false, true);
    disk.purge(Purge::Key(&key(1)), false);
    assert!(put(&disk, 1, 1000));
    work(&disk);
    medium.lists_fail.store(false, Ordering::Relaxed);
    scan::ensure_all(&disk.shared);
    work(&disk);
    assert_eq!(find(&disk, 1).unwrap().body.len(), 1000);
}

#[test]
fn a_purge_in_the_middle_of_a_write_is_not_undone() {
    for soft in [false, true] {
        let dir = TempDir::new().unwrap();
        let medium = Arc::new(Meanwhile { soft, ..Meanwhile::default() });
        let disk = Disk::open_on(Config::new(dir.path(), 1 << 20), Arc::clone(&medium) as Arc<dyn Medium>).unwrap();
        scan::ensure_all(&disk.shared);
        medium.disk.set(Arc::clone(&disk.shared)).unwrap();
        put(&disk, 1, 1000);
        put(&disk, 2, 1000);
        work(&disk);
        assert_eq!((files(&dir).len(), temporaries(&dir)), (if soft { 2 } else { 1 }, 0));
        assert_eq!(find(&disk, 1).map(|entry| entry.head.is_soft_purged()), soft.then_some(true));
        assert!(!find(&disk, 2).unwrap().head.is_soft_purged());
        disk.shared.shelf.lock().assert_sound();
    }
}

#[test]
fn a_purge_of_everything_in_the_middle_of_a_sweep_is_swept_too() {
    let dir = TempDir::new().unwrap();
    let medium = Arc::new(PurgedWhileSwept::default());
    let disk = Disk::open_on(Config::new(dir.path(), 1 << 20), Arc::clone(&medium) as Arc<dyn Medium>).unwrap();
    put(&disk, 1, 1000);
    work(&disk);
    medium.0.set(Arc::clone(&disk.shared)).unwrap();
    writer::sweep(&disk.shared);
    assert!(files(&dir).is_empty());
    assert!(disk.shared.shelf.lock().chores.has_trash, "what the purge took away is to be swept");
}

#[test]
fn writers_readers_and_purges_at_once_leave_index_and_files_agreed() {
    let dir = TempDir::new().unwrap();
    let disk = Disk::open(Config::new(dir.path(), 40 * 4096)).unwrap();
    let variant = |name, step| CacheKey::new(format!("{}?w={step}", key(name)));
    thread::scope(|scope| {
        for worker in 0..4_usize {
            let disk = &disk;
            scope.spawn(move || {
                for step in 0..400 {
                    let name = (step * 7 + worker * 3) % 60;
                    match step % 9 {
                        0 => drop(disk.purge(Purge::Path(&key(name)), step % 2 == 0)),
                        1 => drop(disk.put(&variant(name, step), tagged("a"), &|| true)),
                        2..5 => drop(put(disk, name, 1000 + name)),
                        _ => assert!(find(disk, name).is_none_or(|found| found.body.len() == 1000 + name)),
                    }
                }
                if worker == 0 {
                    disk.purge(Purge::All, false);
                }
            });
        }
    });
    disk.flush();
    disk.shared.shelf.lock().assert_sound();
    let known = disk.usage();
    assert_eq!(files(&dir).len() as u64, known.entries);
    let found = (0..60).filter(|name| find(&disk, *name).is_some()).count();
    let variants = (0..60).flat_map(|name| (0..400).map(move |step| variant(name, step)));
    let variants = variants.filter(|key| !disk.stored(key).is_empty()).count();
    assert_eq!((found + variants) as u64, known.entries);
    drop(disk);
    let disk = still(&dir, 40 * 4096);
    scan::ensure_all(&disk.shared);
    assert_eq!((disk.usage().entries, disk.usage().bytes), (known.entries, known.bytes));
}
