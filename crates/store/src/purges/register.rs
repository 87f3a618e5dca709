//! The register of edges and the end of the log, in memory: what the journal serves all questions from.
//!
//! Leases are measured by a clock that never jumps; it knows nothing of the wall's.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use orbit_model::{EventId, Notice, Position};
use tokio::time::Instant;

use super::{Attendance, Attending, FILL_LIFE, Follower, REMEMBERED, RETAINED, Reading};

/// What is known of the log and of who follows it.
#[derive(Debug)]
pub(super) struct Register {
    epoch: u64,
    /// The place of the last notice.
    last: EventId,
    /// All notices from after this place on are here.
    from: EventId,
    notices: VecDeque<(EventId, Notice, Instant)>,
    edges: BTreeMap<Follower, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    done: Option<Position>,
    filled: Option<Position>,
    until: Instant,
    /// The longest lease that it was lent.
    longest: Duration,
}

impl Register {
    /// A log that has been written up to `last`, and of which all after `from` is at hand.
    pub(super) fn new(epoch: u64, from: EventId, notices: Vec<(EventId, Notice)>, now: Instant) -> Self {
        let last = notices.last().map_or(from, |(place, _)| *place);
        let notices = notices.into_iter().map(|(place, notice)| (place, notice, now)).collect();
        Self { epoch, last, from, notices, edges: BTreeMap::new() }
    }

    pub(super) fn end(&self) -> Position {
        self.at(self.last)
    }

    fn at(&self, place: EventId) -> Position {
        Position { epoch: self.epoch, place }
    }

    /// The place of the purge that comes next.
    pub(super) fn next_purge(&self) -> EventId {
        EventId { millis: self.last.millis + 1, sequence: 0 }
    }

    /// The place of the fill that comes next: behind the last purge, for only purges are numbered for good.
    pub(super) fn next_fill(&self) -> EventId {
        EventId { millis: self.last.millis, sequence: self.last.sequence + 1 }
    }

    /// Adds a notice; the place up to which all is forgotten, where that has changed.
    pub(super) fn push(&mut self, place: EventId, notice: Notice, now: Instant) -> Option<EventId> {
        self.notices.push_back((place, notice, now));
        self.last = place;
        let mut forgotten = None;
        while self.notices.len() > RETAINED {
            let (place, ..) = self.notices.pop_front()?;
            self.from = place;
            forgotten = Some(place);
        }
        forgotten
    }

    #[cfg(test)]
    pub(super) fn forget_through(&mut self, place: EventId) {
        self.notices.retain(|(at, ..)| *at > place);
        self.from = place.max(self.from);
    }

    pub(super) fn read_after(&self, after: Option<Position>, limit: usize, now: Instant) -> Reading {
        let reaches = |after: &Position| {
            // Fills are not numbered for good, so only the purge of a place counts.
            after.epoch == self.epoch
                && after.place.millis >= self.from.millis
                && after.place.millis <= self.last.millis
        };
        let Some(after) = after.filter(reaches) else {
            return Reading { position: self.end(), reset: true, notices: Vec::new(), is_whole: true };
        };
        let start = self.notices.partition_point(|(place, ..)| *place <= after.place);
        let read = || self.notices.iter().skip(start).take(limit);
        let place = read().next_back().map_or(after.place.min(self.last), |(place, ..)| *place);
        let worth = |notice: &Notice, at: Instant| !matches!(notice, Notice::Fill(_)) || now - at < FILL_LIFE;
        let notices =
            read().filter(|(_, notice, at)| worth(notice, *at)).map(|(_, notice, _)| notice.clone()).collect();
        Reading { position: self.at(place), reset: false, notices, is_whole: place == self.last }
    }

    /// Whether an edge is entered as one that may be lent this.
    pub(super) fn knows(&self, follower: &Follower, lease: Duration) -> bool {
        self.edges.get(follower).is_some_and(|entry| entry.longest >= lease)
    }

    /// Takes note of an edge.
    pub(super) fn attend(&mut self, follower: &Follower, attendance: Attendance, now: Instant) {
        let known = self.edges.get(follower).copied();
        let mut entry = known.unwrap_or(Entry { done: None, filled: None, until: now, longest: Duration::ZERO });
        entry.done = attendance.done.or(entry.done);
        entry.filled = attendance.filled.or(entry.filled);
        entry.until = attendance.lease.map_or(entry.until, |lease| entry.until.max(now + lease));
        entry.longest = attendance.lease.unwrap_or_default().max(entry.longest);
        self.edges.insert(follower.clone(), entry);
    }

    pub(super) fn leave(&mut self, follower: &Follower) {
        self.edges.remove(follower);
    }

    /// Forgets who was cut off long ago, and an earlier life of an edge that has begun another; who they were.
    pub(super) fn forget(&mut self, now: Instant) -> Vec<Follower> {
        let runs = |entry: &Entry| entry.until > now;
        let mut lives: BTreeMap<String, Instant> = BTreeMap::new();
        for (follower, entry) in &self.edges {
            let latest = lives.entry(follower.name.clone()).or_insert(entry.until);
            *latest = entry.until.max(*latest);
        }
        let goes = |follower: &Follower, entry: &Entry| {
            let replaced = lives.get(&follower.name).is_some_and(|latest| *latest > entry.until);
            !runs(entry) && (replaced || now - entry.until > REMEMBERED)
        };
        let gone: Vec<Follower> = self
            .edges
            .iter()
            .filter(|(follower, entry)| goes(follower, entry))
            .map(|(follower, _)| follower.clone())
            .collect();
        for follower in &gone {
            self.edges.remove(follower);
        }
        gone
    }

    pub(super) fn edges(&self, now: Instant) -> Vec<Attending> {
        let attending = |(follower, entry): (&Follower, &Entry)| Attending {
            follower: follower.clone(),
            done: entry.done,
            filled: entry.filled,
            lease: entry.until.saturating_duration_since(now),
        };
        self.edges.iter().map(attending).collect()
    }

    /// Enters an edge of a former run, whose lease may run as long as it was lent for.
    pub(super) fn restore(&mut self, follower: Follower, lease: Duration, now: Instant) {
        self.edges.insert(follower, Entry { done: None, filled: None, until: now + lease, longest: lease });
    }
}
