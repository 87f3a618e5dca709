//! Interim answers (102 and 103, RFC 9110 section 15.2) on an HTTP/1.1 connection, which hyper has no way to send.
//!
//! They are written between hyper and the socket ([`super::socket`]), and only where it is certain that they do not
//! fall into the middle of another answer: everything that hyper was given had been taken by the socket when the request
//! began ([`Interim::offered`] and [`Interim::flushed`] keep count of that), and nothing was written since. Otherwise, with
//! requests sent ahead of their answers as a rule, they are dropped; a client can do without.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::{HeaderMap, StatusCode};
use orbit_cache::policy::hop_by_hop;
use orbit_edge::Informational;
use parking_lot::Mutex;

use super::pulse::Pulse;

/// The most bytes of interim answers that wait to be written; what comes beyond is dropped.
const MAX_WAITING: usize = 64 << 10;

/// The interim answers of one connection.
#[derive(Debug)]
pub(super) struct Interim {
    /// The socket has taken all that hyper was given to write.
    clear: AtomicBool,
    /// A request may be told something before its answer.
    open: AtomicBool,
    /// Held for no longer than it takes to copy a header: by who sends, and by the connection before it writes.
    waiting: Mutex<Waiting>,
}

/// What is to be written before the answer.
#[derive(Debug, Default)]
struct Waiting {
    /// Which of the connection's requests is told.
    turn: u64,
    open: bool,
    bytes: Vec<u8>,
}

impl Default for Interim {
    fn default() -> Self {
        Self { clear: AtomicBool::new(true), open: AtomicBool::new(false), waiting: Mutex::default() }
    }
}

impl Interim {
    /// Hyper was given something to write.
    pub(super) fn offered(&self) {
        self.clear.store(false, Relaxed);
    }

    /// Hyper has nothing left to write.
    pub(super) fn flushed(&self) {
        self.clear.store(true, Relaxed);
    }

    /// The way to tell the request that has just come something before its answer, if there is one.
    pub(super) fn way(pulse: &Arc<Pulse>) -> Option<Informational> {
        let interim = &pulse.interim;
        if !interim.clear.load(Relaxed) {
            return None;
        }
        let mut waiting = interim.waiting.lock();
        *waiting = Waiting { turn: waiting.turn + 1, open: true, bytes: Vec::new() };
        interim.open.store(true, Relaxed);
        let (pulse, turn) = (Arc::clone(pulse), waiting.turn);
        Some(Informational::new(move |status, headers| {
            if pulse.interim.add(turn, status, headers) {
                pulse.wake();
            }
        }))
    }

    /// Whether [`Self::take`] has anything to do.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Relaxed)
    }

    /// What is to be written now; nothing more is accepted where the answer itself `begins`.
    pub(super) fn take(&self, begins: bool) -> Vec<u8> {
        let mut waiting = self.waiting.lock();
        if begins {
            waiting.open = false;
            self.open.store(false, Relaxed);
        }
        std::mem::take(&mut waiting.bytes)
    }

    fn add(&self, turn: u64, status: StatusCode, headers: &HeaderMap) -> bool {
        // 100 is hyper's affair and 101 is none of ours.
        if !matches!(status.as_u16(), 102 | 103) {
            return false;
        }
        let head = encode(status, headers);
        let mut waiting = self.waiting.lock();
        let accepted = waiting.open && waiting.turn == turn && waiting.bytes.len() + head.len() <= MAX_WAITING;
        if accepted {
            waiting.bytes.extend(head);
        }
        accepted
    }
}

fn encode(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut headers = headers.clone();
    hop_by_hop::remove(&mut headers);
    let mut line = String::new();
    // Writing to a string does not fail.
    let _ = write!(line, "HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
    let mut head = line.into_bytes();
    for (name, value) in &headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use http::header::{CONNECTION, LINK};

    use super::*;
    use crate::server::pulse::Looks;

    fn hint(link: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(LINK, http::HeaderValue::from_static(link))])
    }

    fn connection() -> Arc<Pulse> {
        Arc::new(Pulse::new(Arc::new(Looks::default())))
    }

    fn told(pulse: &Pulse, begins: bool) -> String {
        String::from_utf8(pulse.interim.take(begins)).unwrap()
    }

    #[test]
    fn a_hint_is_written_before_the_answer_and_not_after_its_beginning() {
        let pulse = connection();
        let way = Interim::way(&pulse).unwrap();
        way.send(StatusCode::EARLY_HINTS, &hint("</a>; rel=preload"));
        assert_eq!(told(&pulse, false), "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n");
        way.send(StatusCode::PROCESSING, &HeaderMap::new());
        assert_eq!(told(&pulse, true), "HTTP/1.1 102 Processing\r\n\r\n");
        way.send(StatusCode::EARLY_HINTS, &hint("</b>"));
        assert_eq!(told(&pulse, true), "");
    }

    #[test]
    fn fields_of_the_hop_stay_behind_and_other_statuses_are_not_ours() {
        let pulse = connection();
        let way = Interim::way(&pulse).unwrap();
        let mut headers = hint("</a>");
        headers.insert(CONNECTION, http::HeaderValue::from_static("x-hop"));
        headers.insert("x-hop", http::HeaderValue::from_static("1"));
        way.send(StatusCode::CONTINUE, &headers);
        way.send(StatusCode::SWITCHING_PROTOCOLS, &headers);
        way.send(StatusCode::OK, &headers);
        assert_eq!(told(&pulse, false), "");
        way.send(StatusCode::EARLY_HINTS, &headers);
        assert_eq!(told(&pulse, false), "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    }

    #[test]
    fn an_unwritten_answer_leaves_no_way() {
        let pulse = connection();
        pulse.interim.offered();
        assert!(Interim::way(&pulse).is_none());
        pulse.interim.flushed();
        assert!(Interim::way(&pulse).is_some());
    }

    #[test]
    fn who_was_told_before_cannot_speak_to_the_next_request() {
        let pulse = connection();
        let old = Interim::way(&pulse).unwrap();
        let new = Interim::way(&pulse).unwrap();
        old.send(StatusCode::EARLY_HINTS, &hint("</old>"));
        new.send(StatusCode::EARLY_HINTS, &hint("</new>"));
        assert_eq!(told(&pulse, true), "HTTP/1.1 103 Early Hints\r\nlink: </new>\r\n\r\n");
    }

    #[test]
    fn what_waits_is_bounded() {
        let pulse = connection();
        let way = Interim::way(&pulse).unwrap();
        for _ in 0..MAX_WAITING {
            way.send(StatusCode::EARLY_HINTS, &hint("</a>"));
        }
        assert!(told(&pulse, true).len() <= MAX_WAITING);
    }
}
