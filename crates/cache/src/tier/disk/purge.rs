//! Purges: what is taken away is gone from the disk before the call returns, so that no restart brings it back.
//!
//! All happens under the gate: an entry that is being written gets its name before, and is found, or not at all. Called by
//! the tier, which has had scanned what the purge may name; where that failed, a later scan removes all that it meets.

use std::io;
use std::sync::atomic::Ordering;

use super::folder::{SHARDS, hash_key, shard_of};
use super::{Shared, scan, writer};
use crate::Purge;
use crate::tier::Dropped;

impl Shared {
    /// 1. forget, 2. remove the files, those of evicted entries too, 3. sync. Where there are none, nothing is touched.
    pub(super) fn purge(&self, what: Purge<'_>) -> Dropped {
        let _gate = self.gate.lock();
        self.distrust_unseen(what);
        let (dropped, names) = self.shelf.lock().purge(what);
        if names.is_empty() {
            return dropped;
        }
        let mut shards: Vec<usize> = names.iter().map(|name| name.shard()).collect();
        shards.sort_unstable();
        shards.dedup();
        let left = writer::remove(self, names);
        let failed = shards.into_iter().filter_map(|shard| self.folder.sync_shard(shard).err()).last();
        if !left.is_empty() || failed.is_some() {
            self.warn_of_return(failed);
        }
        // What could not be removed before may be tried again now.
        self.work.notify_all();
        dropped
    }

    /// One rename takes all files away, whether or not they are known.
    pub(super) fn purge_all(&self) -> Dropped {
        let _scanning = self.scanning.lock();
        let _gate = self.gate.lock();
        let cleared = self.folder.clear();
        let mut shelf = self.shelf.lock();
        let dropped = shelf.clear();
        shelf.chores.has_trash = true;
        drop(shelf);
        (0..SHARDS).for_each(|shard| scan::mark_scanned(self, shard));
        self.work.notify_all();
        if let Err(error) = cleared {
            self.counters.write_errors.fetch_add(1, Ordering::Relaxed);
            self.warn_of_return(Some(error));
        }
        dropped
    }

    pub(super) fn soft_purge(&self, what: Purge<'_>) -> Dropped {
        let _gate = self.gate.lock();
        self.distrust_unseen(what);
        let (dropped, names) = self.shelf.lock().soft_purge(what);
        let mut failed = None;
        for name in names {
            match self.folder.mark(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => failed = Some(error),
                _ => {}
            }
        }
        if failed.is_some() {
            self.counters.write_errors.fetch_add(1, Ordering::Relaxed);
            self.warn_of_return(failed);
        }
        dropped
    }

    /// Sees to it that no scan brings back what could not be listed. The gate must be held: a scan that is under way meets
    /// nothing meanwhile.
    fn distrust_unseen(&self, what: Purge<'_>) {
        let shards = match what {
            Purge::Key(key) | Purge::Path(key) => {
                let shard = shard_of(hash_key(key));
                shard..shard + 1
            }
            Purge::Tag(_) | Purge::All => 0..SHARDS,
        };
        let mut is_unseen = false;
        for shard in shards.filter(|shard| !scan::is_scanned(self, *shard)) {
            self.shelf.lock().distrust(shard);
            is_unseen = true;
        }
        if is_unseen {
            self.warn_of_return(None);
        }
    }

    fn warn_of_return(&self, error: Option<io::Error>) {
        let dir = self.folder.path().display();
        tracing::warn!(?error, %dir, "files could not be reached: what was purged may come back after a restart");
    }
}
