//! Coalescing: concurrent fetches of one response are one fetch, which the others join.
//!
//! The one who leads holds a [`Ticket`]; who comes later watches the flight's [`Progress`]. A ticket that is dropped without
//! an end (a panic, a runtime that stops) ends the flight with an error, so nobody waits for ever.
//!
//! Invariant: what a flight brings enters a tier only while `Flight::overtaken` is false, which the tier asks under
//! the lock that a purge of it takes too. A purge marks the flights first and clears the tiers after, so a fill that it overtook
//! never brings a response back.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use orbit_model::CacheKey;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fill::Fill;
use crate::policy::vary::Vary;
use crate::{Entry, Error, Forwarded, Found, Head, Outcome};

/// Which response a flight fetches: a key and the selecting fields, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) key: CacheKey,
    pub(crate) vary: Vary,
}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        for (name, value) in self.vary.fields() {
            name.hash(state);
            value.hash(state);
        }
    }
}

/// How far a flight has come.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    /// Nothing is known yet.
    Asking,
    /// The header has come and may be shared; the body arrives.
    Filling(Arc<Head>, Arc<Fill>, Forwarded),
    /// All is there.
    Landed(Landed),
    /// The response is for the leader alone: everyone else asks for itself, and at once.
    Released,
    /// There is no response.
    Failed(Error),
}

/// A response that is there as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    pub(crate) entry: Arc<Entry>,
    /// How the leader came by it.
    pub(crate) outcome: Outcome,
    pub(crate) tier: Option<&'static str>,
    pub(crate) forwarded: Option<Forwarded>,
    pub(crate) stored: bool,
}

impl Landed {
    /// What a tier had.
    pub(crate) fn kept(entry: Arc<Entry>, outcome: Outcome, tier: &'static str) -> Self {
        Self { entry, outcome, tier: Some(tier), forwarded: None, stored: false }
    }

    /// The answer for the leader.
    pub(crate) fn found(self) -> Found {
        Found {
            head: Arc::clone(&self.entry.head),
            body: crate::Body::Whole(self.entry.body.clone()),
            outcome: self.outcome,
            tier: self.tier,
            forwarded: self.forwarded,
            stored: self.stored,
        }
    }

    /// The answer for one who joined.
    pub(crate) fn found_by_joining(mut self) -> Found {
        if self.outcome == Outcome::Miss {
            self.outcome = Outcome::Coalesced;
        }
        self.found()
    }
}

/// One fetch under way.
#[derive(Debug)]
pub(crate) struct Flight {
    route: Route,
    began: Instant,
    /// Others may join it; `false` where its response is for the leader alone.
    joinable: bool,
    overtaken: AtomicBool,
    progress: watch::Sender<Progress>,
}

impl Flight {
    fn new(route: &Route, joinable: bool) -> Arc<Self> {
        Arc::new(Self {
            route: route.clone(),
            began: Instant::now(),
            joinable,
            overtaken: AtomicBool::new(false),
            progress: watch::channel(Progress::Asking).0,
        })
    }

    fn may_be_joined(&self, max_age: Duration) -> bool {
        self.joinable && self.began.elapsed() < max_age
    }

    /// Whether what it brings may still be kept.
    pub(crate) fn may_store(&self) -> bool {
        !self.overtaken.load(Ordering::SeqCst)
    }

    /// Tells those who joined.
    pub(crate) fn tell(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }

    /// How many wait for it.
    pub(crate) fn waiting(&self) -> usize {
        self.progress.receiver_count()
    }
}

/// All fetches that are under way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    /// How many purges there were. Changed and, by those who register a flight, read under the lock of `by_route`.
    purges: AtomicU64,
    /// Held only for map operations and a look into memory, never across an await.
    by_route: Mutex<HashMap<Route, Vec<Arc<Flight>>>>,
}

/// Which part a caller has in a fetch.
pub(crate) enum Role {
    /// None is needed: the entry came in the meantime.
    Stay(Arc<Entry>),
    /// It fetches.
    Lead(Ticket),
    /// Another does; it watches.
    Join(watch::Receiver<Progress>),
}

impl Flights {
    /// Joins a flight that is registered, if it is younger than `max_age`, or else registers one.
    ///
    /// `look` looks into memory under the lock: another may have landed just before.
    pub(crate) fn begin(
        self: &Arc<Self>,
        route: &Route,
        max_age: Duration,
        look: impl FnOnce() -> Option<Arc<Entry>>,
    ) -> Role {
        let mut by_route = self.by_route.lock();
        let registered =
            by_route.get(route).and_then(|flights| flights.iter().find(|flight| flight.may_be_joined(max_age)));
        if let Some(flight) = registered {
            return Role::Join(flight.progress.subscribe());
        }
        if let Some(entry) = look() {
            return Role::Stay(entry);
        }
        let flight = Flight::new(route, true);
        by_route.entry(route.clone()).or_default().push(Arc::clone(&flight));
        Role::Lead(Ticket { flights: Arc::clone(self), flight, purges: self.purges() })
    }

    /// A flight that nobody can join, and that a purge overtakes like any other.
    pub(crate) fn alone(self: &Arc<Self>, route: &Route) -> Ticket {
        let flight = Flight::new(route, false);
        let mut by_route = self.by_route.lock();
        by_route.entry(route.clone()).or_default().push(Arc::clone(&flight));
        Ticket { flights: Arc::clone(self), flight, purges: self.purges() }
    }

    /// How many purges there were: what was found stored at another count may have been purged since.
    pub(crate) fn purges(&self) -> u64 {
        self.purges.load(Ordering::SeqCst)
    }

    /// Marks flights, so that what they bring is not kept, and takes them from the register, so that nobody joins them.
    pub(crate) fn overtake(&self, doomed: impl Fn(&CacheKey) -> bool) {
        let mut by_route = self.by_route.lock();
        self.purges.fetch_add(1, Ordering::SeqCst);
        by_route.retain(|route, flights| {
            let goes = doomed(&route.key);
            if goes {
                flights.iter().for_each(|flight| flight.overtaken.store(true, Ordering::SeqCst));
            }
            !goes
        });
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_route.lock().is_empty()
    }

    fn remove(&self, flight: &Arc<Flight>) {
        let mut by_route = self.by_route.lock();
        if let Some(flights) = by_route.get_mut(&flight.route) {
            flights.retain(|other| !Arc::ptr_eq(other, flight));
            if flights.is_empty() {
                by_route.remove(&flight.route);
            }
        }
    }
}

/// The duty to bring a flight to an end.
#[derive(Debug)]
pub(crate) struct Ticket {
    flights: Arc<Flights>,
    pub(crate) flight: Arc<Flight>,
    /// How many purges there had been when it was registered; those that came later have marked it.
    pub(crate) purges: u64,
}

impl Ticket {
    /// Takes the flight from the register: nobody joins from now on.
    pub(crate) fn close(&self) {
        self.flights.remove(&self.flight);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.close();
        self.flight.progress.send_if_modified(|progress| {
            let open = matches!(progress, Progress::Asking);
            if open {
                *progress = Progress::Failed(Error::Unavailable("the fetch was broken off".to_owned()));
            }
            open
        });
    }
}
