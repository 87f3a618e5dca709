//! The one who leads a fetch.
//!
//! 1. Look into the far tier: it may have what memory has not.
//! 2. Ask the upstream for the whole, with the validators of what is stored.
//! 3. Judge: no answer or an error (stale instead, where that may be served), a 304 (what is stored is fresh again), a
//!    response to keep, or one that passes and releases those who joined.
//! 4. Pump the body of one to keep: into the fill that everyone reads, then into the tiers.
//!
//! Runs in a task of its own; `reply` is how the client that began it hears, and it may have left.

use std::sync::Arc;
use std::time::Instant;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use orbit_model::{CacheKey, Forward};
use tokio::sync::oneshot;

use crate::fill::{Fill, Reader};
use crate::flight::{Landed, Progress, Route, Ticket};
use crate::head::Update;
use crate::policy::freshness::{Fault, Use};
use crate::policy::request::Directives;
use crate::policy::{storable, targeted, validation};
use crate::pump::{BrokenOff, Pump, Pumped};
use crate::stack::{Request, Shared, Stored};
use crate::update::Freshened;
use crate::{Ask, Body, Entry, Error, Forwarded, Found, Head, Outcome, Question, room};

/// The largest error that is shared, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// How the leader's client hears; `None` where the fetch is a revalidation behind.
pub(crate) type Reply = Option<oneshot::Sender<Result<Found, Error>>>;

/// A fetch under way.
pub(crate) struct Lead<F> {
    shared: Arc<Shared>,
    ticket: Ticket,
    key: CacheKey,
    headers: HeaderMap,
    method: http::Method,
    directives: Directives,
    /// What the request selects of what is stored.
    stored: Option<Arc<Entry>>,
    /// Nobody joins, and a request for less than the whole goes on as it is.
    alone: bool,
    fetch: F,
}

/// A response whose body has not been read.
struct Received {
    response: Response<Body>,
    forwarded: Forwarded,
    /// What was stored when it was asked for, in the order of the validators.
    candidates: Vec<Arc<Entry>>,
    /// The client's own question was asked, not the cache's.
    as_asked: bool,
}

impl<F, R> Lead<F>
where
    F: Fn(Question) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
{
    pub(crate) fn new(shared: Arc<Shared>, ticket: Ticket, request: &Request<'_>, fetch: F) -> Self {
        let Ask { key, method, headers } = request.ask;
        let purges = ticket.purges;
        Self {
            shared,
            ticket,
            key: key.clone(),
            headers: headers.clone(),
            method: method.clone(),
            directives: request.directives,
            // What was found before a purge is not asked after any more: a 304 would bring it back.
            stored: request.stored.clone().filter(|_| request.purges == purges),
            alone: false,
            fetch,
        }
    }

    pub(crate) fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Starts the fetch and waits for what the client gets of it.
    pub(crate) async fn depart(self) -> Result<Found, Error> {
        let (reply, answer) = oneshot::channel();
        tokio::spawn(self.run(Some(reply)));
        answer.await.unwrap_or_else(|_| Err(Error::Unavailable("the fetch was broken off".to_owned())))
    }

    /// Fetches, and tells the client and those who joined.
    pub(crate) async fn run(mut self, reply: Reply) {
        if let Some(landed) = self.look_far().await {
            self.backfill(&landed);
            return self.land(landed, reply);
        }
        let received = match self.ask(self.question()).await {
            Ok(received) => received,
            Err((error, forwarded)) => return self.fail(error, forwarded, reply),
        };
        self.judge(received, reply).await;
    }

    /// What the far tier has, if that may be served; if not, it is something to revalidate.
    async fn look_far(&mut self) -> Option<Landed> {
        if self.stored.is_some() || self.alone {
            return None;
        }
        let far = self.shared.far.as_ref()?.name();
        let entry = self.shared.find_far(self.as_ask()).await?;
        match self.shared.usable(&entry, &self.directives) {
            Use::Fresh => Some(Landed::kept(entry, Outcome::Hit, far)),
            Use::StaleWhileRevalidate => Some(Landed::kept(entry, Outcome::Stale, far)),
            Use::StaleIfError | Use::Expired => {
                self.stored = Some(entry);
                None
            }
        }
    }

    /// Puts what the far tier had into memory.
    fn backfill(&self, landed: &Landed) {
        let flight = &self.ticket.flight;
        self.shared.near.put(&self.key, Arc::clone(&landed.entry), &|| flight.may_store());
    }

    fn as_ask(&self) -> Ask<'_> {
        Ask { key: &self.key, method: &self.method, headers: &self.headers }
    }

    fn question(&self) -> Option<Question> {
        (self.alone && self.as_ask().is_partial()).then_some(Question::AsAsked)
    }

    /// Asks the upstream: for the whole with the stored validators, or what it is told.
    async fn ask(&self, question: Option<Question>) -> Result<Received, (Error, Forwarded)> {
        let as_asked = matches!(question, Some(Question::AsAsked));
        let candidates = if question.is_none() { self.candidates() } else { Vec::new() };
        let question = question.unwrap_or_else(|| {
            let heads: Vec<&Head> = candidates.iter().map(|entry| &*entry.head).collect();
            Question::Whole(validation::conditions(&heads))
        });
        let began = Instant::now();
        let answer = (self.fetch)(question).await;
        let status = answer.as_ref().ok().map(Response::status);
        let forwarded = Forwarded { reason: self.reason(), status, took: began.elapsed() };
        match answer {
            Ok(response) => Ok(Received { response, forwarded, candidates, as_asked }),
            Err(error) => Err((error, forwarded)),
        }
    }

    /// What may be validated: what the request selects first, then the other responses of the key.
    fn candidates(&self) -> Vec<Arc<Entry>> {
        let others = self.shared.near.stored(&self.key);
        let mut candidates: Vec<Arc<Entry>> = self.stored.iter().cloned().collect();
        candidates.extend(others.into_iter().filter(|other| {
            other.head.etag().is_some() && !self.stored.as_ref().is_some_and(|stored| Arc::ptr_eq(stored, other))
        }));
        candidates.retain(|entry| storable::may_answer(&self.headers, &entry.head));
        candidates
    }

    fn reason(&self) -> Forward {
        match &self.stored {
            Some(entry) if self.is_fresh(entry) => Forward::Request,
            Some(_) => Forward::Stale,
            None if self.alone => Forward::Bypass,
            None if self.shared.near.stored(&self.key).is_empty() => Forward::UriMiss,
            None => Forward::VaryMiss,
        }
    }

    /// Whether only the request asks for what is newer than an entry.
    fn is_fresh(&self, entry: &Entry) -> bool {
        let now = self.shared.now();
        self.shared.lease.covers(&entry.head, now) && entry.head.usable(now) == Use::Fresh
    }

    /// Decides what a response means.
    async fn judge(self, received: Received, reply: Reply) {
        let status = received.response.status();
        if let Some(fault) = Fault::of(status)
            && let Some(entry) = self.stale_on(fault)
        {
            return self.serve_stale(entry, received.forwarded, reply);
        }
        if status == StatusCode::NOT_MODIFIED && !received.as_asked {
            return self.not_modified(received, reply).await;
        }
        let fields = received.response.headers();
        let shared = &self.shared;
        let storable = storable::may_store(&self.method, &self.headers, status, fields, &shared.policy);
        let length = received.response.body().length();
        let fits = length.is_none_or(|length| length <= shared.limits.max_body_bytes);
        let is_everybodys_error = status.is_server_error() && is_impersonal(fields);
        if storable.is_err() && is_everybodys_error && !self.alone {
            return self.share_error(received, reply).await;
        }
        if storable.is_err() || !fits || (received.as_asked && status != StatusCode::OK) {
            let for_anyone = storable::may_store_for_anyone(status, fields, &shared.policy);
            let of_itself = (for_anyone.is_err() || !fits) && !received.as_asked && !is_everybodys_error;
            return self.release(received, of_itself, reply).await;
        }
        let Received { response, forwarded, .. } = received;
        let (parts, body) = response.into_parts();
        let head = Head::after(forwarded.took, parts, &self.headers, &shared.policy, shared.now());
        shared.bypass.forget(&self.route(&head));
        match body {
            Body::Whole(body) => self.whole(Entry { head: Arc::new(head), body: room::house(body) }, forwarded, reply),
            body => self.fill(Arc::new(head), body, forwarded, reply).await,
        }
    }

    /// An upstream that fails is not asked again for each of those who wait: they all get its answer, which is not kept; or, where it
    /// may be one user's own or is long, only that it failed.
    async fn share_error(self, received: Received, reply: Reply) {
        let Received { response, forwarded, .. } = received;
        let is_personal = self.headers.contains_key(COOKIE) && self.shared.policy.forwards(&COOKIE);
        if is_personal || response.body().length().is_some_and(|length| length > MAX_ERROR_BYTES as u64) {
            self.ticket.close();
            self.ticket.flight.tell(Progress::Failed(Error::Unavailable(format!("it answered {}", response.status()))));
            return self.pass(response, forwarded, reply);
        }
        let (parts, body) = response.into_parts();
        let head = self.head(parts.status, parts.headers);
        let max_silence = self.shared.limits.max_silence;
        let body = tokio::time::timeout(max_silence, Limited::new(body, MAX_ERROR_BYTES).collect()).await;
        let Ok(Ok(body)) = body else {
            let broken = Error::Unavailable("the body of an error did not arrive".to_owned());
            return self.fail(broken, forwarded, reply);
        };
        self.land(fetched(Entry { head: Arc::new(head), body: body.to_bytes() }, forwarded), reply);
    }

    /// A 304: what is stored is fresh again, with new fields. Where it names nothing that is stored, the whole is asked for.
    async fn not_modified(self, received: Received, reply: Reply) {
        let Received { response, forwarded, candidates, .. } = received;
        let fields = response.headers();
        let heads: Vec<&Head> = candidates.iter().map(|entry| &*entry.head).collect();
        let selected = validation::selected_by(fields, &heads).and_then(|index| candidates.get(index));
        if let Some(entry) = selected {
            let update = Update { delay: forwarded.took, fields, request: &self.headers };
            return match self.shared.freshen(entry, update) {
                Freshened::Kept(entry) => self.whole(entry, forwarded, reply),
                Freshened::Served(entry) => self.land(fetched(entry, forwarded), reply),
                Freshened::Gone(entry) => self.withdraw(entry, forwarded, reply).await,
            };
        }
        match self.ask(Some(Question::Whole(HeaderMap::new()))).await {
            Ok(Received { response, forwarded, .. }) if response.status() == StatusCode::NOT_MODIFIED => {
                self.pass(response, forwarded, reply);
            }
            // Nothing was stored under what was asked, so no 304 comes of it: no recursion without an end.
            Ok(received) => Box::pin(self.judge(received, reply)).await,
            Err((error, forwarded)) => self.fail(error, forwarded, reply),
        }
    }

    /// What was stored may not be kept any longer: the leader gets it as the last one.
    async fn withdraw(&self, entry: Entry, forwarded: Forwarded, reply: Reply) {
        self.ticket.close();
        self.ticket.flight.tell(Progress::Released);
        self.shared.drop_key(&self.key).await;
        answer(reply, Ok(Found::passed(entry.head, Body::Whole(entry.body), forwarded)));
    }

    /// A response that is for the leader alone. Those who joined are released at once; what is so `of_itself`, whoever asks, is remembered.
    async fn release(self, received: Received, of_itself: bool, reply: Reply) {
        self.ticket.close();
        let Received { response, forwarded, as_asked, .. } = received;
        let shared = &self.shared;
        let (status, now) = (response.status(), shared.now());
        // That a request was accepted says of itself that the next answer is another (RFC 9110 section 15.3.3).
        if of_itself && status != StatusCode::ACCEPTED {
            let until = now.checked_add(shared.limits.bypass_for).unwrap_or(now);
            let head = self.head(status, response.headers().clone());
            shared.bypass.remember(&self.route(&head), now, until);
        }
        self.ticket.flight.tell(Progress::Released);
        // Said for sure that the old one is no more; a 429 or a 500 says nothing of it.
        let gone = status.is_success() || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
        if of_itself && gone && self.ticket.flight.may_store() {
            shared.drop_key(&self.key).await;
        }
        if as_asked || !self.as_ask().is_partial() {
            return self.pass(response, forwarded, reply);
        }
        // The client asked for less than the whole, which is not to be had from the tiers: ask as it did.
        drop(response);
        match self.ask(Some(Question::AsAsked)).await {
            Ok(Received { response, forwarded, .. }) => self.pass(response, forwarded, reply),
            Err((error, forwarded)) => self.fail(error, forwarded, reply),
        }
    }

    /// Hands a response to the leader's client as it comes.
    fn pass(&self, response: Response<Body>, forwarded: Forwarded, reply: Reply) {
        let (parts, body) = response.into_parts();
        let head = self.head(parts.status, parts.headers);
        answer(reply, Ok(Found::passed(Arc::new(head), body, forwarded)));
    }

    /// No answer came.
    fn fail(&self, error: Error, forwarded: Forwarded, reply: Reply) {
        if let Some(entry) = self.stale_on(Fault::Disconnected) {
            return self.serve_stale(entry, forwarded, reply);
        }
        self.ticket.close();
        self.ticket.flight.tell(Progress::Failed(error.clone()));
        answer(reply, Err(error));
    }

    /// What is stored, where a failed upstream lets it be served.
    fn stale_on(&self, fault: Fault) -> Option<Arc<Entry>> {
        let entry = self.stored.as_ref()?;
        let now = self.shared.now();
        if !self.shared.lease.covers(&entry.head, now) {
            return None;
        }
        entry.head.put_off(now);
        entry.head.serves_on(fault, now).then(|| Arc::clone(entry))
    }

    fn serve_stale(&self, entry: Arc<Entry>, forwarded: Forwarded, reply: Reply) {
        let mut landed = Landed::kept(entry, Outcome::Stale, self.shared.near.name());
        landed.forwarded = Some(forwarded);
        self.land(landed, reply);
    }

    /// A response that is there as a whole: keeps it and hands it out.
    fn whole(&self, entry: Entry, forwarded: Forwarded, reply: Reply) {
        let landed = fetched(entry, forwarded);
        let stored = self.shared.keep(&self.key, &landed.entry, &self.ticket.flight);
        self.land(Landed { stored, ..landed }, reply);
    }

    /// Hands out what is there as a whole.
    fn land(&self, landed: Landed, reply: Reply) {
        self.ticket.close();
        self.ticket.flight.tell(Progress::Landed(landed.clone()));
        let revalidates = landed.outcome == Outcome::Stale && landed.forwarded.is_none();
        let stored = Stored { entry: Arc::clone(&landed.entry), purges: self.ticket.purges };
        answer(reply, Ok(landed.found()));
        if revalidates {
            self.shared.revalidate_behind(self.as_ask(), &stored, self.fetch.clone());
        }
    }

    /// A response to keep, whose body arrives: everyone reads it from now on.
    async fn fill(self, head: Arc<Head>, body: Body, forwarded: Forwarded, reply: Reply) {
        let fill = Arc::new(Fill::new(body.length().or(head.content_length()), Arc::clone(&self.shared.filling_bytes)));
        let behind = reply.is_none();
        if let Some(reader) = Reader::join(&fill) {
            let (head, body) = (Arc::clone(&head), Body::Filling(reader));
            let outcome = Outcome::Miss;
            let found = Found { head, body, outcome, tier: None, forwarded: Some(forwarded), stored: true };
            answer(reply, Ok(found));
        }
        self.ticket.flight.tell(Progress::Filling(Arc::clone(&head), Arc::clone(&fill), forwarded));
        let _broken_off = BrokenOff(&fill);
        let pump = Pump { shared: &self.shared, ticket: &self.ticket, fill: &fill, body, behind };
        match pump.run().await {
            Ok(Pumped::Whole) => {
                let entry = Arc::new(Entry { head, body: fill.whole() });
                self.shared.keep(&self.key, &entry, &self.ticket.flight);
                self.ticket.close();
                fill.finish(entry.body.clone());
            }
            Ok(Pumped::Passed) => fill.end(Ok(())),
            Err(error) => {
                self.ticket.close();
                fill.end(Err(error));
            }
        }
    }

    /// The head of a response that is not kept.
    fn head(&self, status: StatusCode, headers: HeaderMap) -> Head {
        Head::new(status, headers, &self.headers, &self.shared.policy, self.shared.now())
    }

    /// The route that a response belongs to.
    fn route(&self, head: &Head) -> Route {
        let vary = head.vary.for_request(&self.headers, &self.shared.policy);
        Route { key: self.key.clone(), vary }
    }
}

/// A response that is there as a whole and is not kept.
fn fetched(entry: Entry, forwarded: Forwarded) -> Landed {
    let (entry, outcome) = (Arc::new(entry), Outcome::Miss);
    Landed { entry, outcome, tier: None, forwarded: Some(forwarded), stored: false }
}

/// Whether a response is not one user's own.
fn is_impersonal(headers: &HeaderMap) -> bool {
    let directives = targeted::directives(headers);
    !directives.no_store && !directives.private && !headers.contains_key(SET_COOKIE)
}

/// Tells the leader's client, if it is still there.
fn answer(reply: Reply, found: Result<Found, Error>) {
    if let Some(reply) = reply {
        // A client that has left needs no answer.
        let _ = reply.send(found);
    }
}
