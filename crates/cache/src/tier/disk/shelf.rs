//! The shelf: which entries there are, which of them still wait to be written, and which files must go.
//!
//! It is the truth while the process runs; files follow it. An entry is found from memory until its file is published. A
//! name whose slot goes away is doomed until its file is removed, by the writer or by the next purge, or replaced.
//!
//! Lives under the tier's one short lock, so nothing here does I/O; the tier, the writer and the scan call it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use orbit_model::CacheKey;

use super::folder::{Name, hash_key, hash_names, hash_vary};
use super::record;
use super::slots::{End, Slot, Slots};
use crate::policy::vary::Vary;
use crate::purge::before_query;
use crate::tier::Wanted;
use crate::{Entry, Head};

mod purge;
#[cfg(test)]
mod soundness;

/// The unit of room: what file systems give a file is a multiple of it, in bytes.
const BLOCK: u64 = 4096;
/// How many entries there may be under one key; the eldest gives way.
const MAX_VARIANTS: usize = 64;
/// How many kinds of `Vary` there may be before those that nothing uses are dropped.
const MIN_KINDS: usize = 64;

/// What is on the disk, or will be.
#[derive(Debug)]
pub(super) struct Shelf {
    slots: Slots,
    /// One `Vary` for each list of names, by its hash: slots share them.
    kinds: HashMap<u64, Arc<Vary>>,
    max_kinds: usize,
    tag_hasher: RandomState,
    /// By ticket. Each has a slot with that ticket, and a place in `queue`.
    waiting: HashMap<u64, Arc<Waiting>>,
    /// Tickets in the order in which they are written; those that are not in `waiting` are leftovers.
    queue: VecDeque<u64>,
    queue_bytes: u64,
    max_queue_bytes: u64,
    /// Names of which a file may be left, and which have no slot, or one that still waits for its own file; those of
    /// a key side by side.
    doomed: BTreeSet<Name>,
    /// Shards that a purge could not see: what a scan comes across there is doomed, for the purge may have named it.
    distrusted: BTreeSet<usize>,
    bytes: u64,
    max_bytes: u64,
    evictions: u64,
    next_ticket: u64,
    /// Set by a failed write, until one succeeds: before that instant none is tried.
    paused_until: Option<Instant>,
    /// What the writer is told besides.
    pub(super) chores: Chores,
}

/// What the writer is told, and tells, besides what it has to write.
#[derive(Debug, Default)]
pub(super) struct Chores {
    /// It is to end once nothing waits.
    pub(super) is_closing: bool,
    /// It is at work, outside the lock.
    pub(super) is_busy: bool,
    /// Files could not be removed: that is tried again when something is written, or purged.
    pub(super) is_stuck: bool,
    /// The trash is to be swept.
    pub(super) has_trash: bool,
}

/// An entry that is not written yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) name: Name,
    /// Given by the shelf.
    pub(super) ticket: u64,
    pub(super) key: CacheKey,
    pub(super) entry: Arc<Entry>,
    /// The head as the file has it.
    pub(super) head: Vec<u8>,
}

/// Where an entry is to be found.
#[derive(Debug)]
pub(super) enum Place {
    /// Here, and whether a soft purge made it stale: its head, which the memory tier may share, doesn't say so.
    Waiting { entry: Arc<Entry>, is_soft_purged: bool },
    /// In its file, which is no longer than `max_len`.
    File { name: Name, ticket: u64, max_len: u64 },
}

/// An entry that a scan came across.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) name: Name,
    /// Whether its key has a query.
    pub(super) has_query: bool,
    pub(super) head: Head,
    pub(super) file_len: u64,
}

impl Shelf {
    pub(super) fn new(max_bytes: u64, max_queue_bytes: u64) -> Self {
        Self {
            slots: Slots::new(),
            kinds: HashMap::new(),
            max_kinds: MIN_KINDS,
            tag_hasher: RandomState::new(),
            waiting: HashMap::new(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            max_queue_bytes,
            doomed: BTreeSet::new(),
            distrusted: BTreeSet::new(),
            bytes: 0,
            max_bytes,
            evictions: 0,
            next_ticket: 0,
            paused_until: None,
            chores: Chores::default(),
        }
    }

    /// Entries, their bytes, and evictions.
    pub(super) fn usage(&self) -> (u64, u64, u64) {
        (self.slots.len() as u64, self.bytes, self.evictions)
    }

    /// What the entries may take.
    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Whether the writer has something to do, or does it.
    pub(super) fn has_work(&self) -> bool {
        let Chores { is_busy, is_stuck, has_trash, .. } = self.chores;
        is_busy || has_trash || !self.waiting.is_empty() || (!self.doomed.is_empty() && !is_stuck)
    }

    /// Where the entry is that a request selects, the youngest of several; counts the use.
    pub(super) fn look(&mut self, key: &CacheKey, wanted: &Wanted<'_>) -> Option<Place> {
        let selects = |slot: &Slot| match &slot.vary {
            None => true,
            Some(kind) => hash_vary(&kind.for_request(wanted.headers, wanted.policy)) == slot.name.vary,
        };
        let selected = self.slots.under(hash_key(key)).filter(|(_, slot)| selects(slot));
        let (at, _) = selected.max_by_key(|(_, slot)| (slot.fetched_at, slot.ticket))?;
        self.slots.get_mut(at)?.is_visited = true;
        self.place(self.slots.get(at)?, key)
    }

    /// Where all entries under a key are.
    pub(super) fn look_all(&self, key: &CacheKey) -> Vec<Place> {
        self.slots.under(hash_key(key)).filter_map(|(_, slot)| self.place(slot, key)).collect()
    }

    fn place(&self, slot: &Slot, key: &CacheKey) -> Option<Place> {
        match self.waiting.get(&slot.ticket) {
            Some(waiting) => (waiting.key == *key).then(|| {
                let entry = Arc::clone(&waiting.entry);
                Place::Waiting { entry, is_soft_purged: slot.is_soft_purged }
            }),
            None => Some(Place::File { name: slot.name, ticket: slot.ticket, max_len: slot.bytes }),
        }
    }

    /// Whether a soft purge made the entry that was read stale; `None` where it has gone, or has been replaced, since its
    /// file was opened.
    pub(super) fn confirm(&self, name: Name, ticket: u64) -> Option<bool> {
        let slot = self.slots.get(self.slots.find(name)?)?;
        (slot.ticket == ticket).then_some(slot.is_soft_purged)
    }

    /// Drops the slot of a file that is no good.
    pub(super) fn discard(&mut self, name: Name, ticket: u64) {
        let at = self.slots.find(name).filter(|at| self.slots.get(*at).is_some_and(|slot| slot.ticket == ticket));
        if let Some(at) = at {
            self.remove(at);
        }
    }

    /// Whether there is an entry of that name.
    pub(super) fn knows(&self, name: Name) -> bool {
        self.slots.find(name).is_some()
    }

    /// Dooms the file of a name, unless a slot says that it is a good one.
    pub(super) fn doom(&mut self, name: Name) {
        let slot = self.slots.find(name).and_then(|at| self.slots.get(at));
        if slot.is_none_or(|slot| self.waiting.contains_key(&slot.ticket)) {
            self.doomed.insert(name);
        }
    }

    /// Whether the entry of that name was fetched later: a slow response comes after one that was asked for after it.
    pub(super) fn has_newer(&self, waiting: &Waiting) -> bool {
        let slot = self.slots.find(waiting.name).and_then(|at| self.slots.get(at));
        slot.is_some_and(|slot| slot.fetched_at > waiting.entry.head.fetched_at)
    }

    /// Takes an entry in, to be written; `false` where there is no room for it, or the disk is out of order at `now`. An
    /// older one of that name is gone either way.
    pub(super) fn offer(&mut self, waiting: Waiting, now: Instant) -> bool {
        let Waiting { name, .. } = waiting;
        if let Some(at) = self.slots.find(name) {
            self.remove(at);
        }
        let file_len = waiting.file_len();
        let bytes = room(file_len);
        let fits = bytes <= self.max_bytes
            && self.queue_bytes + file_len <= self.max_queue_bytes
            && waiting.head.len() <= record::MAX_HEAD;
        if !fits || self.paused_until.is_some_and(|until| now < until) {
            return false;
        }
        self.limit_variants(name.key);
        self.evict_to(self.max_bytes - bytes);
        let slot = Slot { has_query: waiting.has_query(), ..self.slot(name, &waiting.entry.head, bytes) };
        let ticket = slot.ticket;
        self.bytes += bytes;
        self.slots.insert(slot, End::Newest);
        self.queue_bytes += file_len;
        self.queue.push_back(ticket);
        self.waiting.insert(ticket, Arc::new(Waiting { ticket, ..waiting }));
        true
    }

    /// Takes in what a scan came across, unless something newer is known of that name. Where a purge could not see it,
    /// it is doomed.
    pub(super) fn adopt(&mut self, stray: &Stray) {
        if self.slots.find(stray.name).is_some() || self.doomed.contains(&stray.name) {
            return;
        }
        if self.distrusted.contains(&stray.name.shard()) {
            self.doomed.insert(stray.name);
            return;
        }
        let bytes = room(stray.file_len);
        let slot = Slot { has_query: stray.has_query, ..self.slot(stray.name, &stray.head, bytes) };
        self.bytes += slot.bytes;
        self.slots.insert(slot, End::Oldest);
        self.evict_to(self.max_bytes);
    }

    fn slot(&mut self, name: Name, head: &Head, bytes: u64) -> Slot {
        self.next_ticket += 1;
        Slot {
            name,
            ticket: self.next_ticket,
            fetched_at: head.fetched_at,
            bytes,
            vary: self.kind(&head.vary),
            tags: head.tags().map(|tag| self.tag_hasher.hash_one(tag)).collect(),
            has_query: false,
            is_soft_purged: head.is_soft_purged(),
            is_visited: false,
        }
    }

    fn kind(&mut self, vary: &Vary) -> Option<Arc<Vary>> {
        if vary.is_empty() {
            return None;
        }
        if self.kinds.len() >= self.max_kinds {
            self.kinds.retain(|_, kind| Arc::strong_count(kind) > 1);
            self.max_kinds = (self.kinds.len() * 2).max(MIN_KINDS);
        }
        let kind = self.kinds.entry(hash_names(vary.fields().map(|(name, _)| name)));
        Some(Arc::clone(kind.or_insert_with(|| Arc::new(vary.clone()))))
    }

    fn limit_variants(&mut self, key: u128) {
        if self.slots.under(key).count() >= MAX_VARIANTS {
            let eldest = self.slots.under(key).min_by_key(|(_, slot)| slot.fetched_at);
            if let Some((at, _)) = eldest {
                self.remove(at);
                self.evictions += 1;
            }
        }
    }

    fn evict_to(&mut self, max_bytes: u64) {
        while self.bytes > max_bytes {
            let Some(slot) = self.slots.evict() else { break };
            self.forget(&slot);
            self.evictions += 1;
        }
    }

    fn remove(&mut self, at: u32) -> u64 {
        let Some(slot) = self.slots.remove(at) else { return 0 };
        self.forget(&slot);
        slot.bytes
    }

    /// Settles what hangs on a slot that was taken out.
    fn forget(&mut self, slot: &Slot) {
        self.bytes -= slot.bytes;
        // One that waits has no file, and what was left of an older one is doomed since it came.
        if !self.forget_waiting(slot.ticket) {
            self.doomed.insert(slot.name);
        }
    }

    fn forget_waiting(&mut self, ticket: u64) -> bool {
        let waiting = self.waiting.remove(&ticket);
        if let Some(waiting) = &waiting {
            self.queue_bytes -= waiting.file_len();
        }
        waiting.is_some()
    }

    /// The next entry to write.
    pub(super) fn next_waiting(&mut self) -> Option<Arc<Waiting>> {
        while let Some(ticket) = self.queue.pop_front() {
            if let Some(waiting) = self.waiting.get(&ticket) {
                return Some(Arc::clone(waiting));
            }
        }
        None
    }

    /// Whether a soft purge made an entry stale that was written; `None` where it must not get its name, because a purge
    /// or something newer overtook it.
    pub(super) fn may_publish(&self, waiting: &Waiting) -> Option<bool> {
        self.waiting.get(&waiting.ticket)?;
        self.confirm(waiting.name, waiting.ticket)
    }

    /// Notes that an entry's file has its name, in place of any older one; tells whether writing had been failing.
    pub(super) fn published(&mut self, waiting: &Waiting) -> bool {
        if self.forget_waiting(waiting.ticket) {
            self.doomed.remove(&waiting.name);
        } else {
            // Evicted or replaced while it was renamed.
            self.doomed.insert(waiting.name);
        }
        self.paused_until.take().is_some()
    }

    /// Notes that a write failed: nothing that waits is kept, and none is tried until then; tells whether it had been
    /// failing before.
    pub(super) fn pause(&mut self, until: Instant) -> bool {
        let waiting: Vec<_> = self.waiting.values().map(|waiting| (waiting.name, waiting.ticket)).collect();
        for (name, ticket) in waiting {
            self.discard(name, ticket);
        }
        self.queue.clear();
        self.paused_until.replace(until).is_some()
    }

    /// Whether there may be files to remove.
    pub(super) fn has_doomed(&self) -> bool {
        !self.doomed.is_empty()
    }

    /// Takes the names of up to `max` files to remove.
    pub(super) fn take_doomed(&mut self, max: usize) -> Vec<Name> {
        std::iter::from_fn(|| self.doomed.pop_first()).take(max).collect()
    }
}

impl Waiting {
    /// Prepares an entry to be written.
    pub(super) fn new(key: &CacheKey, entry: Arc<Entry>) -> Self {
        let name = Name::new(key, &entry.head.vary);
        let head = record::encode_head(key, &entry.head);
        Self { name, ticket: 0, key: key.clone(), entry, head }
    }

    fn has_query(&self) -> bool {
        before_query(&self.key).is_some()
    }

    /// The length of its file.
    pub(super) fn file_len(&self) -> u64 {
        (record::PREAMBLE + self.head.len() + self.entry.body.len()) as u64
    }
}

/// What a file of that length takes on the disk.
fn room(file_len: u64) -> u64 {
    file_len.div_ceil(BLOCK) * BLOCK
}
