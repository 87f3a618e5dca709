//! Active checks: whether servers are well that are given no requests.
//!
//! A task of the pool asks each server every few seconds, while there are several or one fails: a server that checks
//! find ill is passed over, and one whose breaker is open and that answers its check is tried at once. What checks find
//! never counts for or against a breaker.

use std::sync::Weak;
use std::time::Duration;

use axum::body::Body;
use futures_util::future::join_all;
use http::header::USER_AGENT;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::{Instant, MissedTickBehavior};

use super::Upstreams;
use super::failure::Failure;
use super::member::{Member, is_failure};
use super::pool::Shared;
use super::server::Over;
use crate::Error;

/// How much of an answer is read so that its connection can be kept, in bytes.
const MAX_BODY: usize = 64 << 10;

/// What is asked, and how often.
#[derive(Debug)]
pub(super) struct Check {
    /// `None`: any answer will do.
    path: Option<PathAndQuery>,
    interval: Duration,
    timeout: Duration,
}

impl Check {
    /// The check that the settings ask for.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the health path is none.
    pub(super) fn new(upstreams: &Upstreams) -> Result<Self, Error> {
        let parse = |path: &String| path.parse().map_err(|error| Error::Invalid(format!("the health path: {error}")));
        let path = upstreams.health_path.as_ref().map(parse).transpose()?;
        Ok(Self { path, interval: upstreams.health_interval, timeout: upstreams.timeout })
    }

    /// How often; zero is never.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        match &self.path {
            Some(path) => *request.uri_mut() = path.clone().into(),
            None => *request.method_mut() = Method::HEAD,
        }
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("orbit-edge (health check)"));
        request
    }

    fn is_well(&self, status: StatusCode) -> bool {
        match self.path {
            Some(_) => status.as_u16() < 400,
            None => !is_failure(status),
        }
    }

    async fn exchange(&self, member: &Member, over: Over) -> Result<Response<Body>, Failure> {
        let deadline = Instant::now().checked_add(self.timeout);
        member.server.exchange(self.request(), over, deadline).await
    }

    async fn ask(&self, member: &Member) {
        let mut answer = self.exchange(member, Over::Kept).await;
        if answer.as_ref().is_err_and(Failure::was_idle) {
            answer = self.exchange(member, Over::Fresh).await;
        }
        let well = answer.as_ref().is_ok_and(|response| self.is_well(response.status()));
        if let Ok(response) = answer {
            let rest = Limited::new(response.into_body(), MAX_BODY).collect();
            // What a body brings is of no interest, and one that never ends must not hold the next check up.
            let _ = tokio::time::timeout(self.timeout, rest).await;
        }
        member.checked(well);
    }
}

impl Shared {
    /// Whether there is anything to find out.
    fn wants_checks(&self) -> bool {
        self.members.len() > 1 || self.members.iter().any(|member| !member.is_healthy() || !member.is_closed())
    }

    /// Checks each server once.
    pub(super) async fn check(&self) {
        if self.wants_checks() {
            join_all(self.members.iter().map(|member| self.check.ask(member))).await;
        }
    }
}

/// Checks the servers of a pool for as long as it lives.
pub(super) async fn watch(pool: Weak<Shared>, interval: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        pool.check().await;
    }
}
