//! One server of a pool: its breaker, what its checks say, and its counters.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tokio::time::Instant;

use super::breaker::{Breaker, Circuit, Load, Permit};
use super::failure::Failure;
use super::pool::Now;
use super::server::{Over, Server};

/// This many failed checks in a row take a server out.
const FAILED_CHECKS: u32 = 2;

/// What is known of one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its address.
    pub url: String,
    /// Whether its last checks found it well.
    pub healthy: bool,
    /// Whether it may be asked.
    pub breaker: Breaker,
    /// How many requests were sent to it, retries among them and checks not.
    pub requests: u64,
    /// How many of them failed: no connection, no answer in time, or 502, 503 or 504.
    pub failures: u64,
    /// How many of them had failed before, there or at another upstream.
    pub retries: u64,
    /// How many have failed since one succeeded.
    pub consecutive_failures: u32,
}

/// A server of a pool.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) server: Server,
    now: Now,
    /// Held for a few instructions, never over an exchange.
    circuit: Mutex<Circuit>,
    healthy: AtomicBool,
    failed_checks: AtomicU32,
    requests: AtomicU64,
    failures: AtomicU64,
    retries: AtomicU64,
}

impl Member {
    pub(super) fn new(server: Server, now: Now, timeout: Duration, seed: u64) -> Self {
        let circuit = Mutex::new(Circuit::new(now.get(), timeout, seed));
        Self {
            server,
            now,
            circuit,
            healthy: AtomicBool::new(true),
            failed_checks: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> State {
        let (breaker, consecutive_failures) = {
            let circuit = self.circuit();
            (circuit.position(), circuit.failures_in_a_row())
        };
        State {
            url: self.server.address().to_string(),
            healthy: self.is_healthy(),
            breaker,
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            consecutive_failures,
        }
    }

    /// How well it suits a request.
    pub(super) fn suits(&self, affinity: super::Affinity) -> u64 {
        affinity.with(&self.server.address().to_string())
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.circuit().position() == Breaker::Closed
    }

    /// Whether [`Member::admit`] would give leave.
    pub(super) fn admits(&self, load: Load) -> bool {
        self.circuit().admits(self.now.get(), load)
    }

    /// Gives leave for one request, where the breaker does.
    pub(super) fn admit(&self, load: Load) -> Option<Ticket<'_>> {
        let permit = self.circuit().admit(self.now.get(), load)?;
        Some(Ticket { member: self, permit: Some(permit) })
    }

    /// Takes note of what a check found.
    pub(super) fn checked(&self, well: bool) {
        if well {
            self.failed_checks.store(0, Ordering::Relaxed);
            self.circuit().invite(self.now.get());
            if !self.healthy.swap(true, Ordering::Relaxed) {
                tracing::info!(target: "orbit::edge", upstream = %self.server.address(), "the upstream is well again");
            }
        } else if self.failed_checks.fetch_add(1, Ordering::Relaxed) + 1 >= FAILED_CHECKS
            && self.healthy.swap(false, Ordering::Relaxed)
        {
            tracing::warn!(target: "orbit::edge", upstream = %self.server.address(), "the upstream fails its checks");
        }
    }

    fn succeeded(&self, permit: Permit) {
        self.circuit().succeeded(permit, self.now.get());
    }

    fn failed(&self, permit: Permit) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let (opened, in_a_row) = {
            let mut circuit = self.circuit();
            let before = circuit.position();
            circuit.failed(permit, self.now.get());
            (circuit.position() == Breaker::Open && before != Breaker::Open, circuit.failures_in_a_row())
        };
        if opened {
            let upstream = self.server.address();
            tracing::warn!(target: "orbit::edge", %upstream, in_a_row, "the upstream fails and is given a break");
        }
    }

    fn abandoned(&self, permit: Permit) {
        self.circuit().abandoned(permit, self.now.get());
    }
}

/// The leave to send one request to one member. Dropped unused, or by a client that left, it speaks for and against nobody.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    pub(super) member: &'a Member,
    permit: Option<Permit>,
}

impl Ticket<'_> {
    /// Sends the request, and takes note of what comes of it.
    pub(super) async fn send(
        mut self,
        request: Request<Body>,
        over: Over,
        deadline: Option<Instant>,
    ) -> Result<Response<Body>, Failure> {
        self.member.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.member.server.exchange(request, over, deadline).await;
        let blamed = match &answer {
            Ok(response) => Some(is_failure(response.status())),
            Err(failure) => failure.blames_the_server().then_some(true),
        };
        if let Some(blamed) = blamed
            && let Some(permit) = self.permit.take()
        {
            if blamed { self.member.failed(permit) } else { self.member.succeeded(permit) }
        }
        answer
    }

    /// Sends a request that has failed before.
    pub(super) async fn send_again(
        self,
        request: Request<Body>,
        deadline: Option<Instant>,
    ) -> Result<Response<Body>, Failure> {
        self.member.retries.fetch_add(1, Ordering::Relaxed);
        self.send(request, Over::Fresh, deadline).await
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.member.abandoned(permit);
        }
    }
}

/// Whether an answer says that the server, and not the request, is at fault. A 500 may well be of one resource.
pub(super) fn is_failure(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
