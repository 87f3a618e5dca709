//! A breaker under failures, breaks and trials, at times that are written down.

use super::*;

const MS: Duration = Duration::from_millis(1);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any break that begins with this many milliseconds.
fn over(ms: u32) -> Duration {
    MS * ms * 5 / 4
}

fn circuit() -> (Circuit, Instant) {
    let now = Instant::now();
    (Circuit::new(now, TIMEOUT, 7), now)
}

fn fail(circuit: &mut Circuit, now: Instant) {
    let permit = circuit.admit(now, Load::Empty).expect("a permit");
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
    assert_eq!((circuit.position(), circuit.admit(now, Load::Empty)), (Breaker::Open, None));
}

#[test]
fn a_success_between_failures_begins_the_count_anew() {
    let (mut circuit, now) = circuit();
    for _ in 0..3 {
        (1..FAILURES_IN_A_ROW).for_each(|_| fail(&mut circuit, now));
        let permit = circuit.admit(now, Load::Empty).unwrap();
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
            let permit = circuit.admit(now, Load::Empty).unwrap();
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
        assert!(!circuit.admits(now + shortest - MS, Load::Empty), "{seconds}");
        now += shortest * 5 / 4;
        assert!(circuit.admits(now, Load::Empty), "{seconds}");
        fail(&mut circuit, now);
    }
}

#[test]
fn a_break_is_as_short_as_the_first_again_once_a_trial_succeeded() {
    let (mut circuit, mut now) = opened();
    now += over(1000);
    fail(&mut circuit, now);
    now += over(2000);
    let trial = circuit.admit(now, Load::Empty).unwrap();
    circuit.succeeded(trial, now);
    assert_eq!((circuit.position(), circuit.failures_in_a_row()), (Breaker::Closed, 0));
    (0..FAILURES_IN_A_ROW).for_each(|_| fail(&mut circuit, now));
    assert!(circuit.admits(now + over(1000), Load::Empty));
}

#[test]
fn one_trial_at_a_time_is_let_through() {
    let (mut circuit, mut now) = opened();
    now += over(1000);
    let trial = circuit.admit(now, Load::Empty).unwrap();
    assert_eq!((circuit.position(), circuit.admit(now, Load::Empty)), (Breaker::HalfOpen, None));
    circuit.abandoned(trial, now);
    assert!(circuit.admit(now, Load::Empty).is_some(), "a client that left must not hold the trial for ever");
}

#[test]
fn a_trial_that_tells_nothing_in_time_is_followed_by_another_and_either_may_tell() {
    for first_tells in [true, false] {
        let (mut circuit, mut now) = opened();
        now += over(1000);
        let first = circuit.admit(now, Load::Empty).unwrap();
        now += TIMEOUT - MS;
        assert_eq!(circuit.admit(now, Load::Empty), None);
        now += MS;
        let second = circuit.admit(now, Load::Empty).expect("a second trial");
        assert_eq!(circuit.admit(now, Load::Empty), None, "one a time");
        circuit.succeeded(if first_tells { first } else { second }, now);
        assert_eq!(circuit.position(), Breaker::Closed);
        circuit.failed(if first_tells { second } else { first }, now);
        assert_eq!((circuit.position(), circuit.failures_in_a_row()), (Breaker::Closed, 0));
    }
}

#[test]
fn a_request_with_a_body_keeps_only_its_like_from_being_the_trial() {
    let (mut circuit, mut now) = opened();
    now += over(1000);
    circuit.admit(now, Load::Body).unwrap();
    assert_eq!((circuit.position(), circuit.admit(now, Load::Body)), (Breaker::HalfOpen, None));
    let quick = circuit.admit(now, Load::Empty).expect("one that is soon known to have failed or not");
    assert_eq!((circuit.admit(now, Load::Empty), circuit.admit(now, Load::Body)), (None, None));
    circuit.succeeded(quick, now);
    assert_eq!(circuit.position(), Breaker::Closed);
}

#[test]
fn requests_with_bodies_alone_find_out_too_whether_an_upstream_is_back() {
    let (mut circuit, mut now) = opened();
    now += over(1000);
    let slow = circuit.admit(now, Load::Body).unwrap();
    now += TIMEOUT;
    let next = circuit.admit(now, Load::Body).expect("another, after a while");
    circuit.failed(next, now);
    assert_eq!(circuit.position(), Breaker::Open);
    circuit.succeeded(slow, now);
    assert_eq!(circuit.position(), Breaker::Open);
    now += over(2000);
    let trial = circuit.admit(now, Load::Body).unwrap();
    circuit.succeeded(trial, now);
    assert_eq!(circuit.position(), Breaker::Closed);
}

#[test]
fn what_was_sent_before_the_break_says_nothing_after_it() {
    let (mut circuit, mut now) = circuit();
    let old = circuit.admit(now, Load::Empty).unwrap();
    (0..FAILURES_IN_A_ROW).for_each(|_| fail(&mut circuit, now));
    circuit.succeeded(old, now);
    assert_eq!(circuit.position(), Breaker::Open);
    now += over(1000);
    let trial = circuit.admit(now, Load::Empty).unwrap();
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
    assert!(circuit.admit(now, Load::Empty).is_some());
    circuit.invite(now);
    assert_eq!((circuit.position(), circuit.admit(now, Load::Empty)), (Breaker::HalfOpen, None));
}

#[test]
fn the_jitter_is_spread_from_nought_to_one() {
    let mut jitter = Jitter(1);
    let drawn: Vec<f64> = (0..1000).map(|_| jitter.draw()).collect();
    assert!(drawn.iter().all(|n| (0.0..1.0).contains(n)));
    assert!(drawn.iter().any(|n| *n < 0.05) && drawn.iter().any(|n| *n > 0.95));
}
