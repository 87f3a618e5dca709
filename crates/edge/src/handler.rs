//! One request at the edge.
//!
//! 1. Settle what it means ([`crate::received`]), and place it: a resource that is cached ([`crate::target`]), a path of the edge's own, or one to pass on ([`crate::proxy`]).
//! 2. Preflight and other methods are answered without looking.
//! 3. `cache.look`: a hit is answered at once, without a future.
//! 4. `cache.resolve(ask, fetch)`; [`crate::fetch`] asks the upstream.
//! 5. Answer: 304, 206, HEAD or the whole, with what happened in the headers ([`crate::answer`]).
//! 6. One count and one log line.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::IntoResponse as _;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use orbit_cache::tier::{self, Bounds, Memory, Noop};
use orbit_cache::{Ask, Cache, Found, Looked, Lookup, Outcome, Tier};
use orbit_model::{Access, CacheKey, Clock};
use tokio_util::sync::CancellationToken;

use crate::fetch::Fetch;
use crate::follow::Follower;
use crate::loops::Marks;
use crate::metrics::{Ending, Metrics};
use crate::path::{self, PUBLIC_PREFIX};
use crate::proxy::upgrade;
use crate::target::Target;
use crate::{Body, Config, Error, Profile, Upstream, answer, next_image, received, wait};

/// The service that owns copies; clones share them.
#[derive(Debug, Clone)]
pub struct Edge(Arc<Parts>);

/// What the clones of an edge share.
#[derive(Debug)]
pub struct Parts {
    pub(crate) cache: Cache,
    pub(crate) upstream: Arc<dyn Upstream>,
    /// Where paths go that are not cached; `None` sends them to the upstream too.
    pub(crate) app: Option<Arc<dyn Upstream>>,
    pub(crate) access: Access,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    /// What this edge writes into `Via`: no other edge has the same, so a request that bears it has come round.
    pub(crate) marks: Marks,
    pub(crate) metrics: Metrics,
    pub(crate) started: Instant,
    /// Its part in the upstream's log of purges; `None` where it follows none.
    pub(crate) follower: Option<Follower>,
    /// Cancelled once, at shutdown: event streams that pass through end.
    pub(crate) stopping: CancellationToken,
}

impl Deref for Edge {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What an edge stands in front of.
#[derive(Debug, Clone)]
pub struct Backends {
    /// Where misses go.
    pub upstream: Arc<dyn Upstream>,
    /// Where paths go that are not cached, in profile [`Profile::Image`]; `None` sends them to the upstream too.
    pub app: Option<Arc<dyn Upstream>>,
}

impl From<Arc<dyn Upstream>> for Backends {
    fn from(upstream: Arc<dyn Upstream>) -> Self {
        Self { upstream, app: None }
    }
}

/// What a request names.
pub(crate) enum Place {
    /// A resource that is cached.
    Cached(Target),
    /// A public path under which nothing may be, or a query that makes no sense.
    Refused(Error),
    /// The edge itself, the app, or a path of the upstream that is not cached.
    Elsewhere,
}

/// A request for a cached resource that memory does not answer by itself.
#[derive(Debug, Clone)]
struct Open {
    target: Target,
    looked: Looked,
}

impl Edge {
    /// An edge in front of its backends.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the settings make no sense, or the disk tier's folder cannot be used.
    pub fn new(
        config: Config,
        backends: impl Into<Backends>,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        config.validate()?;
        let Backends { upstream, app } = backends.into();
        let near: Box<dyn Tier> = match config.memory_bytes {
            0 => Box::new(Noop),
            max_bytes => Box::new(Memory::new(Bounds { max_bytes, max_entries: config.memory_max_images })),
        };
        let far = match &config.disk {
            None => None,
            Some(disk) => {
                let opened = tier::Disk::open(tier::disk::Config::new(&disk.dir, disk.max_bytes));
                let opened = opened.map_err(|error| Error::Invalid(error.to_string()))?;
                Some(Arc::new(opened) as Arc<dyn Tier>)
            }
        };
        let cache = Cache::new(config.profile.policy(), config.limits.clone(), near, far, Arc::clone(&clock));
        let follower = Follower::new(&config);
        let edge = Self(Arc::new(Parts {
            cache,
            upstream,
            app,
            access,
            config,
            clock,
            marks: Marks::new(),
            metrics: Metrics::default(),
            started: Instant::now(),
            follower,
            stopping: CancellationToken::new(),
        }));
        edge.begin_following();
        Ok(edge)
    }

    /// Ends the event streams that pass through, so that a graceful shutdown has an end.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Whether a path is answered from the cache of an edge that shares its process with an origin.
    #[must_use]
    pub fn owns(path: &str) -> bool {
        path.starts_with(PUBLIC_PREFIX) || path == next_image::PATH
    }

    /// The answer to a request for something that is fresh in memory, which takes no waiting.
    ///
    /// What was found out otherwise stays in the request's extensions, for [`Edge::handle`].
    pub fn at_once<B>(&self, request: &mut Request<B>) -> Option<Response<Body>>
    where
        B: http_body::Body,
    {
        if let Err(error) = received::settle(request) {
            return Some(self.refuse(error));
        }
        if !self.reads(request) {
            return None;
        }
        let target = match self.place(request, true) {
            Place::Cached(target) => target,
            Place::Refused(error) => return Some(self.refuse(error)),
            Place::Elsewhere => return None,
        };
        if self.marks.came_round(request.headers()) {
            return Some(self.refuse(Error::Loop));
        }
        target.settle_accept(request.headers_mut());
        match self.cache.look(self.ask(request, &target)) {
            Lookup::Fresh(found) => Some(self.finish(request, &target, found, None)),
            Lookup::Other(looked) => {
                request.extensions_mut().insert(Open { target, looked });
                None
            }
        }
    }

    /// Answers any request.
    pub async fn handle(&self, mut request: Request<axum::body::Body>) -> Response<Body> {
        if request.extensions().get::<Open>().is_none()
            && let Some(response) = self.at_once(&mut request)
        {
            return response;
        }
        match request.extensions_mut().remove::<Open>() {
            Some(open) => self.resolve(request.map(drop), open).await,
            None => self.not_cached(request).await,
        }
    }

    /// Answers what the cache has no part in.
    async fn not_cached(&self, request: Request<axum::body::Body>) -> Response<Body> {
        match self.place(&request, false) {
            Place::Cached(target) => self.not_read(request, target).await,
            Place::Refused(error) => self.refuse(error),
            Place::Elsewhere => self.elsewhere(request).await.map(Body::from),
        }
    }

    /// Where a request belongs. The query of an image counts where it `reads`; all else passes with it as it is.
    pub(crate) fn place<B>(&self, request: &Request<B>, reads: bool) -> Place {
        let uri = request.uri();
        match self.config.profile {
            Profile::Image => match self.config.maps.iter().find_map(|map| map.key(uri.path())) {
                None => self.next_image(request).map_or(Place::Elsewhere, Place::Cached),
                Some(None) => Place::Refused(Error::NotFound),
                Some(Some(key)) => match uri.query().filter(|_| reads) {
                    None => Place::Cached(key.into()),
                    Some(query) => Target::with_query(key, query).map_or_else(Place::Refused, Place::Cached),
                },
            },
            Profile::Rfc if self.is_own(request.method(), uri.path()) => Place::Elsewhere,
            Profile::Rfc => {
                let path = path_and_query(uri);
                Place::Cached(Target::at(CacheKey::new(format!("{}{path}", host(request.headers()))), path))
            }
        }
    }

    /// Whether a request only reads: GET or HEAD, without a body (T-KEY-3) and without asking for another protocol. In
    /// profile image, one with credentials goes past the cache.
    fn reads<B: http_body::Body>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let has_body = headers.contains_key(TRANSFER_ENCODING)
            || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        let goes_past = self.config.profile == Profile::Image && headers.contains_key(AUTHORIZATION);
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        reads && !has_body && !goes_past && upgrade::wanted(request).is_none()
    }

    pub(crate) fn ask<'a, B>(&self, request: &'a Request<B>, target: &'a Target) -> Ask<'a> {
        // An image that is asked for by HEAD will be asked for by GET.
        let method = if self.config.profile == Profile::Image { &Method::GET } else { request.method() };
        Ask { key: &target.key, method, headers: request.headers() }
    }

    async fn resolve(&self, request: Request<()>, open: Open) -> Response<Body> {
        let started = Instant::now();
        let Open { target, mut looked } = open;
        let wait = wait::asked(request.uri().query());
        loop {
            let found = match self.fetch(&request, &target, looked).await {
                Ok(found) => found,
                Err(error) => return self.unavailable(&target, error),
            };
            let left = wait.saturating_sub(started.elapsed());
            if !wait::is_pending(found.head.status) || left.is_zero() {
                return self.finish(&request, &target, found, Some(started.elapsed()));
            }
            self.wait_upstream(&target, left).await;
            looked = match self.cache.look(self.ask(&request, &target)) {
                Lookup::Fresh(found) => return self.finish(&request, &target, found, Some(started.elapsed())),
                Lookup::Other(looked) => looked,
            };
        }
    }

    /// What a look has not found, from the tiers further out or from the upstream.
    pub(crate) async fn fetch(
        &self,
        request: &Request<()>,
        target: &Target,
        looked: Looked,
    ) -> Result<Found, orbit_cache::Error> {
        let fetch = Fetch::new(self, request, target);
        let ask = self.ask(request, target);
        self.cache.resolve(ask, looked, move |question| fetch.clone().ask(question)).await
    }

    fn unavailable(&self, target: &Target, error: orbit_cache::Error) -> Response<Body> {
        let name = path::name(&target.key);
        tracing::warn!(target: "orbit::edge", key = %target.key, %error, "[IMAGE CACHE] ERROR: {name} - {error}");
        self.refuse(error.into())
    }

    /// From what the cache found to the answer, counted and logged.
    fn finish<B>(&self, request: &Request<B>, target: &Target, found: Found, took: Option<Duration>) -> Response<Body> {
        let mut ending = Ending::of(&found, found.head.status);
        let outcome = found.outcome;
        let response = answer::from_cache(request, found, self.clock.now(), took);
        ending.status = response.status().as_u16();
        self.metrics.record(ending);
        log(&target.key, outcome, response.status(), took);
        response
    }

    /// A request for a cached resource that does not read it, or not only.
    async fn not_read(&self, request: Request<axum::body::Body>, target: Target) -> Response<Body> {
        let is_public = self.config.profile == Profile::Image && request.uri().path().starts_with(PUBLIC_PREFIX);
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_public && *request.method() == Method::OPTIONS {
            let response = answer::preflight();
            self.metrics.record(Ending::own("preflight", response.status()));
            return response;
        }
        if is_public && !reads {
            return self.refuse(Error::MethodNotAllowed);
        }
        if self.config.profile == Profile::Image
            && !request.method().is_safe()
            && let Err(refusal) = self.access.check(request.uri(), request.headers())
        {
            return self.refuse(refusal.into());
        }
        let mapped = match self.config.profile {
            Profile::Rfc => None,
            Profile::Image => {
                let asked = path_and_query(request.uri());
                self.config.maps.iter().find_map(|map| map.target(asked))
            }
        };
        let path = mapped.as_deref().unwrap_or(target.path());
        self.pass_on_as(request, path).await.map(Body::from)
    }

    /// Answers a path that is not cached: one of the edge's own, the app's or the upstream's.
    async fn elsewhere(&self, request: Request<axum::body::Body>) -> axum::response::Response {
        if request.method().is_safe()
            && let Some(response) = self.own(request.uri().path()).await
        {
            return response;
        }
        if is_of_the_log(request.uri().path()) {
            // Whoever fetches from here would be told of a purge before this edge has done it.
            return self.refuse(Error::NotFound).map(Body::into);
        }
        match self.refusal_of_next(&request) {
            Some(refusal) => self.pass_on_or_refuse(request, refusal).await,
            None => self.pass_on(request).await,
        }
    }

    /// An answer of the edge's own that says why there is no other.
    pub(crate) fn refuse(&self, error: Error) -> Response<Body> {
        let response = error.into_response().map(Body::from);
        self.metrics.record(Ending::own("error", response.status()));
        response
    }
}

/// Whether a path is that of an edge which follows a log.
fn is_of_the_log(path: &str) -> bool {
    path.strip_prefix("/edges/").and_then(|rest| rest.split_once('/')).is_some_and(|(_, what)| what == "purges")
}

/// The host that a settled request names, in lower case.
pub(crate) fn host(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.unwrap_or_default().to_ascii_lowercase()
}

/// The path and query of a request's target.
pub(crate) fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

fn log(key: &CacheKey, outcome: Outcome, status: StatusCode, took: Option<Duration>) {
    let (name, word, status) = (path::name(key), answer::x_cache(outcome), status.as_u16());
    match took {
        None => tracing::info!(target: "orbit::edge", status, "[IMAGE CACHE] {word}: {name}"),
        Some(took) if matches!(outcome, Outcome::Miss | Outcome::Coalesced | Outcome::Pass) => {
            tracing::info!(target: "orbit::edge", status, ?took, "[IMAGE CACHE] {word}: {name} - Fetching from upstream");
        }
        Some(took) => tracing::info!(target: "orbit::edge", status, ?took, "[IMAGE CACHE] {word}: {name}"),
    }
}

#[cfg(test)]
mod tests;
