//! `GET /threads/{thread_id}/events`: what happens in a thread, as Server-Sent Events.
//!
//! A subscriber keeps its own place in the thread's log and reads on from there, so one that stalls delays nobody
//! (T-DOS-8), and one that comes back with `Last-Event-ID` loses nothing and sees nothing twice (T-SSE-2). Without a place
//! it is told first what is retained, then what comes; `?after=$` starts with what comes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::{HeaderMap, HeaderName};
use orbit_model::{Event, EventId, ThreadId};
use orbit_store::EventLog;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::routes::Segment;
use crate::{Error, Origin};

/// How often a comment says that the stream is alive: proxies cut silent connections after 30 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are read from the log at a time.
const BATCH: usize = 100;

/// Where to begin.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    after: Option<String>,
}

pub(crate) async fn stream(
    State(origin): State<Origin>,
    Segment(thread): Segment,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let thread: ThreadId = thread.parse()?;
    let log = Arc::clone(&origin.0.parts.events);
    let news = log.subscribe(&thread).await?;
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let position = match header.filter(|id| !id.is_empty()).or(place.after.as_deref()) {
        None => None,
        Some("$") => Some(*news.borrow()),
        Some(id) => Some(id.parse()?),
    };
    let stopping = origin.0.stopping.clone();
    let subscriber = Subscriber { log, thread, news, position, unread: VecDeque::new(), stopping };
    let sse = Sse::new(subscriber.messages()).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"));
    let headers = [
        (CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    Ok((headers, sse).into_response())
}

/// One open stream.
struct Subscriber {
    log: Arc<dyn EventLog>,
    thread: ThreadId,
    /// Changes whenever the thread's log grows.
    news: watch::Receiver<EventId>,
    /// The last event that was handed on.
    position: Option<EventId>,
    unread: VecDeque<(EventId, Arc<Event>)>,
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

    /// The next event, whenever it comes; `None` at shutdown.
    async fn next(&mut self) -> Option<(EventId, Arc<Event>)> {
        loop {
            if let Some((id, event)) = self.unread.pop_front() {
                self.position = Some(id);
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
