//! The circuit breaker of one upstream.
//!
//! Closed: all may ask. After five failures in a row, or when at least half of twenty or more requests in ten seconds
//! failed, it opens: nobody asks for a second, so that a server that is going down is not hammered and nobody waits
//! for it. Then one request is let through as a trial; where that fails too the breaker stays open for twice as long,
//! up to half a minute, and where it succeeds the breaker closes. Where it tells nothing in the time that an upstream
//! has to answer, another is let through, and the first that tells decides. A request with a body may take any time, so
//! it keeps only its like from being a trial.
//!
//! A pure state machine: it takes `now`, and draws its jitter from a seed. The pool owns the lock.

use std::fmt;
use std::time::{Duration, Instant};

/// This many failures in a row open the breaker.
const FAILURES_IN_A_ROW: u32 = 5;
/// The share of failures is looked at over this time.
const WINDOW: Duration = Duration::from_secs(10);
/// Of fewer requests than these in a window the share says nothing.
const REQUESTS_IN_WINDOW: u32 = 20;
/// How long the breaker stays open when it first opens.
const FIRST_BREAK: Duration = Duration::from_secs(1);
/// How long it stays open at the most, before jitter.
const LONGEST_BREAK: Duration = Duration::from_secs(30);

/// Whether an upstream may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// It may.
    Closed,
    /// It may not, for now.
    Open,
    /// A request is on its way to find out.
    HalfOpen,
}

impl fmt::Display for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// Whether a request has a body, and with it all the time that its sender takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// It is sent at once.
    Empty,
    /// It is sent as fast as it comes.
    Body,
}

/// The leave to send one request; what became of it must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Permit {
    /// The phase that it was given in: what is told in a later one says nothing any more.
    epoch: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    /// When the last trial without a body began, and the last one with a body.
    HalfOpen {
        empty: Option<Instant>,
        body: Option<Instant>,
    },
}

/// The state of one breaker.
#[derive(Debug)]
pub(super) struct Circuit {
    phase: Phase,
    epoch: u64,
    /// For how long a trial keeps others from being one.
    timeout: Duration,
    window: Window,
    failures_in_a_row: u32,
    /// How often it has opened without having closed between.
    breaks_in_a_row: u32,
    jitter: Jitter,
}

impl Circuit {
    /// A closed breaker of an upstream that must answer within `timeout`; `seed` sets its jitter apart from that of others.
    pub(super) fn new(now: Instant, timeout: Duration, seed: u64) -> Self {
        Self {
            phase: Phase::Closed,
            epoch: 0,
            timeout,
            window: Window::new(now),
            failures_in_a_row: 0,
            breaks_in_a_row: 0,
            jitter: Jitter(seed),
        }
    }

    /// Where it stands.
    pub(super) fn position(&self) -> Breaker {
        match self.phase {
            Phase::Closed => Breaker::Closed,
            Phase::Open { .. } => Breaker::Open,
            Phase::HalfOpen { .. } => Breaker::HalfOpen,
        }
    }

    /// How many requests have failed since one succeeded.
    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }

    /// Whether [`Circuit::admit`] would give leave.
    pub(super) fn admits(&self, now: Instant, load: Load) -> bool {
        let over =
            |trial: Option<Instant>| trial.is_none_or(|began| now.saturating_duration_since(began) >= self.timeout);
        match self.phase {
            Phase::Closed => true,
            Phase::Open { until } => now >= until,
            Phase::HalfOpen { empty, body } => over(empty) && (load == Load::Empty || over(body)),
        }
    }

    /// Gives leave for one request, or `None` while the breaker is open.
    pub(super) fn admit(&mut self, now: Instant, load: Load) -> Option<Permit> {
        if !self.admits(now, load) {
            return None;
        }
        if let Phase::Open { .. } = self.phase {
            self.enter(Phase::HalfOpen { empty: None, body: None });
        }
        if let Phase::HalfOpen { empty, body } = &mut self.phase {
            *(if load == Load::Empty { empty } else { body }) = Some(now);
        }
        Some(Permit { epoch: self.epoch })
    }

    /// Takes note of an answer.
    pub(super) fn succeeded(&mut self, permit: Permit, now: Instant) {
        if permit.epoch != self.epoch {
            return;
        }
        self.failures_in_a_row = 0;
        if let Phase::HalfOpen { .. } = self.phase {
            self.breaks_in_a_row = 0;
            self.window = Window::new(now);
            self.enter(Phase::Closed);
        }
        let _ = self.window.count(now, false);
    }

    /// Takes note of a failure.
    pub(super) fn failed(&mut self, permit: Permit, now: Instant) {
        if permit.epoch != self.epoch {
            return;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let too_many = self.window.count(now, true);
        if matches!(self.phase, Phase::HalfOpen { .. }) || too_many || self.failures_in_a_row >= FAILURES_IN_A_ROW {
            let until = now + self.next_break();
            self.enter(Phase::Open { until });
        }
    }

    /// Takes note that a request ended without telling anything of the upstream: another may be the trial.
    pub(super) fn abandoned(&mut self, permit: Permit, now: Instant) {
        if permit.epoch == self.epoch && matches!(self.phase, Phase::HalfOpen { .. }) {
            self.enter(Phase::Open { until: now });
        }
    }

    /// Lets the next request be the trial at once: the upstream was seen to answer.
    pub(super) fn invite(&mut self, now: Instant) {
        if let Phase::Open { until } = &mut self.phase {
            *until = now.min(*until);
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }

    /// Twice as long each time, and up to a quarter longer, so that many edges do not come back as one.
    fn next_break(&mut self) -> Duration {
        let doubled = FIRST_BREAK.saturating_mul(1 << self.breaks_in_a_row.min(16));
        self.breaks_in_a_row = self.breaks_in_a_row.saturating_add(1);
        let whole = doubled.min(LONGEST_BREAK);
        whole + whole.mul_f64(self.jitter.draw() / 4.0)
    }
}

/// How many requests of a stretch of time failed.
#[derive(Debug)]
struct Window {
    began: Instant,
    requests: u32,
    failures: u32,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, requests: 0, failures: 0 }
    }

    /// Counts a request, and says whether too many of them fail.
    fn count(&mut self, now: Instant, failed: bool) -> bool {
        if now.saturating_duration_since(self.began) >= WINDOW {
            *self = Self::new(now);
        }
        self.requests = self.requests.saturating_add(1);
        self.failures = self.failures.saturating_add(u32::from(failed));
        self.requests >= REQUESTS_IN_WINDOW && self.failures.saturating_mul(2) >= self.requests
    }
}

/// Numbers that are as good as random (SplitMix64).
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    /// A number from 0 up to 1.
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bits = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(u32::MAX);
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests;
