//! The circuit breaker of one upstream.
//!
//! Closed: all may ask. After five failures in a row, or when at least half of twenty or more requests in ten seconds
//! failed, it opens: nobody asks for a second, so that a server that is going down is not hammered and nobody waits
//! for it. Then one request is let through as a trial; where that fails too the breaker stays open for twice as long,
//! up to half a minute, and where it succeeds the breaker closes.
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
    /// One request is on its way to find out.
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

/// The leave to send one request; what became of it must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Permit {
    /// The phase that it was given in: what is told in a later one says nothing any more.
    epoch: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen,
}

/// The state of one breaker.
#[derive(Debug)]
pub(super) struct Circuit {
    phase: Phase,
    epoch: u64,
    window: Window,
    failures_in_a_row: u32,
    /// How often it has opened without having closed between.
    breaks_in_a_row: u32,
    jitter: Jitter,
}

impl Circuit {
    /// A closed breaker; `seed` sets its jitter apart from that of others.
    pub(super) fn new(now: Instant, seed: u64) -> Self {
        Self {
            phase: Phase::Closed,
            epoch: 0,
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
            Phase::HalfOpen => Breaker::HalfOpen,
        }
    }

    /// How many requests have failed since one succeeded.
    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }

    /// Whether [`Circuit::admit`] would give leave.
    pub(super) fn admits(&self, now: Instant) -> bool {
        match self.phase {
            Phase::Closed => true,
            Phase::Open { until } => now >= until,
            Phase::HalfOpen => false,
        }
    }

    /// Gives leave for one request, or `None` while the breaker is open.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Permit> {
        if !self.admits(now) {
            return None;
        }
        if let Phase::Open { .. } = self.phase {
            self.enter(Phase::HalfOpen);
        }
        Some(Permit { epoch: self.epoch })
    }

    /// Takes note of an answer.
    pub(super) fn succeeded(&mut self, permit: Permit, now: Instant) {
        if permit.epoch != self.epoch {
            return;
        }
        self.failures_in_a_row = 0;
        if let Phase::HalfOpen = self.phase {
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
        if matches!(self.phase, Phase::HalfOpen) || too_many || self.failures_in_a_row >= FAILURES_IN_A_ROW {
            let until = now + self.next_break();
            self.enter(Phase::Open { until });
        }
    }

    /// Takes note that a request ended without telling anything of the upstream: another may be the trial.
    pub(super) fn abandoned(&mut self, permit: Permit, now: Instant) {
        if permit.epoch == self.epoch && matches!(self.phase, Phase::HalfOpen) {
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
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// Longer than any break that begins with this many milliseconds.
    fn over(ms: u32) -> Duration {
        MS * ms * 5 / 4
    }

    fn circuit() -> (Circuit, Instant) {
        let now = Instant::now();
        (Circuit::new(now, 7), now)
    }

    fn fail(circuit: &mut Circuit, now: Instant) {
        let permit = circuit.admit(now).expect("a permit");
        circuit.failed(permit, now);
    }

    fn opened() -> (Circuit, Instant) {
        let (mut circuit, now) = circuit();
        (0..FAILURES_IN_A_ROW).for_each(|_| fail(&mut circuit, now));
        (circuit, now)
    }

    #[test]
    fn it_opens_at_the_fifth_failure_in_a_row() {
        let (mut circuit, now) = circuit();
        for so_far in 1..FAILURES_IN_A_ROW {
            fail(&mut circuit, now);
            assert_eq!((circuit.position(), circuit.failures_in_a_row()), (Breaker::Closed, so_far));
        }
        fail(&mut circuit, now);
        assert_eq!((circuit.position(), circuit.admit(now)), (Breaker::Open, None));
    }

    #[test]
    fn a_success_between_failures_begins_the_count_anew() {
        let (mut circuit, now) = circuit();
        for _ in 0..3 {
            (1..FAILURES_IN_A_ROW).for_each(|_| fail(&mut circuit, now));
            let permit = circuit.admit(now).unwrap();
            circuit.succeeded(permit, now);
            // Not within one window, where the share of failures would count.
            circuit.window = Window::new(now);
        }
        assert_eq!(circuit.position(), Breaker::Closed);
    }

    #[test]
    fn it_opens_when_half_of_twenty_requests_failed_within_ten_seconds() {
        for (every, expected) in [(MS, Breaker::Open), (WINDOW / 10, Breaker::Closed)] {
            let (mut circuit, mut now) = circuit();
            for n in 0..REQUESTS_IN_WINDOW {
                now += every;
                let permit = circuit.admit(now).unwrap();
                if n % 2 == 0 { circuit.succeeded(permit, now) } else { circuit.failed(permit, now) }
            }
            assert_eq!(circuit.position(), expected, "one each {every:?}");
        }
    }

    #[test]
    fn a_break_doubles_up_to_half_a_minute_with_a_quarter_of_jitter() {
        let (mut circuit, mut now) = opened();
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let shortest = Duration::from_secs(seconds);
            assert!(!circuit.admits(now + shortest - MS), "{seconds}");
            now += shortest * 5 / 4;
            assert!(circuit.admits(now), "{seconds}");
            fail(&mut circuit, now);
        }
    }

    #[test]
    fn a_break_is_as_short_as_the_first_again_once_a_trial_succeeded() {
        let (mut circuit, mut now) = opened();
        now += over(1000);
        fail(&mut circuit, now);
        now += over(2000);
        let trial = circuit.admit(now).unwrap();
        circuit.succeeded(trial, now);
        assert_eq!((circuit.position(), circuit.failures_in_a_row()), (Breaker::Closed, 0));
        (0..FAILURES_IN_A_ROW).for_each(|_| fail(&mut circuit, now));
        assert!(circuit.admits(now + over(1000)));
    }

    #[test]
    fn one_trial_at_a_time_is_let_through() {
        let (mut circuit, mut now) = opened();
        now += over(1000);
        let trial = circuit.admit(now).unwrap();
        assert_eq!((circuit.position(), circuit.admit(now)), (Breaker::HalfOpen, None));
        circuit.abandoned(trial, now);
        assert!(circuit.admit(now).is_some(), "a client that left must not hold the trial for ever");
    }

    #[test]
    fn what_was_sent_before_the_break_says_nothing_after_it() {
        let (mut circuit, mut now) = circuit();
        let old = circuit.admit(now).unwrap();
        (0..FAILURES_IN_A_ROW).for_each(|_| fail(&mut circuit, now));
        circuit.succeeded(old, now);
        assert_eq!(circuit.position(), Breaker::Open);
        now += over(1000);
        let trial = circuit.admit(now).unwrap();
        circuit.failed(old, now);
        circuit.abandoned(old, now);
        assert_eq!(circuit.position(), Breaker::HalfOpen);
        circuit.succeeded(trial, now);
        assert_eq!(circuit.position(), Breaker::Closed);
    }

    #[test]
    fn an_upstream_that_was_seen_to_answer_is_tried_at_once() {
        let (mut circuit, now) = opened();
        circuit.invite(now);
        assert!(circuit.admit(now).is_some());
        circuit.invite(now);
        assert_eq!((circuit.position(), circuit.admit(now)), (Breaker::HalfOpen, None));
    }

    #[test]
    fn the_jitter_is_spread_from_nought_to_one() {
        let mut jitter = Jitter(1);
        let drawn: Vec<f64> = (0..1000).map(|_| jitter.draw()).collect();
        assert!(drawn.iter().all(|n| (0.0..1.0).contains(n)));
        assert!(drawn.iter().any(|n| *n < 0.05) && drawn.iter().any(|n| *n > 0.95));
    }
}
