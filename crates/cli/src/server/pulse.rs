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
    /// When bytes went either way, or a request ended.
    moved: AtomicU32,
    /// When bytes were taken by the client's side, or began to wait for that.
    taken: AtomicU32,
    /// Bytes wait until the client's side takes some.
    blocked: AtomicBool,
    /// Streamed bodies that would give more if it were asked of them.
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

    pub(super) fn read(&self) {
        let now = self.looks.now();
        self.moved.store(now, Relaxed);
        if self.head.load(Relaxed) == 0 && self.open.load(Relaxed) == 0 && self.heads.load(Relaxed) {
            self.head.store(now + 1, Relaxed);
        }
    }

    pub(super) fn wrote(&self) {
        let now = self.looks.now();
        self.moved.store(now, Relaxed);
        self.taken.store(now, Relaxed);
        self.blocked.store(false, Relaxed);
    }

    /// The client's side takes no bytes for now.
    pub(super) fn blocked(&self) {
        if !self.blocked.swap(true, Relaxed) {
            self.taken.store(self.looks.now(), Relaxed);
        }
    }

    fn full(&self, more: bool) {
        if more {
            self.taken.store(self.looks.now(), Relaxed);
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
        if head > 0 && (now + 1).wrapping_sub(head) >= patience.header {
            return Order::End;
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

    /// The body gave something to write, and has `more`: until it is asked for that, the client's side is full.
    pub(super) fn gave(&mut self, more: bool) {
        self.pulse.interim.offered();
        self.asked();
        if more {
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
mod tests {
    use super::*;

    fn connection() -> (Arc<Looks>, Arc<Pulse>, Patience) {
        let looks = Arc::new(Looks::default());
        let pulse = Arc::new(Pulse::new(Arc::clone(&looks)));
        (looks, pulse, Patience { header: 4, idle: 10, stall: 6 })
    }

    /// The first orders other than to go on, and after how many looks each comes.
    fn fate((looks, pulse, patience): &(Arc<Looks>, Arc<Pulse>, Patience)) -> Vec<(u32, Order)> {
        let mut orders = Vec::new();
        for look in 1..=20 {
            looks.advance();
            let order = pulse.verdict(*patience);
            if order != orders.last().map_or(Order::Go, |&(_, last)| last) {
                orders.push((look, order));
            }
        }
        orders
    }

    #[test]
    fn who_says_nothing_or_half_a_header_is_cut_off() {
        let connection = connection();
        assert_eq!(fate(&connection), [(4, Order::End)]);
        let pulse = &connection.1;
        drop(Turn::begin(pulse));
        pulse.read();
        assert_eq!(fate(&connection)[0], (4, Order::End), "the second header counts from its first byte");
    }

    #[test]
    fn bytes_do_not_give_a_header_more_time() {
        let (looks, pulse, patience) = connection();
        for _ in 0..3 {
            looks.advance();
            pulse.read();
            assert_eq!(pulse.verdict(patience), Order::Go);
        }
        looks.advance();
        pulse.read();
        assert_eq!(pulse.verdict(patience), Order::End);
    }

    #[test]
    fn an_idle_connection_is_finished_and_then_ended() {
        let connection = connection();
        drop(Turn::begin(&connection.1));
        assert_eq!(fate(&connection), [(10, Order::Finish), (16, Order::End)]);
    }

    #[test]
    fn a_request_may_take_any_time_while_the_client_waits_for_us() {
        let connection = connection();
        let mut turn = Turn::begin(&connection.1);
        assert_eq!(fate(&connection), []);
        turn.gave(true);
        turn.asked();
        assert_eq!(fate(&connection), [], "an event stream between two events");
    }

    #[test]
    fn a_reader_who_takes_nothing_is_cut_off_and_one_who_takes_a_little_is_not() {
        let connection = connection();
        let (looks, pulse, patience) = &connection;
        let _turn = Turn::begin(pulse);
        for _ in 0..20 {
            pulse.blocked();
            looks.advance();
            pulse.wrote();
            assert_eq!(pulse.verdict(*patience), Order::Go);
        }
        pulse.blocked();
        pulse.blocked();
        assert_eq!(fate(&connection), [(6, Order::End)]);
    }

    #[test]
    fn a_stream_that_is_asked_for_nothing_more_has_no_reader() {
        let connection = connection();
        connection.1.multiplexed();
        let mut turn = Turn::begin(&connection.1);
        turn.gave(true);
        assert_eq!(fate(&connection), [(6, Order::End)]);
        turn.gave(false);
        assert_eq!(connection.1.verdict(connection.2), Order::Go);
    }

    #[test]
    fn an_uploader_who_stops_is_cut_off_and_a_slow_one_is_not() {
        let connection = connection();
        let (looks, pulse, patience) = &connection;
        let _turn = Turn::begin(pulse);
        for _ in 0..20 {
            pulse.starved(true);
            looks.advance();
            assert_eq!(pulse.verdict(*patience), Order::Go);
            pulse.read();
            pulse.starved(false);
        }
        assert_eq!(fate(&connection), [], "all of the body is there");
        pulse.starved(true);
        assert_eq!(fate(&connection), [(6, Order::End)]);
    }

    #[test]
    fn on_a_multiplexed_connection_no_header_is_awaited() {
        let connection = connection();
        connection.1.multiplexed();
        connection.1.read();
        assert_eq!(fate(&connection), [(10, Order::Finish), (16, Order::End)]);
    }

    #[test]
    fn an_order_only_grows() {
        let (_, pulse, _) = connection();
        pulse.order(Order::End);
        pulse.order(Order::Finish);
        assert_eq!(pulse.ordered(), Order::End);
    }

    #[test]
    fn patience_is_never_shorter_than_was_said() {
        let second = Duration::from_secs(1);
        let patience = Patience::new(second, LOOK / 2, Duration::MAX);
        assert_eq!((patience.header, patience.idle, patience.stall), (3, 2, u32::MAX));
    }
}
