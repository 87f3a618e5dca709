//! Coalescing: concurrent fetches of one key are one fetch, which the others join.
//!
//! The one who leads holds a [`Ticket`]; who comes later gets a [`Boarding`] to wait on. A ticket that is dropped
//! without landing (a panic, a runtime that stops) lands with an error, so nobody waits for ever.
//!
//! Invariant: a response enters a tier only under the lock of the flights, and only while its flight is registered. A
//! purge unregisters the flight under the same lock, so a fill that it overtook can never bring the response back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use orbit_model::CacheKey;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Entry, Error};

/// What a fetch brought.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    /// The response.
    pub(crate) entry: Arc<Entry>,
    /// What the upstream answered; 304 where `entry` is what was stored, made fresh.
    pub(crate) status: StatusCode,
    /// It was put into the tier.
    pub(crate) stored: bool,
    /// It may answer those who joined.
    pub(crate) shareable: bool,
    /// How long the fetch took.
    pub(crate) took: Duration,
}

pub(crate) type Landing = Result<Landed, Error>;

/// All fetches that are under way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    /// Held only for map and tier operations, never across an await.
    by_key: Mutex<HashMap<CacheKey, watch::Sender<Option<Landing>>>>,
}

/// What the tier has under a key.
pub(crate) enum Look {
    /// Something to serve.
    Fresh(Arc<Entry>),
    /// Something to revalidate, or nothing.
    Other(Option<Arc<Entry>>),
}

/// Which part a caller has in a fetch.
pub(crate) enum Role {
    /// None is needed: the entry came in the meantime.
    Stay(Arc<Entry>),
    /// It fetches, to revalidate what is stored.
    Lead(Ticket, Option<Arc<Entry>>),
    /// Another does; it waits.
    Join(Boarding),
}

impl Flights {
    /// Registers a flight, or joins the one that is registered.
    ///
    /// `look` looks into the tier under the lock: another may have landed just before, and what a purge has taken away
    /// must not be what the fetch revalidates.
    pub(crate) fn begin(self: &Arc<Self>, key: &CacheKey, look: impl FnOnce() -> Look) -> Role {
        let mut by_key = self.by_key.lock();
        if let Some(sender) = by_key.get(key) {
            return Role::Join(Boarding(sender.subscribe()));
        }
        let stored = match look() {
            Look::Fresh(entry) => return Role::Stay(entry),
            Look::Other(stored) => stored,
        };
        let (sender, _) = watch::channel(None);
        by_key.insert(key.clone(), sender.clone());
        Role::Lead(Ticket { flights: Arc::clone(self), key: key.clone(), sender, landed: false }, stored)
    }

    /// Takes flights from the register, so that what they bring is not kept, then runs `remove` under the same lock.
    pub(crate) fn overtake<T>(&self, doomed: impl Fn(&CacheKey) -> bool, remove: impl FnOnce() -> T) -> T {
        let mut by_key = self.by_key.lock();
        by_key.retain(|key, _| !doomed(key));
        remove()
    }
}

/// The duty to land a flight.
#[derive(Debug)]
pub(crate) struct Ticket {
    flights: Arc<Flights>,
    key: CacheKey,
    sender: watch::Sender<Option<Landing>>,
    landed: bool,
}

impl Ticket {
    /// Ends the flight and tells everyone; `store` runs only if no purge has overtaken it, and says what was kept.
    pub(crate) fn land(mut self, landing: Landing, store: impl FnOnce(&CacheKey, &Landed) -> bool) -> Landing {
        self.finish(landing, store)
    }

    fn finish(&mut self, mut landing: Landing, store: impl FnOnce(&CacheKey, &Landed) -> bool) -> Landing {
        self.landed = true;
        let mut by_key = self.flights.by_key.lock();
        let registered = by_key.get(&self.key).is_some_and(|sender| sender.same_channel(&self.sender));
        if registered {
            if let Ok(landed) = &mut landing {
                landed.stored = store(&self.key, landed);
            }
            by_key.remove(&self.key);
        }
        drop(by_key);
        self.sender.send_replace(Some(landing.clone()));
        landing
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.landed {
            let broken = Err(Error::Unavailable("the fetch was broken off".to_owned()));
            let _ = self.finish(broken, |_, _| false);
        }
    }
}

/// The wait for somebody else's flight.
pub(crate) struct Boarding(watch::Receiver<Option<Landing>>);

impl Boarding {
    /// Waits until the flight has landed.
    pub(crate) async fn wait(mut self) -> Landing {
        match self.0.wait_for(Option::is_some).await {
            Ok(landing) => landing.clone().unwrap_or_else(|| Err(Error::Timeout)),
            Err(_) => Err(Error::Unavailable("the fetch was broken off".to_owned())),
        }
    }
}
