//! The verb: `cache.get(ask, fetch)`.
//!
//! 1. Memory has it fresh: serve it (a hit).
//! 2. It has it stale and may serve it so: serve it, and revalidate behind.
//! 3. Its key was uncacheable of late, or the request is one user's own: fetch for this request alone.
//! 4. Somebody fetches it already: join, and read the body while it arrives.
//! 5. Or lead ([`crate::lead`]): look on the disk, then fetch with the stored validators; the response is kept where policy allows, unless a
//!    purge overtook the fetch.
//!
//! A fetch runs in a task of its own, so it outlives the client that began it. Called by the edge; knows nothing of
//! where `fetch` goes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http::header::{CACHE_CONTROL, PRAGMA};
use http::{Method, Response};
use jiff::Timestamp;
use orbit_model::{CacheKey, Clock};
use tokio::sync::watch;

use crate::bypass::Bypass;
use crate::fill::Reader;
use crate::flight::{Flight, Flights, Landed, Progress, Role, Route};
use crate::lead::Lead;
use crate::lease::Lease;
use crate::policy::freshness::Use;
use crate::policy::request::Directives;
use crate::policy::{Policy, storable};
use crate::tier::{Tier, Usage, Wanted};
use crate::{Ask, Body, Entry, Error, Found, Limits, Outcome, Question};

/// A cache in front of any fetch; clones share it.
#[derive(Debug, Clone)]
pub struct Cache {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    /// Looked into by every request, in passing.
    pub(crate) near: Box<dyn Tier>,
    /// Looked into by those who lead a fetch, on a thread that may wait.
    pub(crate) far: Option<Arc<dyn Tier>>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) bypass: Bypass,
    pub(crate) lease: Lease,
    pub(crate) filling_bytes: Arc<AtomicU64>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What memory says to a request.
#[derive(Debug)]
pub enum Lookup {
    /// The answer.
    Fresh(Found),
    /// It must be resolved further.
    Other(Looked),
}

/// What memory has for a request that it does not answer by itself.
#[derive(Debug, Clone)]
pub struct Looked {
    stored: Option<Arc<Entry>>,
    directives: Directives,
    /// How many purges there had been before it was looked.
    purges: u64,
}

impl Cache {
    /// A cache over a memory tier and, where one is given, a slower one behind it.
    #[must_use]
    pub fn new(
        policy: Policy,
        limits: Limits,
        near: Box<dyn Tier>,
        far: Option<Arc<dyn Tier>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let shared = Shared {
            policy,
            limits,
            near,
            far,
            flights: Arc::default(),
            bypass: Bypass::default(),
            lease: Lease::default(),
            filling_bytes: Arc::default(),
            clock,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Answers from a tier, from a fetch in flight, or by `fetch`.
    ///
    /// `fetch` is called once for all who ask for the same at the same time, as far as the response may be shared. It runs in its own task.
    ///
    /// # Errors
    /// The [`Error`] of the fetch, where nothing stored may be served instead.
    pub async fn get<F, R>(&self, ask: Ask<'_>, fetch: F) -> Result<Found, Error>
    where
        F: Fn(Question) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
    {
        match self.look(ask) {
            Lookup::Fresh(found) => Ok(found),
            Lookup::Other(looked) => self.resolve(ask, looked, fetch).await,
        }
    }

    /// Looks into memory: the first half of [`Cache::get`], which never waits.
    #[must_use]
    pub fn look(&self, ask: Ask<'_>) -> Lookup {
        let shared = &self.shared;
        let directives = Directives::heeded(ask.headers, &shared.policy);
        let purges = shared.flights.purges();
        let stored = shared.near.find(ask.key, &shared.wanted(ask));
        let stored = stored.filter(|entry| storable::may_answer(ask.headers, &entry.head));
        match stored {
            Some(entry) if shared.usable(&entry, &directives) == Use::Fresh => {
                Lookup::Fresh(Landed::kept(entry, Outcome::Hit, shared.near.name()).found())
            }
            stored => Lookup::Other(Looked { stored, directives, purges }),
        }
    }

    /// Answers what [`Cache::look`] left open: the second half of [`Cache::get`].
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub async fn resolve<F, R>(&self, ask: Ask<'_>, looked: Looked, fetch: F) -> Result<Found, Error>
    where
        F: Fn(Question) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
    {
        let shared = &self.shared;
        let Looked { stored, directives, purges } = looked;
        if let Some(entry) = &stored
            && shared.usable(entry, &directives) == Use::StaleWhileRevalidate
        {
            let stale = Stored { entry: Arc::clone(entry), purges };
            shared.revalidate_behind(ask, &stale, fetch);
            return Ok(Landed::kept(stale.entry, Outcome::Stale, shared.near.name()).found());
        }
        if directives.only_if_cached {
            return shared.only_if_cached(ask, &directives).await;
        }
        if *ask.method == Method::HEAD {
            return shared.head(ask, fetch).await;
        }
        let route = shared.route(ask, stored.as_ref());
        let request = Request { ask, directives, stored, purges };
        // What comes of one user's own request, or of one that wants nothing kept, is for nobody who waits.
        let is_alone = ask.is_personal() || directives.no_store;
        if is_alone || shared.bypass.knows(&route, shared.clock.now()) {
            return shared.alone(&request, &route, fetch).await;
        }
        if !shared.lease.runs(shared.clock.now()) {
            return shared.apart(&request, &route, fetch).await;
        }
        shared.join_or_lead(&request, route, fetch).await
    }

    /// How full each tier is.
    #[must_use]
    pub fn usage(&self) -> Vec<(&'static str, Usage)> {
        self.shared.tiers().map(|tier| (tier.name(), tier.usage())).collect()
    }
}

/// A request that memory did not answer.
pub(crate) struct Request<'a> {
    pub(crate) ask: Ask<'a>,
    pub(crate) directives: Directives,
    /// What the request selects, stale.
    pub(crate) stored: Option<Arc<Entry>>,
    /// How many purges there had been before that was found.
    pub(crate) purges: u64,
}

/// An entry to revalidate.
pub(crate) struct Stored {
    pub(crate) entry: Arc<Entry>,
    /// How many purges there had been before it was found.
    pub(crate) purges: u64,
}

impl Shared {
    async fn join_or_lead<F, R>(
        self: &Arc<Self>,
        request: &Request<'_>,
        mut route: Route,
        fetch: F,
    ) -> Result<Found, Error>
    where
        F: Fn(Question) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
    {
        loop {
            let look = || self.fresh_in_memory(request);
            match self.flights.begin(&route, self.limits.max_age, look) {
                Role::Stay(entry) => return Ok(Landed::kept(entry, Outcome::Hit, self.near.name()).found()),
                Role::Lead(ticket) => return Lead::new(Arc::clone(self), ticket, request, fetch).depart().await,
                Role::Join(watched) => match self.join(watched, request).await {
                    Joined::Answer(answer) => return answer,
                    Joined::Another(found) if found != route => route = found,
                    Joined::Another(_) | Joined::Alone => return self.alone(request, &route, fetch).await,
                },
            }
        }
    }

    /// Watches another's flight until there is something to serve.
    async fn join(&self, mut watched: watch::Receiver<Progress>, request: &Request<'_>) -> Joined {
        let told = watched.wait_for(|progress| !matches!(progress, Progress::Asking));
        let progress = match tokio::time::timeout(self.limits.max_wait, told).await {
            Ok(Ok(progress)) => progress.clone(),
            Ok(Err(_)) => Progress::Failed(Error::Unavailable("the fetch was broken off".to_owned())),
            Err(_) => return Joined::Alone,
        };
        match progress {
            Progress::Filling(head, fill, forwarded) => {
                if !head.vary.matches(request.ask.headers, &self.policy) {
                    return Joined::Another(self.route_by(request.ask, &head));
                }
                let Some(reader) = Reader::join(&fill) else { return Joined::Alone };
                let body = Body::Filling(reader);
                let (forwarded, outcome) = (Some(forwarded), Outcome::Coalesced);
                Joined::Answer(Ok(Found { head, body, outcome, tier: None, forwarded, stored: true }))
            }
            Progress::Landed(landed) if !landed.entry.head.vary.matches(request.ask.headers, &self.policy) => {
                Joined::Another(self.route_by(request.ask, &landed.entry.head))
            }
            // What comes from a tier has not been asked for on behalf of those who want it newer.
            Progress::Landed(landed) if landed.tier.is_some() && !self.accepts(&landed.entry, request) => Joined::Alone,
            Progress::Landed(landed) => Joined::Answer(Ok(landed.found_by_joining())),
            Progress::Failed(error) => Joined::Answer(Err(error)),
            Progress::Released | Progress::Asking => Joined::Alone,
        }
    }

    fn accepts(&self, entry: &Entry, request: &Request<'_>) -> bool {
        let asks_for_nothing = request.directives == Directives::default();
        asks_for_nothing || matches!(self.usable(entry, &request.directives), Use::Fresh | Use::StaleWhileRevalidate)
    }

    /// Fetches for this request only; what comes is kept where it may be.
    async fn alone<F, R>(self: &Arc<Self>, request: &Request<'_>, route: &Route, fetch: F) -> Result<Found, Error>
    where
        F: Fn(Question) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
    {
        let ticket = self.flights.alone(route);
        Lead::new(Arc::clone(self), ticket, request, fetch).alone().depart().await
    }

    /// Asks without joining another, whose answer may be of a time before a purge that is not known here.
    async fn apart<F, R>(self: &Arc<Self>, request: &Request<'_>, route: &Route, fetch: F) -> Result<Found, Error>
    where
        F: Fn(Question) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
    {
        let ticket = self.flights.alone(route);
        Lead::new(Arc::clone(self), ticket, request, fetch).depart().await
    }

    /// Answers a request that must not reach the upstream.
    async fn only_if_cached(self: &Arc<Self>, ask: Ask<'_>, directives: &Directives) -> Result<Found, Error> {
        let entry = self.find_far(ask).await;
        let usable = |entry: &Arc<Entry>| self.usable(entry, directives) == Use::Fresh;
        let (entry, tier) = entry.filter(usable).zip(self.far.as_ref()).ok_or(Error::NotCached)?;
        Ok(Landed::kept(entry, Outcome::Hit, tier.name()).found())
    }

    /// Starts a revalidation unless one is under way or has just failed. It is for everybody: what the request at hand says of
    /// caches does not count, and it is a GET whatever that is.
    pub(crate) fn revalidate_behind<F, R>(self: &Arc<Self>, ask: Ask<'_>, stale: &Stored, fetch: F)
    where
        F: Fn(Question) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
    {
        if !stale.entry.head.may_retry(self.clock.now()) {
            return;
        }
        let mut headers = ask.headers.clone();
        for name in [CACHE_CONTROL, PRAGMA] {
            headers.remove(name);
        }
        let ask = Ask { method: &Method::GET, headers: &headers, key: ask.key };
        let (directives, stored) = (Directives::default(), Some(Arc::clone(&stale.entry)));
        let request = Request { ask, directives, stored, purges: stale.purges };
        let look = || self.fresh_in_memory(&request);
        let route = self.route(ask, Some(&stale.entry));
        if let Role::Lead(ticket) = self.flights.begin(&route, self.limits.max_age, look) {
            tokio::spawn(Lead::new(Arc::clone(self), ticket, &request, fetch).run(None));
        }
    }

    /// What of the far tier may answer a request, looked for on a thread that may wait.
    pub(crate) async fn find_far(self: &Arc<Self>, ask: Ask<'_>) -> Option<Arc<Entry>> {
        self.far.as_ref()?;
        let (shared, key, headers) = (Arc::clone(self), ask.key.clone(), ask.headers.clone());
        let look = move || {
            let wanted = Wanted { headers: &headers, policy: &shared.policy };
            shared.far.as_ref().and_then(|far| far.find(&key, &wanted))
        };
        // A thread that panicked is a tier that has nothing.
        let found = tokio::task::spawn_blocking(look).await.ok().flatten();
        found.filter(|entry| storable::may_answer(ask.headers, &entry.head))
    }

    fn fresh_in_memory(&self, request: &Request<'_>) -> Option<Arc<Entry>> {
        let wanted = self.wanted(request.ask);
        let stored = self.near.stored(request.ask.key).into_iter().filter(|entry| wanted.selects(entry));
        let youngest = stored.max_by_key(|entry| entry.head.fetched_at)?;
        (self.usable(&youngest, &request.directives) == Use::Fresh).then_some(youngest)
    }

    /// What may be done with an entry now, for a request with these directives.
    pub(crate) fn usable(&self, entry: &Entry, directives: &Directives) -> Use {
        let now = self.clock.now();
        if !self.lease.covers(&entry.head, now) {
            return Use::Expired;
        }
        entry.head.usable_for(directives, now)
    }

    pub(crate) fn wanted<'a>(&'a self, ask: Ask<'a>) -> Wanted<'a> {
        Wanted { headers: ask.headers, policy: &self.policy }
    }

    /// Which response a request is for, as far as what is stored tells.
    pub(crate) fn route(&self, ask: Ask<'_>, stored: Option<&Arc<Entry>>) -> Route {
        match stored.cloned().or_else(|| self.near.stored(ask.key).pop()) {
            Some(entry) => self.route_by(ask, &entry.head),
            None => Route { key: ask.key.clone(), vary: crate::policy::vary::Vary::default() },
        }
    }

    /// The same where a response's head tells.
    fn route_by(&self, ask: Ask<'_>, head: &crate::Head) -> Route {
        Route { key: ask.key.clone(), vary: head.vary.for_request(ask.headers, &self.policy) }
    }

    /// Puts a response into every tier that wants it, unless a purge has overtaken its flight.
    pub(crate) fn keep(&self, key: &CacheKey, entry: &Arc<Entry>, flight: &Flight) -> bool {
        let still = || flight.may_store();
        let kept = self.tiers().map(|tier| tier.put(key, Arc::clone(entry), &still));
        kept.fold(false, |any, kept| any | kept)
    }

    pub(crate) fn tiers(&self) -> impl Iterator<Item = &dyn Tier> {
        std::iter::once(&*self.near).chain(self.far.as_deref())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// What joining a flight came to.
enum Joined {
    /// The answer.
    Answer(Result<Found, Error>),
    /// The flight fetches for other selecting fields: this is the route to take.
    Another(Route),
    /// Nothing to share.
    Alone,
}

#[cfg(test)]
mod tests;
