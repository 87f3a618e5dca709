//! The disk tier: one file an entry, which survives restarts and kills, and what is known of all of them in memory.
//!
//! - `record`: an entry as bytes, whole or known not to be.
//! - `folder`: where files lie; the lock that keeps a second process out.
//! - `shelf` and `slots`: which entries there are, which wait to be written, which go next. The truth while we run.
//! - `writer`: the thread that writes and removes. `put` only hands it the entry, which is found from memory meanwhile.
//! - `purge`: what takes entries away for good, restarts included.
//! - `scan`: what a former process left, found in the background and, where someone needs it sooner, at once.
//!
//! Looking in waits for the disk, so the stack asks on a blocking thread. Whatever fails here is a miss that is counted.
//! The reasons are in docs/decisions/disk-tier.md.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use orbit_model::CacheKey;
use parking_lot::{Condvar, Mutex};

use self::folder::{Folder, Medium, Plain, SHARDS};
use self::shelf::{Place, Shelf, Waiting};
use super::{Dropped, Tier, Usage, Wanted};
use crate::{Entry, Head, Purge};

mod folder;
mod purge;
mod record;
mod scan;
mod shelf;
mod slots;
mod writer;

/// How often a file that was replaced while it was read is read again.
const MAX_READS: usize = 3;

/// Where and how much a disk tier keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder, made if it is missing; of one process at a time.
    pub dir: PathBuf,
    /// What all files together may take, in whole blocks of 4 KiB.
    pub max_bytes: u64,
    /// What may wait in memory to be written; what comes while that is full is not kept.
    pub max_queue_bytes: u64,
    /// How long nothing is written after a write has failed, and until the scan tries again what could not be listed.
    pub retry_pause: Duration,
}

impl Config {
    /// A tier in `dir` of up to `max_bytes`, with a queue of 64 MiB and a pause of 10 seconds.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, max_bytes: u64) -> Self {
        Self { dir: dir.into(), max_bytes, max_queue_bytes: 64 << 20, retry_pause: Duration::from_secs(10) }
    }
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has it.
    #[error("another process keeps its cache in {}; stop it, or give this one a folder of its own", dir.display())]
    Busy {
        /// The folder.
        dir: PathBuf,
    },
    /// The file system refused; the folder must be one that this process may write to.
    #[error("can't {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in "make".
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// What a disk tier did since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries written.
    pub writes: u64,
    /// Their bytes.
    pub written_bytes: u64,
    /// Writes and removals that failed.
    pub write_errors: u64,
    /// Files that could not be read, and folders that could not be listed.
    pub read_errors: u64,
    /// Files that were cut, changed or foreign, and were removed.
    pub corrupt: u64,
    /// Entries not kept, for want of room in the queue or because the disk is out of order.
    pub refused: u64,
    /// Whether everything is known that a former process left.
    pub is_scanned: bool,
}

#[derive(Debug, Default)]
struct Counters {
    writes: AtomicU64,
    written_bytes: AtomicU64,
    write_errors: AtomicU64,
    read_errors: AtomicU64,
    corrupt: AtomicU64,
    refused: AtomicU64,
}

/// Entries on disk. Dropping it writes what waits, then ends its threads.
#[derive(Debug)]
pub struct Disk {
    shared: Arc<Shared>,
    /// The writer and the scan; both end soon after `is_closing` is set.
    threads: Vec<JoinHandle<()>>,
}

/// What the tier shares with its threads. Locks are taken in the order `scanning`, `gate`, `shelf`.
#[derive(Debug)]
struct Shared {
    folder: Folder,
    retry_pause: Duration,
    counters: Counters,
    /// Held by whoever scans a shard.
    scanning: Mutex<()>,
    /// The shards that were scanned; set under `scanning`, never cleared.
    scanned: Box<[AtomicBool]>,
    /// Whether the last shard that was tried could not be listed; set under `scanning`.
    is_unlistable: AtomicBool,
    /// Held by whoever gives a file its name, marks it or removes it: a purge is over before or after, never in between.
    gate: Mutex<()>,
    /// Short: never held across I/O.
    shelf: Mutex<Shelf>,
    /// Says to the writer that there is work.
    work: Condvar,
    /// Says that the writer has nothing left to do.
    idle: Condvar,
}

impl Disk {
    /// Opens a folder. What it holds is there at once; over `max_bytes`, entries go in the background.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process has the folder, [`Error::Io`] where it cannot be written to.
    pub fn open(config: Config) -> Result<Self, Error> {
        let disk = Self::open_on(config, Arc::new(Plain))?;
        disk.with_threads()
    }

    fn open_on(config: Config, medium: Arc<dyn Medium>) -> Result<Self, Error> {
        let folder = Folder::open(&config.dir, medium)?;
        let mut shelf = Shelf::new(config.max_bytes, config.max_queue_bytes);
        shelf.chores.has_trash = true;
        let shared = Shared {
            folder,
            retry_pause: config.retry_pause,
            counters: Counters::default(),
            scanning: Mutex::new(()),
            scanned: (0..SHARDS).map(|_| AtomicBool::new(false)).collect(),
            is_unlistable: AtomicBool::new(false),
            gate: Mutex::new(()),
            shelf: Mutex::new(shelf),
            work: Condvar::new(),
            idle: Condvar::new(),
        };
        Ok(Self { shared: Arc::new(shared), threads: Vec::new() })
    }

    fn with_threads(mut self) -> Result<Self, Error> {
        self.start("orbit-disk", writer::run)?;
        self.start("orbit-disk-scan", scan::run)?;
        Ok(self)
    }

    fn start(&mut self, name: &str, run: fn(&Shared)) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared));
        self.threads.push(thread.map_err(Error::at("start a thread for", self.shared.folder.path()))?);
        Ok(())
    }

    /// Waits until everything that waits is written, or could not be, and all that must go is removed.
    pub fn flush(&self) {
        let mut shelf = self.shared.shelf.lock();
        while shelf.has_work() {
            self.shared.idle.wait(&mut shelf);
        }
    }

    /// What it did since its start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        Counts {
            writes: read(&counters.writes),
            written_bytes: read(&counters.written_bytes),
            write_errors: read(&counters.write_errors),
            read_errors: read(&counters.read_errors),
            corrupt: read(&counters.corrupt),
            refused: read(&counters.refused),
            is_scanned: scan::is_done(&self.shared),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.shelf.lock().chores.is_closing = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}

impl Tier for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn find(&self, key: &CacheKey, wanted: &Wanted<'_>) -> Option<Arc<Entry>> {
        self.shared.ensure_scanned(key);
        for _ in 0..MAX_READS {
            let place = self.shared.shelf.lock().look(key, wanted)?;
            match self.shared.read(key, place) {
                Read::Entry(entry) => return wanted.selects(&entry).then_some(entry),
                Read::Nothing => return None,
                Read::Overtaken => {}
            }
        }
        None
    }

    fn stored(&self, key: &CacheKey) -> Vec<Arc<Entry>> {
        self.shared.ensure_scanned(key);
        let places = self.shared.shelf.lock().look_all(key);
        let read = places.into_iter().map(|place| self.shared.read(key, place));
        read.filter_map(|read| if let Read::Entry(entry) = read { Some(entry) } else { None }).collect()
    }

    fn put(&self, key: &CacheKey, entry: Arc<Entry>, still: &dyn Fn() -> bool) -> bool {
        let waiting = Waiting::new(key, entry);
        let mut shelf = self.shared.shelf.lock();
        if !still() || shelf.has_newer(&waiting) {
            return false;
        }
        if !self.shared.is_scanned(key) {
            shelf.doom(waiting.name);
        }
        let kept = shelf.offer(waiting, Instant::now());
        drop(shelf);
        self.shared.work.notify_all();
        if !kept {
            self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        kept
    }

    fn purge(&self, what: Purge<'_>, soft: bool) -> Dropped {
        match what {
            Purge::Key(key) | Purge::Path(key) => self.shared.ensure_scanned(key),
            Purge::All if !soft => return self.shared.purge_all(),
            Purge::Tag(_) | Purge::All => scan::ensure_all(&self.shared),
        }
        if soft { self.shared.soft_purge(what) } else { self.shared.purge(what) }
    }

    fn usage(&self) -> Usage {
        let shelf = self.shared.shelf.lock();
        let (entries, bytes, evictions) = shelf.usage();
        Usage { entries, bytes, max_bytes: shelf.max_bytes(), evictions }
    }
}

/// What became of reading an entry.
enum Read {
    Entry(Arc<Entry>),
    Nothing,
    /// It was purged or replaced meanwhile.
    Overtaken,
}

impl Shared {
    fn is_scanned(&self, key: &CacheKey) -> bool {
        scan::is_scanned(self, folder::shard_of(folder::hash_key(key)))
    }

    fn ensure_scanned(&self, key: &CacheKey) {
        scan::ensure(self, folder::shard_of(folder::hash_key(key)));
    }

    fn read(&self, key: &CacheKey, place: Place) -> Read {
        let (name, ticket, max_len) = match place {
            Place::Waiting { entry, is_soft_purged } => {
                return Read::Entry(if is_soft_purged { marked(entry) } else { entry });
            }
            Place::File { name, ticket, max_len } => (name, ticket, max_len),
        };
        let file = self.folder.read(name, max_len);
        // Asked after reading: what was purged meanwhile must not come back by way of whoever reads.
        let Some(is_soft_purged) = self.shelf.lock().confirm(name, ticket) else { return Read::Overtaken };
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                self.counters.read_errors.fetch_add(1, Ordering::Relaxed);
                if error.kind() == io::ErrorKind::NotFound {
                    self.shelf.lock().discard(name, ticket);
                }
                return Read::Nothing;
            }
        };
        match record::decode(&file) {
            Some((found, entry)) if found == *key => {
                if is_soft_purged {
                    entry.head.soft_purge();
                }
                Read::Entry(Arc::new(entry))
            }
            _ => {
                self.counters.corrupt.fetch_add(1, Ordering::Relaxed);
                self.shelf.lock().discard(name, ticket);
                self.work.notify_all();
                Read::Nothing
            }
        }
    }
}

/// The same entry as a soft purge left it, with a head of its own.
fn marked(entry: Arc<Entry>) -> Arc<Entry> {
    if entry.head.is_soft_purged() {
        return entry;
    }
    let Head { status, headers, vary, fetched_at, freshness, .. } = &*entry.head;
    let head = Head::restore(*status, headers.clone(), vary.clone(), *fetched_at, *freshness);
    head.soft_purge();
    Arc::new(Entry { head: head.into(), body: entry.body.clone() })
}

#[cfg(test)]
pub(super) mod tests;
