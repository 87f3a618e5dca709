//! A fill: a body on its way from the upstream, read by any number of clients while it arrives.
//!
//! The one who pumps pushes pieces; each [`Reader`] has a place of its own and takes no more than is there. Pieces stay
//! until the fill ends, so that a reader may come at any time and begin at the first byte; then the whole that the tiers keep takes
//! their place, for those who still read. A fill that grows too large to be kept becomes a passage: nobody joins any more,
//! pieces go once the slowest reader has them, and the pump waits for that one, unless others wait with it for too long.
//!
//! Knows nothing of keys, policy or tiers; called by `lead` and by [`Body`](crate::Body).

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Error;
use crate::room::Room;

/// What a passage may hold for its slowest reader, in bytes.
const PASSAGE_BYTES: u64 = 1 << 20;

/// A body on its way.
pub(crate) struct Fill {
    /// Held for one step of the pump or of a reader, never across an await.
    state: Mutex<State>,
    /// Told whenever a reader of a passage has moved on and whenever one has left: the pump waits for it.
    moved: Notify,
    /// What the upstream says the length is.
    length: Option<u64>,
    /// What all fills of the cache hold; this one's share leaves with it.
    held_by_all: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    /// Pieces from number `first` on.
    pieces: VecDeque<Bytes>,
    first: usize,
    /// What the pieces hold, in bytes.
    held: u64,
    /// What has arrived in all, in bytes.
    arrived: u64,
    /// All of it, in place of the pieces, once it has come to its end.
    whole: Option<Bytes>,
    end: Option<Result<(), Error>>,
    places: Slab<Place>,
    /// Pieces that every reader has are dropped.
    is_passage: bool,
}

/// Where a reader stands.
#[derive(Debug, Default)]
struct Place {
    next: usize,
    /// What the pieces before `next` hold, in bytes.
    taken: usize,
    /// It kept others waiting for too long, and gets no more.
    is_cut_off: bool,
    waker: Option<Waker>,
}

impl Fill {
    pub(crate) fn new(length: Option<u64>, held_by_all: Arc<AtomicU64>) -> Self {
        Self { state: Mutex::default(), moved: Notify::new(), length, held_by_all }
    }

    /// Adds a piece and returns how many bytes have arrived by now.
    pub(crate) fn push(&self, piece: Bytes) -> u64 {
        let mut state = self.state.lock();
        let length = piece.len() as u64;
        self.held_by_all.fetch_add(length, Ordering::Relaxed);
        state.held += length;
        state.arrived += length;
        state.pieces.push_back(piece);
        let arrived = state.arrived;
        wake(state);
        arrived
    }

    /// Says that nothing more comes: all has arrived, or why it has not. What is said first counts.
    pub(crate) fn end(&self, how: Result<(), Error>) {
        let mut state = self.state.lock();
        state.end.get_or_insert(how);
        wake(state);
    }

    /// Says that all has arrived, as `whole`: who still reads takes it from there, and the pieces are free.
    pub(crate) fn finish(&self, whole: Bytes) {
        let mut state = self.state.lock();
        state.whole = Some(whole);
        state.end.get_or_insert(Ok(()));
        state.pieces = VecDeque::new();
        self.held_by_all.fetch_sub(std::mem::take(&mut state.held), Ordering::Relaxed);
        wake(state);
    }

    /// Turns the fill into a passage.
    pub(crate) fn pass(&self) {
        self.state.lock().is_passage = true;
    }

    /// How many read it now.
    pub(crate) fn readers(&self) -> usize {
        self.state.lock().places.len()
    }

    /// How many bytes are missing, where the length is known.
    pub(crate) fn missing(&self) -> Option<u64> {
        Some(self.length?.saturating_sub(self.state.lock().arrived))
    }

    /// Waits until a reader leaves the fill to nobody.
    pub(crate) async fn deserted(&self) {
        loop {
            self.moved.notified().await;
            if self.readers() == 0 {
                return;
            }
        }
    }

    /// Waits, in a passage, until the slowest reader has room for more. Who is not there after `patience`, while another reader has all that came and
    /// waits for the next piece, is cut off.
    pub(crate) async fn room(&self, patience: Duration) {
        let mut late = Instant::now() + patience;
        loop {
            {
                let mut state = self.state.lock();
                self.trim(&mut state);
                if state.held < PASSAGE_BYTES {
                    return;
                }
            }
            if tokio::time::timeout_at(late, self.moved.notified()).await.is_err() {
                self.cut_off_the_slowest();
                late = Instant::now() + patience;
            }
        }
    }

    fn cut_off_the_slowest(&self) {
        let mut state = self.state.lock();
        let reached = state.first + state.pieces.len();
        if !state.places.iter().any(|(_, place)| place.next == reached) {
            return;
        }
        let first = state.first;
        let slowest = state.places.iter_mut().map(|(_, place)| place).filter(|place| place.next == first);
        slowest.for_each(|place| place.is_cut_off = true);
        wake(state);
    }

    /// All that has arrived, in one piece of its own: as it came it may be slices of much larger buffers.
    pub(crate) fn whole(&self) -> Bytes {
        let state = self.state.lock();
        let mut whole = Room::of(usize::try_from(state.arrived).unwrap_or_default());
        let mut rest = &mut *whole;
        for piece in &state.pieces {
            let (part, after) = rest.split_at_mut(piece.len());
            part.copy_from_slice(piece);
            rest = after;
        }
        whole.close()
    }

    /// Drops the pieces that every reader of a passage has.
    fn trim(&self, state: &mut State) {
        let reached = state.first + state.pieces.len();
        let served = state.places.iter().map(|(_, place)| place).filter(|place| !place.is_cut_off);
        let slowest = served.map(|place| place.next).min().unwrap_or(reached);
        while state.first < slowest {
            let Some(piece) = state.pieces.pop_front() else { break };
            let length = piece.len() as u64;
            state.held -= length;
            state.first += 1;
            self.held_by_all.fetch_sub(length, Ordering::Relaxed);
        }
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.held_by_all.fetch_sub(self.state.get_mut().held, Ordering::Relaxed);
    }
}

impl fmt::Debug for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fill").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Wakes every waiting reader, once the lock is free.
fn wake(mut state: parking_lot::MutexGuard<'_, State>) {
    let waiting: Vec<Waker> = state.places.iter_mut().filter_map(|(_, place)| place.waker.take()).collect();
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}

/// One client's place in a fill.
#[derive(Debug)]
pub struct Reader {
    fill: Arc<Fill>,
    place: usize,
    /// Bytes to leave out first.
    skip: u64,
    /// Bytes to give after that; `None` is all.
    left: Option<u64>,
}

impl Reader {
    /// A place at the first byte; `None` where the first bytes are gone.
    pub(crate) fn join(fill: &Arc<Fill>) -> Option<Self> {
        let mut state = fill.state.lock();
        if state.is_passage {
            return None;
        }
        let place = state.places.insert(Place::default());
        drop(state);
        Some(Self { fill: Arc::clone(fill), place, skip: 0, left: None })
    }

    /// How long what it gives is, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.left.or(self.fill.length)
    }

    /// Gives only the bytes of `part`.
    pub(crate) fn slice(mut self, part: &Range<u64>) -> Self {
        self.skip = part.start;
        self.left = Some(part.end - part.start);
        self
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if self.left == Some(0) {
                return Poll::Ready(None);
            }
            let piece = match self.poll_piece(cx) {
                Poll::Ready(Some(Ok(piece))) => piece,
                other => return other,
            };
            let piece = self.cut(piece);
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(piece)));
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut state = self.fill.state.lock();
        let state = &mut *state;
        let Some(place) = state.places.get_mut(self.place) else { return Poll::Ready(None) };
        if place.is_cut_off {
            let reason = "this client was too slow for the others".to_owned();
            return Poll::Ready(Some(Err(Error::Unavailable(reason))));
        }
        if let Some(whole) = &state.whole {
            let rest = whole.slice(place.taken..);
            place.taken = whole.len();
            return Poll::Ready((!rest.is_empty()).then_some(Ok(rest)));
        }
        if let Some(piece) = state.pieces.get(place.next - state.first) {
            place.next += 1;
            place.taken += piece.len();
            if state.is_passage {
                self.fill.moved.notify_one();
            }
            return Poll::Ready(Some(Ok(piece.clone())));
        }
        match &state.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error.clone()))),
            None => {
                place.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// What of a piece lies in the part that is asked for.
    fn cut(&mut self, mut piece: Bytes) -> Bytes {
        let skipped = self.skip.min(piece.len() as u64);
        self.skip -= skipped;
        let _ = piece.split_to(usize::try_from(skipped).unwrap_or(piece.len()));
        if let Some(left) = &mut self.left {
            piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= piece.len() as u64;
        }
        piece
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.fill.state.lock().places.try_remove(self.place);
        self.fill.moved.notify_one();
    }
}

#[cfg(test)]
mod tests;
