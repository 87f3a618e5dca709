//! The verb: `cache.get(key, fetch)`.
//!
//! 1. The tier has it fresh: serve it (a hit).
//! 2. It has it stale and may serve it so: serve it, and revalidate behind.
//! 3. It has nothing, or something expired: one caller fetches, with the stored validators; the rest join it.
//! 4. The response is kept where policy allows, unless a purge overtook the fetch.
//!
//! A background revalidation that failed is put off for a moment, so that a dying upstream is not hammered.
//! A fetch runs in a task of its own, so it outlives the client that began it. Called by the edge; knows nothing of
//! where `fetch` goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use orbit_model::{CacheKey, Clock, Forward};

use crate::counters::{Counters, Counts};
use crate::flight::{Boarding, Flights, Landed, Landing, Look, Role, Ticket};
use crate::policy::freshness::Use;
use crate::policy::{Policy, storable};
use crate::tier::{Tier, Usage};
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
    /// What the upstream was asked for, where it was asked before this answer.
    pub forwarded: Option<Forwarded>,
}

/// A request that went on to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// Why.
    pub reason: Forward,
    /// What it answered; `None` where it gave no answer.
    pub status: Option<StatusCode>,
    /// How long that took.
    pub took: Duration,
}

/// What a fetch asks with: the validators of the stored response, so that the upstream may answer 304.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// For `If-None-Match`.
    pub etag: Option<HeaderValue>,
    /// For `If-Modified-Since`.
    pub last_modified: Option<HeaderValue>,
}

/// A cache in front of any fetch.
#[derive(Debug, Clone)]
pub struct Cache {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    policy: Policy,
    pub(crate) tier: Box<dyn Tier>,
    pub(crate) flights: Arc<Flights>,
    clock: Arc<dyn Clock>,
    counters: Counters,
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
        self.shared.counters.add(found.as_ref().ok().map(|found| found.outcome));
        found
    }

    /// Looks into the tier only; counts nothing and fetches nothing.
    #[must_use]
    pub fn peek(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        self.shared.tier.peek(key)
    }

    /// How full the tier is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.tier.usage()
    }

    /// How requests ended so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counters.read()
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
        let (ticket, stored) = match self.flights.begin(key, || self.look(key)) {
            Role::Stay(entry) => return Ok(self.kept(&entry, Outcome::Hit)),
            Role::Join(boarding) => return self.join(boarding, stored, fetch).await,
            Role::Lead(ticket, stored) => (ticket, stored),
        };
        let landing = self.depart(ticket, stored.clone(), fetch).await;
        self.arrive(landing, stored, Outcome::Miss)
    }

    /// Waits for another's fetch; what may not be shared is fetched again.
    async fn join<F, R>(&self, boarding: Boarding, stored: Option<Arc<Entry>>, fetch: F) -> Result<Found, Error>
    where
        F: FnOnce(Condition) -> R,
        R: Future<Output = Result<Response<Bytes>, Error>>,
    {
        match boarding.wait().await {
            Ok(landed) if !landed.shareable => {
                let alone = self.fetch(None, fetch).await;
                self.arrive(alone, None, Outcome::Miss)
            }
            landing => self.arrive(landing, stored, Outcome::Coalesced),
        }
    }

    /// Answers with what landed, or with what is stored where the upstream failed and that may be served.
    fn arrive(&self, landing: Landing, stored: Option<Arc<Entry>>, outcome: Outcome) -> Result<Found, Error> {
        let reason = if stored.is_some() { Forward::Stale } else { Forward::UriMiss };
        let (status, took) = match &landing {
            Ok(landed) => (Some(landed.status), landed.took),
            Err(_) => (None, Duration::ZERO),
        };
        let forwarded = Some(Forwarded { reason, status, took });
        let failed = status.is_none_or(|status| status.is_server_error());
        if failed && let Some(entry) = stored.filter(|entry| self.serves_on_error(entry)) {
            return Ok(Found { forwarded, ..self.kept(&entry, Outcome::Stale) });
        }
        landing.map(|landed| Found {
            tier: landed.stored.then(|| self.tier.name()),
            entry: landed.entry,
            outcome,
            forwarded,
        })
    }

    /// An answer that came from the tier.
    fn kept(&self, entry: &Arc<Entry>, outcome: Outcome) -> Found {
        Found { entry: Arc::clone(entry), outcome, tier: Some(self.tier.name()), forwarded: None }
    }

    fn look(&self, key: &CacheKey) -> Look {
        match self.tier.peek(key) {
            Some(entry) if entry.usable(self.clock.now()) == Use::Fresh => Look::Fresh(entry),
            other => Look::Other(other),
        }
    }

    fn serves_on_error(&self, entry: &Entry) -> bool {
        matches!(entry.usable(self.clock.now()), Use::StaleIfError | Use::StaleWhileRevalidate)
    }

    fn revalidate_behind<F, R>(self: &Arc<Self>, key: &CacheKey, entry: &Arc<Entry>, fetch: F)
    where
        F: FnOnce(Condition) -> R + Send + 'static,
        R: Future<Output = Result<Response<Bytes>, Error>> + Send + 'static,
    {
        if entry.may_retry(self.clock.now())
            && let Role::Lead(ticket, stored) = self.flights.begin(key, || self.look(key))
        {
            drop(self.depart(ticket, stored, fetch));
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
            let landing = shared.fetch(stored.clone(), fetch).await;
            let failed = landing.as_ref().map_or(true, |landed| landed.status.is_server_error());
            if let Some(stored) = stored.filter(|_| failed) {
                stored.put_off(shared.clock.now());
            }
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
        let (took, status) = (started.elapsed(), response.status());
        let now = self.clock.now();
        let entry = match stored {
            Some(stored) if status == StatusCode::NOT_MODIFIED => {
                stored.revalidated(response.headers(), &self.policy, now)
            }
            _ => Entry::new(response, &self.policy, now),
        };
        let shareable = storable::may_share(&entry.headers);
        Ok(Landed { entry: Arc::new(entry), status, stored: false, shareable, took })
    }

    /// Puts what landed into the tier where policy allows; what it replaces is gone where it does not.
    fn store(&self, key: &CacheKey, landed: &Landed) -> bool {
        let Entry { status, headers, .. } = &*landed.entry;
        if storable::may_store(*status, headers, &self.policy) {
            return self.tier.put(key, Arc::clone(&landed.entry));
        }
        // Said for sure that the old one is no more; a 429 or a 500 says nothing of the image.
        if status.is_success() || matches!(*status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            self.tier.remove(key);
        }
        false
    }
}

#[cfg(test)]
mod tests;
