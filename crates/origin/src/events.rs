//! `GET /threads/{thread_id}/events` and `GET /generations/{job}/events`: what happens in a thread, or in one job of it, as
//! Server-Sent Events.
//!
//! A subscriber keeps its own place in the thread's log and reads on from there, so one that stalls delays nobody
//! (T-DOS-8), and one that comes back with `Last-Event-ID` loses nothing and sees nothing twice (T-SSE-2). Without a place
//! it is told first what is retained, then what comes; `?after=$` starts with what comes.
//!
//! Where there is a token, each stream asks for it or for the thread's ticket (T-SSE-3).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::ready;
use futures_util::stream::{once, unfold};
use futures_util::{Stream, StreamExt as _};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use orbit_model::{Event, EventId, JobId, ThreadId};
use orbit_store::EventLog;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::routes::Segment;
use crate::{Error, Origin, error};

/// How often a comment says that the stream is alive: proxies cut silent connections after 30 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are read from the log at a time.
const BATCH: usize = 100;

/// Where to begin, and by what leave.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    after: Option<String>,
    ticket: Option<String>,
}

/// `GET /threads/{thread}/ticket`: what a page needs to hear of a thread, for who may write.
pub(crate) async fn ticket(
    State(origin): State<Origin>,
    Segment(thread): Segment,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let thread: ThreadId = thread.parse()?;
    if let Err(refusal) = origin.0.parts.access.check(&uri, &headers) {
        return Ok(error::refused(refusal));
    }
    let ticket = origin.0.parts.access.ticket(&thread);
    let events = origin.with_ticket(format!("/threads/{thread}/events"), &thread);
    Ok(([(CACHE_CONTROL, "no-store")], Json(json!({ "thread_id": thread, "ticket": ticket, "events": events })))
        .into_response())
}

pub(crate) async fn of_thread(
    State(origin): State<Origin>,
    Segment(thread): Segment,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let thread: ThreadId = thread.parse()?;
    if let Err(refusal) = origin.0.parts.access.check_listener(&headers, &thread, place.ticket.as_deref()) {
        return Ok(error::refused(refusal));
    }
    let news = origin.0.parts.events.subscribe(&thread).await?;
    let position = match given(&headers, place.after.as_deref()) {
        None => None,
        Some("$") => Some(*news.borrow()),
        Some(id) => Some(id.parse()?),
    };
    Ok(origin.stream(thread, news, position, None))
}

/// From the job's beginning to its end; whoever comes back after the end is told that there is no more.
pub(crate) async fn of_job(
    State(origin): State<Origin>,
    Segment(job): Segment,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let job: JobId = job.parse().ok().ok_or(Error::NotFound("job"))?;
    let (thread, start) = match origin.0.jobs.find(&job) {
        Some(batch) => (batch.thread_id.clone(), batch.after),
        None => {
            let queued = origin.0.parts.queue.get(&job).await?.ok_or(Error::NotFound("job"))?;
            (queued.request.thread_id, queued.after)
        }
    };
    if let Err(refusal) = origin.0.parts.access.check_listener(&headers, &thread, place.ticket.as_deref()) {
        return Ok(error::refused(refusal));
    }
    let news = origin.0.parts.events.subscribe(&thread).await?;
    let position = match given(&headers, place.after.as_deref()) {
        None => start,
        Some("$") => *news.borrow(),
        Some(id) => id.parse()?,
    };
    if origin.has_ended(&job, &thread, position).await? {
        // An EventSource takes this as a word not to come back (WHATWG HTML, 9.2.3).
        return Ok((StatusCode::NO_CONTENT, [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")]).into_response());
    }
    Ok(origin.stream(thread, news, Some(position), Some(job)))
}

/// The place that a reader gives: that of the header is newer than that of the URL.
fn given<'a>(headers: &'a HeaderMap, after: Option<&'a str>) -> Option<&'a str> {
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    header.filter(|id| !id.is_empty()).or(after)
}

impl Origin {
    /// The URL of a thread's or a job's events with the ticket that opens it, where it needs one.
    pub(crate) fn with_ticket(&self, mut url: String, thread: &ThreadId) -> String {
        if let Some(ticket) = self.0.parts.access.ticket(thread) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str("ticket=");
            url.push_str(&ticket);
        }
        url
    }

    fn stream(
        &self,
        thread: ThreadId,
        news: watch::Receiver<EventId>,
        position: Option<EventId>,
        job: Option<JobId>,
    ) -> Response {
        let (log, stopping) = (Arc::clone(&self.0.parts.events), self.0.stopping.clone());
        let subscriber =
            Subscriber { log, thread, job, news, position, unread: VecDeque::new(), over: false, stopping };
        ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], respond(subscriber.messages())).into_response()
    }

    /// Whether a job has ended and its end does not lie behind a place.
    async fn has_ended(&self, job: &JobId, thread: &ThreadId, position: EventId) -> Result<bool, Error> {
        if let Some(batch) = self.0.jobs.find(job) {
            // Until then its last image may have ended and the end of it all not be told.
            let _told = batch.telling.lock().await;
            if !batch.open().is_empty() {
                return Ok(false);
            }
        } else if self.nodes().is_some() {
            let queued = self.0.parts.queue.get(job).await?;
            if queued.is_some_and(|queued| !queued.has_ended()) {
                return Ok(false);
            }
        }
        self.0.parts.events.catch_up().await;
        let mut after = position;
        loop {
            let batch = self.0.parts.events.read_after(thread, Some(after), BATCH).await?;
            let Some((last, _)) = batch.last() else { return Ok(true) };
            after = *last;
            if batch.iter().any(|(_, event)| event.job() == Some(job)) {
                return Ok(false);
            }
        }
    }
}

/// Answers with a stream of events that no proxy holds back, and that says at once and from time to time that it is alive.
///
/// There are proxies, Node's among them, that pass on the header with the first byte of the body: of a thread in which nothing happens
/// nobody would know for a heartbeat's time that it is being listened to, and some give up before.
pub(crate) fn respond(messages: impl Stream<Item = Result<Message, Infallible>> + Send + 'static) -> Response {
    let opened = once(ready(Ok(Message::default().comment("open"))));
    let sse = Sse::new(opened.chain(messages)).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"));
    let headers = [(CACHE_CONTROL, "no-cache, no-transform"), (HeaderName::from_static("x-accel-buffering"), "no")];
    (headers, sse).into_response()
}

/// One open stream.
struct Subscriber {
    log: Arc<dyn EventLog>,
    thread: ThreadId,
    /// The only job that is told of; the stream ends with it.
    job: Option<JobId>,
    /// Changes whenever the thread's log grows.
    news: watch::Receiver<EventId>,
    /// The last event that was handed on.
    position: Option<EventId>,
    unread: VecDeque<(EventId, Arc<Event>)>,
    /// Whether the last event of the job was told.
    over: bool,
    stopping: CancellationToken,
}

impl Subscriber {
    fn messages(self) -> impl Stream<Item = Result<Message, Infallible>> {
        unfold(self, |mut subscriber| async move {
            let (id, event) = subscriber.next().await?;
            let message = Message::default().id(id.to_string()).event(event.name()).data(event.data());
            Some((Ok(message), subscriber))
        })
    }

    /// The next event, whenever it comes; `None` after the last one of a job, and at shutdown.
    async fn next(&mut self) -> Option<(EventId, Arc<Event>)> {
        loop {
            if self.over {
                return None;
            }
            if let Some((id, event)) = self.unread.pop_front() {
                self.position = Some(id);
                if self.job.is_some() && event.job() != self.job.as_ref() {
                    continue;
                }
                self.over = self.job.is_some() && matches!(*event, Event::ConceptsGenerated(_));
                return Some((id, event));
            }
            // Seen before it is read: what is appended in between is news again, and not slept through.
            self.news.borrow_and_update();
            let batch = self.log.read_after(&self.thread, self.position, BATCH).await;
            match batch {
                Ok(batch) if !batch.is_empty() => self.unread.extend(batch),
                Ok(_) => tokio::select! {
                    changed = self.news.changed() => changed.ok()?,
                    () = self.stopping.cancelled() => return None,
                },
                Err(error) => {
                    tracing::error!(target: "orbit::origin", thread = %self.thread, %error, "an event stream ends");
                    return None;
                }
            }
        }
    }
}
