//! CDNs: caches of others in front of the edges, which are told what to drop.
//!
//! 1. What edges have been told, [`Cdns`] are told after them, for a CDN takes its copies from there.
//! 2. Each purge is written down for each CDN ([`orbit_store::Letters`]), so that neither a crash nor an outage loses one.
//! 3. A [`desk`] a CDN sends what has come together, waits and tries again; a [`driver`] knows what that CDN wants to be asked.
//! 4. The receipt says who has confirmed in time. What has not stands under `GET /cdn/failed` ([`routes`]).
//! 5. What was confirmed is told once more a little later: an answer that was on its way into the cache during the purge is not
//!    reached by it.
//!
//! A soft purge is told to those that can mark as stale; others keep what they have until it is no longer fresh.

mod carrier;
mod desk;
mod driver;
mod drivers;
pub(crate) mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use orbit_model::{Clock, Letter, LetterState, PurgeRequest, Removed};
use orbit_store::Letters;

use self::carrier::Carrier;
use self::desk::{Desk, News};
use crate::{Error, Fetcher, Origin};

pub use driver::Secret;
pub use drivers::{AwsKeys, Secrets};

/// What an operator may choose of CDNs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The CDNs, as in `fastly://SERVICE_ID`.
    pub urls: Vec<String>,
    /// What they want to see before they obey.
    pub secrets: Secrets,
    /// What stands before `/api/images/{id}` in URLs, for those that are told URLs.
    pub public_base_url: String,
    /// How long a purge waits for their word.
    pub wait: Duration,
    /// How long after its confirmation a purge is told once more; 0 for never.
    pub again_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            secrets: Secrets::default(),
            public_base_url: String::new(),
            wait: Duration::from_secs(5),
            again_after: Duration::from_secs(10),
        }
    }
}

/// All CDNs of an origin; clones share them.
#[derive(Debug, Clone)]
pub struct Cdns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    desks: Vec<Desk>,
    outbox: Letters,
    clock: Arc<dyn Clock>,
    wait: Duration,
}

impl Cdns {
    /// The CDNs of a configuration, with what the last run has left to tell them.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a URL names no CDN or its token is missing, and what goes wrong with the outbox.
    pub async fn open(
        config: Config,
        outbox: Letters,
        fetcher: &Fetcher,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let drivers = drivers::of(&config.urls, &config.secrets, &config.public_base_url)?;
        let carrier = Carrier::new(fetcher, Arc::clone(&clock));
        let mut desks: Vec<Desk> = drivers
            .into_iter()
            .map(|driver| Desk::new(driver, carrier.clone(), outbox.clone(), config.again_after))
            .collect();
        for letter in outbox.all().await? {
            match desks.iter_mut().find(|desk| desk.is_for(&letter)) {
                Some(desk) if letter.state != LetterState::Failed => drop(desk.put(letter)),
                Some(_) => {}
                None => tracing::warn!(
                    target: "orbit::origin", id = letter.id, to = letter.to,
                    "a purge waits for a CDN that is no longer configured; GET /cdn/failed lists it"
                ),
            }
        }
        Ok(Self(Arc::new(Shared { desks, outbox, clock, wait: config.wait })))
    }

    /// Sends what there is to send, for as long as the process runs.
    pub async fn tend(&self) {
        join_all(self.0.desks.iter().map(Desk::tend)).await;
    }

    /// Tells the CDNs what to drop and waits a while for their word; what has none then is told on.
    async fn purge(&self, request: &PurgeRequest) -> Vec<Removed> {
        let told = self.post(request).await.into_iter().map(|(desk, news)| desk.report(news, self.0.wait));
        join_all(told).await
    }

    /// Hands each CDN's desk what it is to be told.
    async fn post(&self, request: &PurgeRequest) -> Vec<(&Desk, News)> {
        let wanted: Vec<&Desk> =
            self.0.desks.iter().filter(|desk| !request.soft || desk.driver().can_soften()).collect();
        // Paths name copies of edges; where nothing else is named there is nothing to tell.
        let nothing = request.ids.is_empty() && request.threads.is_empty() && request.tags.is_empty() && !request.all;
        if wanted.is_empty() || nothing {
            return Vec::new();
        }
        let letters: Vec<Letter> = wanted.iter().map(|desk| self.letter(desk, request)).collect();
        let letters = match self.0.outbox.add(letters.clone()).await {
            Ok(kept) => kept,
            Err(error) => {
                // They are sent all the same: only a crash loses them now.
                tracing::error!(target: "orbit::origin", %error, "purges for CDNs cannot be written down");
                letters
            }
        };
        wanted.into_iter().zip(letters).map(|(desk, letter)| (desk, desk.put(letter))).collect()
    }

    fn letter(&self, desk: &Desk, request: &PurgeRequest) -> Letter {
        Letter {
            id: 0,
            to: desk.driver().url().to_owned(),
            purge: worded(request),
            since: self.0.clock.now(),
            attempts: 0,
            error: None,
            state: LetterState::Waiting,
        }
    }

    /// All that was not confirmed yet, the oldest first.
    async fn unconfirmed(&self) -> Result<Vec<Letter>, Error> {
        let mut letters = self.0.outbox.all().await?;
        letters.retain(|letter| letter.state != LetterState::Confirmed);
        Ok(letters)
    }

    /// Sends once more what was in vain, all of it or what is named, and waits a while; returns what is still unconfirmed.
    async fn retry(&self, ids: &[u64]) -> Result<Vec<Letter>, Error> {
        let letters = self.unconfirmed().await?;
        let mut waiting = Vec::new();
        for mut letter in letters.into_iter().filter(|letter| ids.is_empty() || ids.contains(&letter.id)) {
            let Some(desk) = self.0.desks.iter().find(|desk| desk.is_for(&letter)) else { continue };
            if letter.state == LetterState::Failed {
                letter.state = LetterState::Waiting;
                letter.attempts = 0;
                self.0.outbox.set(vec![letter.clone()]).await?;
            }
            waiting.push((desk, desk.hurry(letter)));
        }
        join_all(waiting.into_iter().map(|(desk, news)| desk.report(news, self.0.wait))).await;
        self.unconfirmed().await
    }

    /// Gives up on a letter; tells whether there was one.
    async fn forget(&self, id: u64) -> Result<bool, Error> {
        let known = self.unconfirmed().await?.iter().any(|letter| letter.id == id);
        self.0.desks.iter().for_each(|desk| desk.drop_letter(id));
        self.0.outbox.remove(vec![id]).await?;
        Ok(known)
    }
}

/// A purge as a CDN is told it: everything is everything, and named by no name; but no CDN can mark everything as stale, so that
/// goes by names.
fn worded(request: &PurgeRequest) -> PurgeRequest {
    match (request.all, request.soft) {
        (true, false) => PurgeRequest { all: true, ..PurgeRequest::default() },
        _ => PurgeRequest { paths: Vec::new(), all: false, ..request.clone() },
    }
}

impl Origin {
    /// Tells the CDNs of a purge that the edges know of already; what a receipt says of each.
    pub(crate) async fn tell_cdns(&self, request: &PurgeRequest) -> Vec<Removed> {
        match &self.0.parts.cdns {
            Some(cdns) => cdns.purge(request).await,
            None => Vec::new(),
        }
    }

    /// The same without waiting for anybody.
    pub(crate) async fn tell_cdns_behind(&self, request: &PurgeRequest) {
        if let Some(cdns) = &self.0.parts.cdns {
            cdns.post(request).await;
        }
    }
}
