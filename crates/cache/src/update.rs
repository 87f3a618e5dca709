//! What a 304, or an answer to HEAD, does to what is stored (RFC 9111 sections 4.3.4 and 4.3.5).
//!
//! Called by the stack for HEAD and by the leader of a fetch for a 304; knows nothing of who waits.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response};
use orbit_model::Forward;

use crate::flight::Flight;
use crate::head::Update;
use crate::policy::head_update::{Effect, effect};
use crate::policy::storable;
use crate::stack::Shared;
use crate::{Ask, Body, Entry, Error, Forwarded, Found, Head, Question};

/// The same bytes under new fields.
pub(crate) enum Freshened {
    /// To be kept.
    Kept(Entry),
    /// Not to be kept, for what the request says; what is stored stays as it is.
    Served(Entry),
    /// Not to be kept any longer, nor what is stored.
    Gone(Entry),
}

impl Shared {
    /// Passes a HEAD on, and learns from the answer what is stored is worth (RFC 9111 section 4.3.5).
    pub(crate) async fn head<F, R>(self: &Arc<Self>, ask: Ask<'_>, fetch: F) -> Result<Found, Error>
    where
        F: Fn(Question) -> R,
        R: Future<Output = Result<Response<Body>, Error>>,
    {
        let ticket = self.flights.alone(&self.route(ask, None));
        let began = std::time::Instant::now();
        let response = fetch(Question::AsAsked).await?;
        let (parts, body) = response.into_parts();
        let forwarded = Forwarded { reason: Forward::Method, status: Some(parts.status), took: began.elapsed() };
        self.learn_from_head(ask, &parts, (forwarded.took, &ticket.flight)).await;
        let head = Head::new(parts.status, parts.headers, ask.headers, &self.policy, self.clock.now());
        Ok(Found::passed(Arc::new(head), body, forwarded))
    }

    async fn learn_from_head(
        self: &Arc<Self>,
        ask: Ask<'_>,
        parts: &http::response::Parts,
        (delay, flight): (Duration, &Flight),
    ) {
        let wanted = self.wanted(ask);
        let stored = self.near.stored(ask.key);
        for entry in stored.iter().filter(|entry| wanted.selects(entry)) {
            let update = Update { delay, fields: &parts.headers, request: ask.headers };
            match effect(&entry.head, parts.status, &parts.headers) {
                Effect::Freshen => match self.freshen(entry, update) {
                    Freshened::Kept(entry) => drop(self.keep(ask.key, &Arc::new(entry), flight)),
                    Freshened::Served(_) => {}
                    Freshened::Gone(_) => self.drop_key(ask.key).await,
                },
                Effect::Invalidate => self.drop_key(ask.key).await,
                Effect::Nothing => {}
            }
        }
    }

    /// The same bytes under the fields that a 304 or an answer to HEAD brings.
    pub(crate) fn freshen(&self, entry: &Entry, update: Update<'_>) -> Freshened {
        let (policy, request) = (&self.policy, update.request);
        let head = Arc::new(entry.head.freshened(update, policy, self.clock.now()));
        let (status, fields) = (head.status, &head.headers);
        let storable = storable::may_store(&Method::GET, request, status, fields, policy);
        let for_anyone = storable::may_store_for_anyone(status, fields, policy);
        let entry = Entry { head: Arc::clone(&head), body: entry.body.clone() };
        match (storable, for_anyone) {
            (Ok(()), _) => Freshened::Kept(entry),
            (Err(_), Ok(())) => Freshened::Served(entry),
            (Err(_), Err(_)) => Freshened::Gone(entry),
        }
    }
}
