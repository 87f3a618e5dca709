//! The signs of life of one connection, and what follows from them.
//!
//! The connection's task writes down what it sees as it goes; a look at all connections of a thread, twice a second
//! ([`Pulse::verdict`]), finds those whose client is too slow. So no request sets a timer or reads a clock: the time is
//! a count of looks. Orders go the other way: finish, or end at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::interim::Interim;

/// How often the connections of a thread are looked at: how exact their timeouts are.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// The looks that one thread has taken; its connections' clock.
#[derive(Debug, Default)]
pub(super) struct Looks(AtomicU32);

impl Looks {
    /// Counts one more.
    pub(super) fn advance(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// How many looks a connection may stay as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    header: u32,
    idle: u32,
    stall: u32,
}

impl Patience {
    pub(super) fn new(header: Duration, idle: Duration, stall: Duration) -> Self {
        // One more than fits: the first look comes at any time after the beginning.
        let looks = |time: Duration| u32::try_from(time.as_millis().div_ceil(LOOK.as_millis()) + 1).unwrap_or(u32::MAX);
        Self { header: looks(header), idle: looks(idle), stall: looks(stall) }
    }
}

/// What is to become of a connection; each is more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Order {
    /// Go on.
    Go,
    /// No further requests; what is open is answered.
    Finish,
    /// Nothing more at all.
    End,
}

/// One connection's signs of life. Only its own task writes them, but for the order.
#[derive(Debug)]
pub(super) struct Pulse {
    looks: Arc<Looks>,
    /// HTTP/1: bytes that come while nothing is answered are the next request's header.
    heads: AtomicBool,
    /// Since when a request's header is incomplete: the look, counted from 1; 0 where there is none.
    head: AtomicU32,
    /// The requests that are not answered to their end.
    open: AtomicU32,
    /// When bytes of a request or an answer went either way, or a request ended.
    moved: AtomicU32,
    /// When bytes of an answer were taken by the client's side, or began to wait for that.
    taken: AtomicU32,
    /// Bytes wait until the client's side takes some.
    blocked: AtomicBool,
    /// Bodies of which something waits to be written, or that would give more if it were asked of them.
    full: AtomicU32,
    /// Requests' bodies of which more is awaited.
    starved: AtomicU32,
    order: AtomicU8,
    /// The connection's task. Taken only by that task when it moves, which it hardly does, and to wake it.
    waker: Mutex<Option<Waker>>,
    pub(super) interim: Interim,
}

impl Pulse {
    /// A connection that has just come about: a request is awaited.
    pub(super) fn new(looks: Arc<Looks>) -> Self {
        let now = looks.now();
        Self {
            looks,
            heads: AtomicBool::new(true),
            head: AtomicU32::new(now + 1),
            open: AtomicU32::new(0),
            moved: AtomicU32::new(now),
            taken: AtomicU32::new(now),
            blocked: AtomicBool::new(false),
            full: AtomicU32::new(0),
            starved: AtomicU32::new(0),
            order: AtomicU8::new(Order::Go as u8),
            waker: Mutex::new(None),
            interim: Interim::default(),
        }
    }

    /// HTTP/2: requests are not told apart by when their bytes come.
    pub(super) fn multiplexed(&self) {
        self.heads.store(false, Relaxed);
        self.head.store(0, Relaxed);
    }

    /// The handshake is over: a request's header is awaited from now on.
    pub(super) fn begins(&self) {
        let now = self.looks.now();
        self.moved.store(now, Relaxed);
        self.head.store(now + 1, Relaxed);
    }

    /// Bytes of a request have come.
    pub(super) fn read(&self) {
        let now = self.looks.now();
        self.moved.store(now, Relaxed);
        if self.head.load(Relaxed) == 0 && self.open.load(Relaxed) == 0 && self.heads.load(Relaxed) {
            self.head.store(now + 1, Relaxed);
        }
    }

    /// The client's side has taken bytes; what is no part of an answer, as what HTTP/2 says of itself, does not count.
    pub(super) fn wrote(&self, answer: bool) {
        if answer {
            let now = self.looks.now();
            self.moved.store(now, Relaxed);
            self.taken.store(now, Relaxed);
        }
        self.blocked.store(false, Relaxed);
    }

    /// The client's side has taken all that there was: under TLS without a further write.
    pub(super) fn flushed(&self, answer: bool) {
        if self.blocked.load(Relaxed) {
            self.wrote(answer);
        }
    }

    /// The client's side takes no bytes for now.
    pub(super) fn blocked(&self) {
        self.waits();
        self.blocked.store(true, Relaxed);
    }

    /// Something waits for the client's side: since now, unless something waits already.
    fn waits(&self) {
        if !self.blocked.load(Relaxed) && self.full.load(Relaxed) == 0 {
            self.taken.store(self.looks.now(), Relaxed);
        }
    }

    fn full(&self, more: bool) {
        if more {
            self.waits();
            self.full.fetch_add(1, Relaxed);
        } else {
            self.full.fetch_sub(1, Relaxed);
        }
    }

    /// Whether more of a request's body is awaited than has come.
    pub(super) fn starved(&self, starved: bool) {
        if starved {
            self.moved.store(self.looks.now(), Relaxed);
            self.starved.fetch_add(1, Relaxed);
        } else {
            self.starved.fetch_sub(1, Relaxed);
        }
    }

    /// What the connection deserves by now.
    pub(super) fn verdict(&self, patience: Patience) -> Order {
        let now = self.looks.now();
        let since = |look: &AtomicU32| now.wrapping_sub(look.load(Relaxed));
        if (self.blocked.load(Relaxed) || self.full.load(Relaxed) > 0) && since(&self.taken) >= patience.stall {
            return Order::End;
        }
        if self.open.load(Relaxed) > 0 {
            let stalled = self.starved.load(Relaxed) > 0 && since(&self.moved) >= patience.stall;
            return if stalled { Order::End } else { Order::Go };
        }
        let head = self.head.load(Relaxed);
        if head > 0 {
            let late = (now + 1).wrapping_sub(head) >= patience.header;
            return if late { Order::End } else { Order::Go };
        }
        match since(&self.moved) {
            idle if idle >= patience.idle.saturating_add(patience.stall) => Order::End,
            idle if idle >= patience.idle => Order::Finish,
            _ => Order::Go,
        }
    }

    /// Gives an order, unless one is given that is as much.
    pub(super) fn order(&self, order: Order) {
        if self.order.fetch_max(order as u8, Relaxed) < order as u8 {
            self.wake();
        }
    }

    pub(super) fn ordered(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::Go,
            1 => Order::Finish,
            _ => Order::End,
        }
    }

    /// Remembers whom to wake; `known` is what the caller was told before.
    pub(super) fn listen(&self, cx: &Context<'_>, known: &mut Option<Waker>) {
        if known.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            *known = Some(cx.waker().clone());
            *self.waker.lock() = Some(cx.waker().clone());
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }
}

/// One request that is being answered, to the end of its answer's body.
#[derive(Debug)]
pub(super) struct Turn {
    pulse: Arc<Pulse>,
    full: bool,
}

impl Turn {
    pub(super) fn begin(pulse: &Arc<Pulse>) -> Self {
        pulse.head.store(0, Relaxed);
        pulse.open.fetch_add(1, Relaxed);
        Self { pulse: Arc::clone(pulse), full: false }
    }

    /// The body gave something: until it is asked for more or dropped, that waits to be written where it is a `piece`.
    pub(super) fn gave(&mut self, piece: bool) {
        self.pulse.interim.offered();
        self.asked();
        if piece {
            self.full = true;
            self.pulse.full(true);
        }
    }

    /// The body is asked for more.
    pub(super) fn asked(&mut self) {
        if std::mem::take(&mut self.full) {
            self.pulse.full(false);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.asked();
        self.pulse.interim.offered();
        self.pulse.moved.store(self.pulse.looks.now(), Relaxed);
        self.pulse.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests;
