//! `GET /edges/{name}/purges`: how edges of their own learn what must go, and how the origin knows that it is gone.
//!
//! 1. An edge asks for what came after its position, which says that it has done all before: it is entered with a lease.
//! 2. It is answered as soon as there is something, or after a part of its lease, so that it asks again before that runs out.
//! 3. Whoever purges appends to the log and waits until each edge has come as far, or its lease has run out: then it asks
//!    before it serves ([`Origin::tell_edges`]).
//!
//! An edge behind another cache is refused: what it fetches may be older than what it was told.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, VIA};
use http::{HeaderMap, StatusCode, Uri};
use orbit_model::{Bulletin, EdgeReceipt, Notice, Position, PurgeRequest, ThreadId};
use orbit_store::{Appended, Attendance, Attending, Follower, Reading};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::routes::Segment;
use crate::{Error, Origin, error};

/// How many notices are told at a time.
const BATCH: usize = 1_000;
/// How long the news of an image waits for edges to take it in.
const FILL_TIME: Duration = Duration::from_millis(250);
/// What a lease is longer here than at the edge: clocks do not run alike.
const MARGIN: Duration = Duration::from_millis(50);

/// What an edge says with its question.
#[derive(Debug, Deserialize)]
pub(crate) struct Question {
    session: String,
    #[serde(default)]
    after: Option<Position>,
    /// For how many seconds it would wait.
    #[serde(default)]
    wait: u64,
}

/// How far an edge has taken in what will be asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Filled {
    session: String,
    through: Position,
}

/// Who leaves.
#[derive(Debug, Deserialize)]
pub(crate) struct Leaving {
    session: String,
}

/// An edge as its operator sees it.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    position: Option<Position>,
    lease_ms: u64,
}

pub(crate) async fn purges(
    State(origin): State<Origin>,
    Segment(name): Segment,
    question: Result<Query<Question>, axum::extract::rejection::QueryRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Query(question) = question.map_err(|error| Error::Invalid(format!("the query: {}", error.body_text())))?;
    if let Err(refusal) = origin.0.parts.access.check(&uri, &headers) {
        return Ok(error::refused(refusal));
    }
    if headers.contains_key(VIA) {
        return Err(Error::Invalid("an edge must follow its origin directly, not through another cache".to_owned()));
    }
    let follower = follower(&name, question.session)?;
    let bulletin = origin.bulletin(&follower, question.after, Duration::from_secs(question.wait)).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(bulletin)).into_response())
}

pub(crate) async fn filled(
    State(origin): State<Origin>,
    Segment(name): Segment,
    Query(filled): Query<Filled>,
) -> Result<StatusCode, Error> {
    let attendance = Attendance { done: None, filled: Some(filled.through), lease: None };
    origin.0.parts.purges.attend(&follower(&name, filled.session)?, attendance).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn leave(
    State(origin): State<Origin>,
    Segment(name): Segment,
    Query(leaving): Query<Leaving>,
) -> Result<StatusCode, Error> {
    origin.0.parts.purges.leave(&follower(&name, leaving.session)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn list(State(origin): State<Origin>, uri: Uri, headers: HeaderMap) -> Result<Response, Error> {
    if let Err(refusal) = origin.0.parts.access.check(&uri, &headers) {
        return Ok(error::refused(refusal));
    }
    let listed = |edge: Attending| Listed {
        name: edge.follower.name,
        position: edge.done,
        lease_ms: u64::try_from(edge.lease.as_millis()).unwrap_or(u64::MAX),
    };
    let edges: Vec<Listed> = origin.0.parts.purges.edges().await?.into_iter().map(listed).collect();
    Ok(([(CACHE_CONTROL, "no-store")], Json(edges)).into_response())
}

/// The name of an edge has the grammar of a thread's, its session that of a number in hexadecimal.
fn follower(name: &str, session: String) -> Result<Follower, Error> {
    let name: ThreadId = name.parse().ok().ok_or(Error::Invalid("this is no name of an edge".to_owned()))?;
    if session.is_empty() || session.len() > 32 || !session.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::Invalid("the session must be up to 32 hexadecimal digits".to_owned()));
    }
    Ok(Follower { name: name.into(), session })
}

/// What became of a purge at the edges.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) edges: Vec<EdgeReceipt>,
    /// The log could not be reached, so nobody knows.
    pub(crate) pending: bool,
}

impl Origin {
    /// Enters an edge, and answers with what came after its place.
    async fn bulletin(&self, follower: &Follower, after: Option<Position>, wait: Duration) -> Result<Bulletin, Error> {
        let (log, lease) = (&self.0.parts.purges, self.config().edge_lease);
        // A lease is lent by the answer and counts from the question: what is left of it when the next answer comes must be plenty.
        let until = Instant::now() + wait.min(lease / 5);
        let mut news = log.news();
        // Before the log is read: a purge that this reading misses finds the edge entered.
        log.attend(follower, Attendance { done: after, filled: None, lease: Some(lease + MARGIN) }).await?;
        loop {
            news.borrow_and_update();
            let Reading { position, reset, notices, is_whole } = log.read_after(after, BATCH).await?;
            if reset || !notices.is_empty() || Instant::now() >= until || self.0.stopping.is_cancelled() {
                // Only who has heard all is lent a lease: a purge that was waited for in vain may be in what is left.
                let lease = if is_whole { lease } else { Duration::ZERO };
                let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
                let mut bulletin = Bulletin { position, lease_ms, reset, purges: Vec::new(), fills: Vec::new() };
                for notice in notices {
                    match notice {
                        Notice::Purge(purge) => bulletin.purges.push(purge),
                        Notice::Fill(paths) => bulletin.fills.extend(paths),
                    }
                }
                return Ok(bulletin);
            }
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep_until(until) => {}
                () = self.0.stopping.cancelled() => {}
            }
        }
    }

    /// Tells the edges what must go, and returns once each has done it or may serve nothing without asking.
    ///
    /// # Errors
    /// Where the purge could be neither told nor kept.
    pub(crate) async fn tell_edges(&self, request: PurgeRequest) -> Result<Told, Error> {
        let log = &self.0.parts.purges;
        let (began, lease) = (Instant::now(), self.config().edge_lease + MARGIN);
        let position = match log.append(Notice::Purge(request)).await? {
            Appended::At(position) => position,
            Appended::Kept => {
                // Whoever cannot reach the log either is lent nothing more.
                tokio::time::sleep_until(began + lease).await;
                return Ok(Told { edges: Vec::new(), pending: true });
            }
        };
        match self.confirmed(position).await {
            Ok(edges) => Ok(Told { edges, pending: false }),
            Err(error) => {
                tracing::warn!(target: "orbit::origin", %error, "nobody knows which edges have done a purge");
                tokio::time::sleep_until(Instant::now() + lease).await;
                Ok(Told { edges: Vec::new(), pending: true })
            }
        }
    }

    /// Tells the edges what must go, and waits for nobody.
    pub(crate) async fn tell_edges_behind(&self, request: PurgeRequest) {
        if let Err(error) = self.0.parts.purges.append(Notice::Purge(request)).await {
            tracing::warn!(target: "orbit::origin", %error, "edges were not told");
        }
    }

    async fn confirmed(&self, position: Position) -> Result<Vec<EdgeReceipt>, orbit_store::Error> {
        let log = &self.0.parts.purges;
        let unknown_until = Instant::now() + log.unknown_leases().await?;
        let mut news = log.news();
        loop {
            news.borrow_and_update();
            let edges = log.edges().await?;
            let has_done = |edge: &Attending| edge.done.is_some_and(|done| done.covers(position));
            let waited_for = edges.iter().filter(|edge| !has_done(edge) && !edge.lease.is_zero());
            let now = Instant::now();
            let ends = waited_for.map(|edge| now + edge.lease).chain((unknown_until > now).then_some(unknown_until));
            let Some(first_end) = ends.min() else {
                let receipt = |edge: Attending| {
                    let confirmed = has_done(&edge);
                    EdgeReceipt { name: edge.follower.name, confirmed, position: edge.done }
                };
                return Ok(edges.into_iter().map(receipt).collect());
            };
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep_until(first_end) => {}
            }
        }
    }

    /// Offers edges what will be asked for soon, and waits a moment until those that are there have taken it in.
    pub(crate) async fn fill_edges(&self, paths: Vec<String>) {
        let filling = async {
            let log = &self.0.parts.purges;
            if log.edges().await?.iter().all(|edge| edge.lease.is_zero()) {
                return Ok(());
            }
            let Appended::At(position) = log.append(Notice::Fill(paths)).await? else { return Ok(()) };
            let mut news = log.news();
            loop {
                news.borrow_and_update();
                let has_filled = |edge: &Attending| edge.filled.is_some_and(|filled| filled.covers(position));
                if log.edges().await?.iter().all(|edge| edge.lease.is_zero() || has_filled(edge)) {
                    return Ok::<(), orbit_store::Error>(());
                }
                if news.changed().await.is_err() {
                    return Ok(());
                }
            }
        };
        // An edge that is late has the image from its own first request.
        if let Ok(Err(error)) = tokio::time::timeout(FILL_TIME, filling).await {
            tracing::debug!(target: "orbit::origin", %error, "edges were not filled");
        }
    }
}
