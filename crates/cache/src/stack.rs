//! The verb: `cache.get(key, fetch)`.
//!
//! 1. The tier has it fresh: serve it (a hit).
//! 2. It has it stale and may serve it so: serve it, and revalidate behind.
//! 3. It has nothing, or something expired: one caller fetches, with the stored validators; the rest join it.
//! 4. The response is kept where policy allows, unless a purge overtook the fetch.
//!
//! A fetch runs in a task of its own, so it outlives the client that began it. Called by the edge; knows nothing of
//! where `fetch` goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use orbit_model::{CacheKey, Clock};

use crate::flight::{Flights, Landed, Landing, Role, Ticket};
use crate::policy::freshness::Use;
use crate::policy::{Policy, storable};
use crate::tier::{Dropped, Tier, Usage};
use crate::{Entry, Error};

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// From a tier, fresh.
    Hit,
    /// From a tier, stale.
    Stale,
    /// By a fetch of its own.
    Miss,
    /// By a fetch that another began.
    Coalesced,
}

/// An answer of the cache.
#[derive(Debug, Clone)]
pub struct Found {
    /// The response.
    pub entry: Arc<Entry>,
    /// How it was come by.
    pub outcome: Outcome,
    /// The tier that keeps it now, if one does.
    pub tier: Option<&'static str>,
    /// How long the fetch took, where there was one.
    pub fetch_took: Option<Duration>,
}

/// What a fetch asks with: the validators of the stored response, so that the upstream may answer 304.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// For `If-None-Match`.
    pub etag: Option<HeaderValue>,
    /// For `If-Modified-Since`.
    pub last_modified: Option<HeaderValue>,
}

/// What to purge.
#[derive(Debug, Clone, Copy)]
pub enum Purge<'a> {
    /// The response of one key.
    Key(&'a CacheKey),
    /// All that carry a tag.
    Tag(&'a str),
    /// Everything.
    All,
}

/// What a purge removed from which tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// The tier.
    pub tier: &'static str,
    /// How much went; after a soft purge, how much was marked as stale.
    pub dropped: Dropped,
}

/// How many requests ended how, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// [`Outcome::Hit`].
    pub hits: u64,
    /// [`Outcome::Stale`].
    pub stale: u64,
    /// [`Outcome::Miss`].
    pub misses: u64,
    /// [`Outcome::Coalesced`].
    pub coalesced: u64,
    /// Requests that ended with an [`Error`].
    pub errors: u64,
}

/// A cache in front of any fetch.
#[derive(Debug, Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    policy: Policy,
    tier: Box<dyn Tier>,
    flights: Arc<Flights>,
    clock: Arc<dyn Clock>,
    counters: Counters,
}

/// One counter an outcome; each request adds one to exactly one of them.
#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    stale: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
    errors: AtomicU64,
}

impl Cache {
    /// A cache over one tier.
    #[must_use]
    pub fn new(policy: Policy, tier: Box<dyn Tier>, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { policy, tier, flights: Arc::default(), clock, counters: Counters::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Answers from the tier, or by `fetch`, which is called at most once for all who ask at the same time.
    ///
    /// `fetch` must ask for the whole response, with the [`Condition`] where one is given; it runs in its own task.
    ///
    /// # Errors
    /// The [`Error`] of the fetch, where nothing stored may be served instead.
    pub async fn get<F, R>(&self, key: &CacheKey, fetch: F) -> Result<Found, Error>
    where
        F: FnOnce(Condition) -> R + Send + 'static,
        R: Future<Output = Result<Response<Bytes>, Error>> + Send + 'static,
    {
        let found = self.shared.answer(key, fetch).await;
        self.shared.count(found.as_ref().ok().map(|found| found.outcome));
        found
    }

    /// Looks into the tier only; counts nothing and fetches nothing.
    #[must_use]
    pub fn peek(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        self.shared.tier.get(key)
    }

    /// Takes responses away. When it returns, no later request is answered from them: not from the tier, and not by a
    /// fetch that was under way.
    #[must_use]
    pub fn purge(&self, what: Purge<'_>, soft: bool) -> Purged {
        let Shared { tier, flights, .. } = &*self.shared;
        // Which tags a response in flight will carry is not known yet: a purge by tag overtakes every flight.
        let in_flight = |key: &CacheKey| matches!(what, Purge::Tag(_) | Purge::All) || names(what, key, None);
        let dropped = flights.overtake(in_flight, || {
            if soft {
                return mark_stale(tier.as_ref(), what);
            }
            match what {
                Purge::Key(key) => tier.remove(key),
                _ => tier.remove_where(&|key, entry| names(what, key, Some(entry))),
            }
        });
        Purged { tier: tier.name(), dropped }
    }

    /// How full the tier is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.tier.usage()
    }

    /// How requests ended so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        Counts {
            hits: read(&counters.hits),
            stale: read(&counters.stale),
            misses: read(&counters.misses),
            coalesced: read(&counters.coalesced),
            errors: read(&counters.errors),
        }
    }
}

impl Shared {
    async fn answer<F, R>(self: &Arc<Self>, key: &CacheKey, fetch: F) -> Result<Found, Error>
    where
        F: FnOnce(Condition) -> R + Send + 'static,
        R: Future<Output = Result<Response<Bytes>, Error>> + Send + 'static,
    {
        let stored = self.tier.get(key);
        if let Some(entry) = &stored {
            match entry.usable(self.clock.now()) {
                Use::Fresh => return Ok(self.kept(entry, Outcome::Hit)),
                Use::StaleWhileRevalidate => {
                    self.revalidate_behind(key, entry, fetch);
                    return Ok(self.kept(entry, Outcome::Stale));
                }
                Use::StaleIfError | Use::Expired => {}
            }
        }
        // Another may have landed between the look into the tier and the lock.
        let role = match self.flights.begin(key, || self.fresh(key)) {
            Ok(entry) => return Ok(self.kept(&entry, Outcome::Hit)),
            Err(role) => role,
        };
        let (landing, outcome) = match role {
            Role::Lead(ticket) => (self.depart(ticket, stored.clone(), fetch).await, Outcome::Miss),
            Role::Join(boarding) => match boarding.wait().await {
                Ok(landed) if !landed.shareable => {
                    return self.fetch_alone(fetch).await;
                }
                landing => (landing, Outcome::Coalesced),
            },
        };
        match (landing, stored) {
            (Err(_), Some(entry)) if self.serves_on_error(&entry) => Ok(self.kept(&entry, Outcome::Stale)),
            (Ok(landed), Some(entry)) if landed.entry.status.is_server_error() && self.serves_on_error(&entry) => {
                Ok(self.kept(&entry, Outcome::Stale))
            }
            (landing, _) => landing.map(|landed| Found {
                tier: landed.stored.then(|| self.tier.name()),
                entry: landed.entry,
                outcome,
                fetch_took: Some(landed.took),
            }),
        }
    }

    /// An answer that came from the tier.
    fn kept(&self, entry: &Arc<Entry>, outcome: Outcome) -> Found {
        Found { entry: Arc::clone(entry), outcome, tier: Some(self.tier.name()), fetch_took: None }
    }

    fn fresh(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        self.tier.get(key).filter(|entry| entry.usable(self.clock.now()) == Use::Fresh)
    }

    fn serves_on_error(&self, entry: &Entry) -> bool {
        matches!(entry.usable(self.clock.now()), Use::StaleIfError | Use::StaleWhileRevalidate)
    }

    fn revalidate_behind<F, R>(self: &Arc<Self>, key: &CacheKey, entry: &Arc<Entry>, fetch: F)
    where
        F: FnOnce(Condition) -> R + Send + 'static,
        R: Future<Output = Result<Response<Bytes>, Error>> + Send + 'static,
    {
        if let Err(Role::Lead(ticket)) = self.flights.begin(key, || self.fresh(key)) {
            drop(self.depart(ticket, Some(Arc::clone(entry)), fetch));
        }
    }

    /// Starts the fetch in a task of its own: it lands whether or not the caller stays to see it.
    fn depart<F, R>(
        self: &Arc<Self>,
        ticket: Ticket,
        stored: Option<Arc<Entry>>,
        fetch: F,
    ) -> impl Future<Output = Landing> + use<F, R>
    where
        F: FnOnce(Condition) -> R + Send + 'static,
        R: Future<Output = Result<Response<Bytes>, Error>> + Send + 'static,
    {
        let shared = Arc::clone(self);
        let task = tokio::spawn(async move {
            let landing = shared.fetch(stored, fetch).await;
            ticket.land(landing, |key, landed| shared.store(key, landed))
        });
        async move { task.await.unwrap_or_else(|gone| Err(Error::Unavailable(gone.to_string()))) }
    }

    async fn fetch<F, R>(&self, stored: Option<Arc<Entry>>, fetch: F) -> Landing
    where
        F: FnOnce(Condition) -> R,
        R: Future<Output = Result<Response<Bytes>, Error>>,
    {
        let condition = stored.as_ref().map_or_else(Condition::default, |entry| Condition {
            etag: entry.etag().cloned(),
            last_modified: entry.last_modified().cloned(),
        });
        let started = Instant::now();
        let response = fetch(condition).await?;
        let took = started.elapsed();
        let now = self.clock.now();
        let entry = match stored {
            Some(stored) if response.status() == StatusCode::NOT_MODIFIED => {
                stored.revalidated(response.headers(), &self.policy, now)
            }
            _ => Entry::new(response, &self.policy, now),
        };
        let shareable = storable::may_share(&entry.headers);
        Ok(Landed { entry: Arc::new(entry), stored: false, shareable, took })
    }

    /// Puts what landed into the tier where policy allows; what it replaces is gone where it does not.
    fn store(&self, key: &CacheKey, landed: &Landed) -> bool {
        let Entry { status, headers, .. } = &*landed.entry;
        if storable::may_store(*status, headers, &self.policy) {
            return self.tier.put(key, Arc::clone(&landed.entry));
        }
        if !status.is_server_error() {
            self.tier.remove(key);
        }
        false
    }

    async fn fetch_alone<F, R>(&self, fetch: F) -> Result<Found, Error>
    where
        F: FnOnce(Condition) -> R,
        R: Future<Output = Result<Response<Bytes>, Error>>,
    {
        let landed = self.fetch(None, fetch).await?;
        Ok(Found { entry: landed.entry, outcome: Outcome::Miss, tier: None, fetch_took: Some(landed.took) })
    }

    fn count(&self, outcome: Option<Outcome>) {
        let counter = match outcome {
            Some(Outcome::Hit) => &self.counters.hits,
            Some(Outcome::Stale) => &self.counters.stale,
            Some(Outcome::Miss) => &self.counters.misses,
            Some(Outcome::Coalesced) => &self.counters.coalesced,
            None => &self.counters.errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether a purge names this response; of one that is still in flight there is no entry.
fn names(what: Purge<'_>, key: &CacheKey, entry: Option<&Entry>) -> bool {
    match what {
        Purge::Key(named) => key == named,
        Purge::Tag(tag) => entry.is_some_and(|entry| entry.has_tag(tag)),
        Purge::All => true,
    }
}

fn mark_stale(tier: &dyn Tier, what: Purge<'_>) -> Dropped {
    let marked = std::cell::Cell::new(Dropped::default());
    // Nothing is dropped: the walk only marks.
    tier.remove_where(&|key, entry| {
        if names(what, key, Some(entry)) {
            entry.soft_purge();
            let Dropped { entries, bytes } = marked.get();
            marked.set(Dropped { entries: entries + 1, bytes: bytes + entry.cost() });
        }
        false
    });
    marked.into_inner()
}

#[cfg(test)]
mod tests;
