//! Several servers that give the same answers, as one upstream.
//!
//! 1. Choose: each in turn, of those that their checks find well and their breakers admit; or the one that suits the request best,
//!    where it says so ([`Affinity`]).
//! 2. Send; what comes of it is noted with the server ([`super::member`]).
//! 3. Where a safe request without a body found no connection, or one that was closed before an answer, send it once
//!    more, over a new connection and to another server where there is one, as long as the budget lasts.
//!
//! With all breakers open it fails at once: the cache has older copies, and the servers are left in peace.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::{Body, HttpBody as _};
use http::{Request, Response};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address::Address;
use super::breaker::Load;
use super::budget::Budget;
use super::checks::{self, Check};
use super::dial::Dialer;
use super::member::{Member, State, Ticket, is_failure};
use super::server::{Over, Server};
use super::{Affinity, Upstream, Upstreams, tls};
use crate::Error;

/// Where a pool reads the time.
#[derive(Clone)]
pub(super) struct Now(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Now {
    pub(super) fn new(read: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(super) fn get(&self) -> Instant {
        (self.0)()
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

/// Servers that give the same answers; clones share them.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) members: Vec<Member>,
    pub(super) check: Check,
    next: AtomicUsize,
    /// The server that requests of the edge's own go to.
    aside: AtomicUsize,
    /// Held for a few instructions, never over an exchange.
    budget: Mutex<Budget>,
    now: Now,
    timeout: Duration,
    /// Whether the task that checks the servers has been started: with the first request, for before there may be no runtime.
    watched: AtomicBool,
    /// Ends that task with the pool.
    ended: DropGuard,
}

impl Pool {
    /// A pool of the servers that `upstreams` names. No connection is opened before there is a request.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the settings make no sense or the CA file cannot be used.
    pub fn new(upstreams: &Upstreams) -> Result<Self, Error> {
        Self::with_clock(upstreams, Now::new(Instant::now))
    }

    pub(super) fn with_clock(upstreams: &Upstreams, now: Now) -> Result<Self, Error> {
        upstreams.validate()?;
        let dialer = Dialer::new(tls::client_config(upstreams.ca.as_deref())?);
        let seeds = RandomState::new();
        let member = |address: Address| {
            let seed = seeds.hash_one(address.to_string());
            let server = Server::new(address, &dialer, upstreams.timeout);
            Member::new(server, now.clone(), upstreams.timeout, seed)
        };
        Ok(Self(Arc::new(Shared {
            members: upstreams.addresses()?.into_iter().map(member).collect(),
            check: Check::new(upstreams)?,
            next: AtomicUsize::new(0),
            aside: AtomicUsize::new(0),
            budget: Mutex::new(Budget::new(now.get())),
            now,
            timeout: upstreams.timeout,
            watched: AtomicBool::new(false),
            ended: CancellationToken::new().drop_guard(),
        })))
    }

    /// What is known of each server, in the order in which they were named.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        self.0.members.iter().map(Member::state).collect()
    }
}

#[async_trait]
impl Upstream for Pool {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
        self.watch();
        self.0.send(request).await
    }

    async fn send_aside(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
        self.0.send_aside(request).await
    }

    fn states(&self) -> Vec<State> {
        Self::states(self)
    }
}

impl Pool {
    fn watch(&self) {
        let shared = &self.0;
        if !shared.check.interval().is_zero() && !shared.watched.swap(true, Ordering::Relaxed) {
            let ended = shared.ended.token().clone();
            let watching = checks::watch(Arc::downgrade(shared), shared.check.interval());
            tokio::spawn(async move { ended.run_until_cancelled(watching).await });
        }
    }
}

impl Shared {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
        let deadline = tokio::time::Instant::now().checked_add(self.timeout);
        let spare = may_be_repeated(&request).then(|| copy(&request));
        let load = if request.body().is_end_stream() { Load::Empty } else { Load::Body };
        let affinity = request.extensions().get::<Affinity>().copied();
        let Some(ticket) = self.choose(None, load, spare.is_some(), affinity) else { return Err(self.nobody()) };
        self.budget().earn();
        let first = ticket.member;
        let failure = match ticket.send(request, Over::Kept, deadline).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        if failure.may_be_retried()
            && let Some(spare) = spare
            && let Some(ticket) = self.choose_again(first, failure.was_idle(), affinity)
            && self.budget().spend(self.now.get())
        {
            let second = ticket.member;
            return ticket.send_again(spare, deadline).await.map_err(|failure| told(failure, second));
        }
        Err(told(failure, first))
    }

    /// Sends to the server that answered the last one; after a failure to the next.
    async fn send_aside(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
        let place = self.aside.load(Ordering::Relaxed);
        let Some(member) = place.checked_rem(self.members.len()).and_then(|at| self.members.get(at)) else {
            return Err(self.nobody());
        };
        let turn = Turn { aside: &self.aside, next: place.wrapping_add(1) };
        let again = copy(&request);
        let mut answer = member.server.exchange(request, Over::Kept, None).await;
        if answer.as_ref().is_err_and(super::failure::Failure::was_idle) {
            answer = member.server.exchange(again, Over::Fresh, None).await;
        }
        if answer.as_ref().is_ok_and(|response| !is_failure(response.status())) {
            turn.stay();
        }
        answer.map_err(|failure| told(failure, member))
    }

    /// The next server in turn, or the one that suits best. One whose checks fail is asked only where there is no other, and one that has just
    /// been given a break is tried with a request that could go elsewhere if it failed, rather than with one that could not.
    fn choose(
        &self,
        but: Option<&Member>,
        load: Load,
        repeatable: bool,
        affinity: Option<Affinity>,
    ) -> Option<Ticket<'_>> {
        let others = || self.members.iter().filter(|member| but.is_none_or(|but| !std::ptr::eq(*member, but)));
        let (mut ready, mut rest) = (Vec::new(), Vec::new());
        for member in others().filter(|member| member.admits(load)) {
            let at_its_best = member.is_healthy() && (repeatable || member.is_closed());
            if at_its_best { ready.push(member) } else { rest.push(member) }
        }
        if let Some(affinity) = affinity {
            for members in [&mut ready, &mut rest] {
                members.sort_by_cached_key(|member| std::cmp::Reverse(member.suits(affinity)));
            }
        }
        let turn = if affinity.is_some() { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) };
        // A trial may have been given away since: then the next one will do.
        [ready, rest].iter().find_map(|members| {
            let from = turn.checked_rem(members.len())?;
            members[from..].iter().chain(&members[..from]).find_map(|member| member.admit(load))
        })
    }

    /// Another server than the first; the first itself where there is none and its connection had only been idle.
    fn choose_again<'a>(&'a self, first: &'a Member, was_idle: bool, affinity: Option<Affinity>) -> Option<Ticket<'a>> {
        let other = self.choose(Some(first), Load::Empty, false, affinity);
        other.or_else(|| was_idle.then(|| first.admit(Load::Empty))?)
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nobody(&self) -> orbit_cache::Error {
        let names: Vec<String> = self.members.iter().map(|member| member.server.address().to_string()).collect();
        orbit_cache::Error::Unavailable(format!("{} failed too often and is given a break", names.join(", ")))
    }
}

/// Moves on to the next server, unless it is told to stay: one that does not answer is left though nobody waits to its end.
struct Turn<'a> {
    aside: &'a AtomicUsize,
    next: usize,
}

impl Turn<'_> {
    fn stay(self) {
        std::mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.aside.store(self.next, Ordering::Relaxed);
    }
}

fn told(failure: super::failure::Failure, member: &Member) -> orbit_cache::Error {
    failure.told_of(&member.server.address().to_string())
}

/// Whether sending a request twice does no more than sending it once, and its whole content is at hand.
fn may_be_repeated(request: &Request<Body>) -> bool {
    request.method().is_safe() && request.body().is_end_stream()
}

/// A request without a body, once more.
fn copy(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    copy
}

#[cfg(test)]
mod tests;
