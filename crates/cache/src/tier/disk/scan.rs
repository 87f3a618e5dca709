//! The scan: finds out what a former process left in the folder, shard by shard.
//!
//! A thread of its own goes through all shards; whoever needs a shard before that (a lookup, a purge) scans it at once,
//! so that every answer is right from the first moment. Only heads are read: a body is checked when it is asked for.
//! What is no record, or cannot be read, is removed. A shard that cannot be listed stays to be scanned: whoever needs it
//! tries again, and so does the thread. Over the bound, entries are evicted as they come.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::time::Instant;

use parking_lot::MutexGuard;

use super::Shared;
use super::folder::{Name, SHARDS};
use super::record::{PREAMBLE, Preamble};
use super::shelf::Stray;
use crate::purge::before_query;

/// What is read of a file at first: most heads are shorter, in bytes.
const FIRST_READ: usize = 2048;

/// Goes through all shards, again and again until each has been scanned, unless the tier is dropped before.
pub(super) fn run(shared: &Shared) {
    loop {
        for shard in 0..SHARDS {
            if shared.shelf.lock().chores.is_closing {
                return;
            }
            ensure(shared, shard);
        }
        if is_done(shared) {
            break;
        }
        if !pause(shared) {
            return;
        }
    }
    let (entries, bytes, evictions) = shared.shelf.lock().usage();
    tracing::info!(dir = %shared.folder.path().display(), entries, bytes, evictions, "the disk tier knows its entries");
}

/// Waits before the next round; `false` where the tier is dropped meanwhile.
fn pause(shared: &Shared) -> bool {
    let until = Instant::now() + shared.retry_pause;
    let mut shelf = shared.shelf.lock();
    while !shelf.chores.is_closing {
        if shared.work.wait_until(&mut shelf, until).timed_out() {
            return true;
        }
    }
    false
}

/// Scans all shards that have not been.
pub(super) fn ensure_all(shared: &Shared) {
    (0..SHARDS).for_each(|shard| ensure(shared, shard));
}

/// Scans a shard unless it has been; one that cannot be listed is left for another try.
pub(super) fn ensure(shared: &Shared, shard: usize) {
    if is_scanned(shared, shard) {
        return;
    }
    let scanning = shared.scanning.lock();
    if is_scanned(shared, shard) {
        return;
    }
    match scan(shared, shard) {
        Ok(()) => {
            mark_scanned(shared, shard);
            shared.is_unlistable.store(false, Ordering::Relaxed);
        }
        Err(error) => {
            shared.counters.read_errors.fetch_add(1, Ordering::Relaxed);
            if !shared.is_unlistable.swap(true, Ordering::Relaxed) {
                let dir = shared.folder.path().display();
                tracing::warn!(%error, %dir, shard, "the disk tier can't list a shard; it tries again");
            }
        }
    }
    // Handed over: the background scan would take it again at once, and a lookup wait for many shards.
    MutexGuard::unlock_fair(scanning);
}

/// Whether a shard has been scanned; one that does not exist counts as such.
pub(super) fn is_scanned(shared: &Shared, shard: usize) -> bool {
    shared.scanned.get(shard).is_none_or(|scanned| scanned.load(Ordering::Acquire))
}

/// Notes that nothing is to be found in a shard any more; `scanning` must be held.
pub(super) fn mark_scanned(shared: &Shared, shard: usize) {
    if let Some(scanned) = shared.scanned.get(shard) {
        scanned.store(true, Ordering::Release);
    }
}

/// Whether all shards have been scanned.
pub(super) fn is_done(shared: &Shared) -> bool {
    shared.scanned.iter().all(|scanned| scanned.load(Ordering::Acquire))
}

fn scan(shared: &Shared, shard: usize) -> io::Result<()> {
    for name in shared.folder.list(shard)? {
        // From the question to the answer no file comes or goes, so no slot is made for one that has just been removed.
        let gate = shared.gate.lock();
        if shared.shelf.lock().knows(name) {
            continue;
        }
        match read(shared, name) {
            Ok(Some(stray)) => shared.shelf.lock().adopt(&stray),
            Ok(None) => {
                shared.counters.corrupt.fetch_add(1, Ordering::Relaxed);
                shared.shelf.lock().doom(name);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => {
                // A copy may be lost; a file that nobody knows of would be missed by purges, and met at the next start.
                shared.counters.read_errors.fetch_add(1, Ordering::Relaxed);
                shared.shelf.lock().doom(name);
            }
        }
        MutexGuard::unlock_fair(gate);
    }
    shared.work.notify_all();
    Ok(())
}

/// Reads the head of a file; `None` where it is no record of that name.
fn read(shared: &Shared, name: Name) -> io::Result<Option<Stray>> {
    let (file, file_len) = shared.folder.open_file(name)?;
    let mut bytes = vec![0; FIRST_READ.min(usize::try_from(file_len).unwrap_or(FIRST_READ))];
    file.read_exact_at(&mut bytes, 0)?;
    let Some(preamble) = Preamble::read(&bytes).filter(|preamble| preamble.file_len() == Some(file_len)) else {
        return Ok(None);
    };
    let read = bytes.len();
    bytes.resize(PREAMBLE + preamble.head_len, 0);
    if let Some(rest) = bytes.get_mut(read..) {
        file.read_exact_at(rest, read as u64)?;
    }
    let head = preamble.read_head(&bytes[PREAMBLE..]);
    let named = head.filter(|(key, head)| Name::new(key, &head.vary) == name);
    Ok(named.map(|(key, head)| Stray { name, has_query: before_query(&key).is_some(), head, file_len }))
}
