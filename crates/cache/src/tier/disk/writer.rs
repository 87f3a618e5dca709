//! The writer: the one thread that writes and removes files, so that no request waits for that.
//!
//! An entry: 1. write it under a temporary name, 2. ask, under the gate, whether it is still wanted, 3. give it its name.
//! A purge takes the gate too, so it comes before the question or after the name: what it took away is never back.
//! Nothing is synced (see `folder`).
//!
//! A write that fails (a full disk, a read-only one, a broken one) drops all that waits, says so once, and nothing is
//! written until a pause is over; reading goes on. Started and joined by the tier.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Shared;
use super::folder::Name;
use super::record::preamble;
use super::shelf::Waiting;

/// How many files are removed at a time, so that a purge or a write need not wait for a long list.
const REMOVED_AT_ONCE: usize = 64;

/// What is to be done next.
enum Task {
    Write(Arc<Waiting>),
    Remove,
    Sweep,
    End,
}

/// Works until the tier is dropped and nothing waits.
pub(super) fn run(shared: &Shared) {
    let mut writes_first = true;
    loop {
        match next(shared, writes_first) {
            Task::Write(waiting) => write(shared, &waiting),
            Task::Remove => {
                let _gate = shared.gate.lock();
                let names = shared.shelf.lock().take_doomed(REMOVED_AT_ONCE);
                remove(shared, names);
            }
            Task::Sweep => sweep(shared),
            Task::End => return,
        }
        writes_first = !writes_first;
    }
}

/// Waits for a task. Writing and removing take turns, so that neither starves the other.
fn next(shared: &Shared, writes_first: bool) -> Task {
    let mut shelf = shared.shelf.lock();
    loop {
        shelf.chores.is_busy = true;
        if writes_first && let Some(waiting) = shelf.next_waiting() {
            return Task::Write(waiting);
        }
        if shelf.has_doomed() && !shelf.chores.is_stuck {
            return Task::Remove;
        }
        if shelf.chores.has_trash && !shelf.chores.is_closing {
            return Task::Sweep;
        }
        if let Some(waiting) = shelf.next_waiting() {
            return Task::Write(waiting);
        }
        shelf.chores.is_busy = false;
        shared.idle.notify_all();
        if shelf.chores.is_closing {
            return Task::End;
        }
        shared.work.wait(&mut shelf);
    }
}

fn write(shared: &Shared, waiting: &Waiting) {
    match try_write(shared, waiting) {
        Ok(false) => {}
        Ok(true) => {
            let bytes = waiting.file_len();
            shared.counters.writes.fetch_add(1, Ordering::Relaxed);
            shared.counters.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        Err(error) => {
            shared.counters.write_errors.fetch_add(1, Ordering::Relaxed);
            let had_failed = shared.shelf.lock().pause(Instant::now() + shared.retry_pause);
            if !had_failed {
                let dir = shared.folder.path().display();
                tracing::warn!(%error, %dir, "the disk tier can't write; it keeps nothing new until it can");
            }
        }
    }
}

/// Writes an entry unless it is no longer wanted.
fn try_write(shared: &Shared, waiting: &Waiting) -> io::Result<bool> {
    let body = &waiting.entry.body;
    let written_soft = waiting.entry.head.is_soft_purged();
    let temporary = shared.folder.write([&preamble(&waiting.head, body, written_soft), &waiting.head, body])?;
    let _gate = shared.gate.lock();
    let Some(is_soft_purged) = shared.shelf.lock().may_publish(waiting) else { return Ok(false) };
    if is_soft_purged && !written_soft {
        temporary.mark()?;
    }
    shared.folder.publish(temporary, waiting.name)?;
    let mut shelf = shared.shelf.lock();
    // The disk is in order again, so what could not be removed is tried again too.
    shelf.chores.is_stuck = false;
    if shelf.published(waiting) {
        tracing::info!(dir = %shared.folder.path().display(), "the disk tier can write again");
    }
    Ok(true)
}

/// Removes files; the gate must be held. Names of files that could not be removed come back, and are returned.
pub(super) fn remove(shared: &Shared, names: Vec<Name>) -> Vec<Name> {
    let mut failure = None;
    let mut left = Vec::new();
    for name in names {
        if let Err(error) = shared.folder.remove(name) {
            failure = Some(error);
            left.push(name);
        }
    }
    let mut shelf = shared.shelf.lock();
    left.iter().for_each(|name| shelf.doom(*name));
    let was_stuck = std::mem::replace(&mut shelf.chores.is_stuck, failure.is_some());
    if let Some(error) = failure
        && !was_stuck
    {
        shared.counters.write_errors.fetch_add(1, Ordering::Relaxed);
        let dir = shared.folder.path().display();
        tracing::warn!(%error, %dir, "the disk tier can't remove files; it tries again with the next write");
    }
    left
}

/// Frees some of the room that a purge of everything took away.
pub(super) fn sweep(shared: &Shared) {
    // Cleared first and only ever set afterwards: a purge of everything that comes meanwhile sets it too.
    shared.shelf.lock().chores.has_trash = false;
    match shared.folder.sweep() {
        Ok(true) => shared.shelf.lock().chores.has_trash = true,
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(%error, dir = %shared.folder.path().display(), "the disk tier can't empty its trash");
        }
    }
}
