//! How a node is put together: from settings to services to one handler.
//!
//! [`Node`] is what `serve`, `origin`, `edge` and `demo` run: a handler, and what to do before the process ends.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use orbit_codec::{Limits, Quality};
use orbit_edge::{Backends, Disk, Pool, ServiceUpstream, Upstream, Upstreams};
use orbit_model::{Access, EdgeStats, PurgeRequest, Removed};
use orbit_origin::{Copies, Fetcher, NoCopies, fetch};
use orbit_store::{EventLimits, Journal};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::flags;
use crate::output;
use crate::server::{Drain, Handler, Response, ResponseFuture, Server, Signals};

mod cdn;
mod nodes;
mod purges;
pub(crate) mod redis;
pub(crate) mod storage;

/// Everything that one process runs.
pub(crate) struct Node {
    /// Answers requests.
    handler: Arc<dyn Handler>,
    /// Ends what has no end of its own: event streams, queued concepts.
    stop: Box<dyn FnOnce() + Send>,
    /// What must end before the process does.
    drain: Drain,
    /// What is done before the first request is answered.
    prepare: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What is done while nobody waits, for as long as the process runs.
    tend: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Node {
    /// Origin and edge in one process; `pages` are further routes on the same port.
    pub(crate) async fn serve(
        origin: &flags::Origin,
        edge: &flags::Edge,
        (access, follow): (&Access, Option<orbit_edge::Following>),
        pages: Router,
    ) -> Result<Self> {
        let copies = Arc::new(InProcess(OnceLock::new()));
        let origin = open_origin(origin, Arc::clone(&copies) as Arc<dyn Copies>, access).await?;
        let routes = origin.router();
        let upstream: Arc<dyn Upstream> = Arc::new(ServiceUpstream::new(routes.clone()));
        let config = orbit_edge::Config { follow, ..edge_config(edge) };
        let edge = orbit_edge::Edge::new(config, upstream, access.clone(), Arc::new(SystemClock))?;
        // Set once, before the first request: the edge needs the origin's routes, and the origin the edge's copies.
        let _ = copies.0.set(edge.clone());
        let routes = pages.fallback_service(routes);
        let [stopped, left, prepared, followed] = std::array::from_fn(|_| edge.clone());
        let node = Self::owning(origin, Arc::new(Both { edge, routes }));
        let (stop, drain, tend) = (node.stop, node.drain, node.tend);
        Ok(Self {
            stop: Box::new(move || {
                stop();
                stopped.stop();
            }),
            prepare: Box::pin(async move { prepared.prepare().await }),
            tend: Box::pin(async move {
                tokio::join!(tend, followed.follow());
            }),
            drain: Arc::new(move || {
                let (edge, drained) = (left.clone(), drain());
                Box::pin(async move {
                    edge.leave().await;
                    drained.await;
                })
            }),
            handler: node.handler,
        })
    }

    /// The origin alone.
    pub(crate) async fn origin(origin: &flags::Origin, access: &Access) -> Result<Self> {
        let origin = open_origin(origin, Arc::new(NoCopies), access).await?;
        let routes = origin.router();
        Ok(Self::owning(origin, Arc::new(routes)))
    }

    /// A node that owns truth: at its end what has been drawn is stored, and no change of an image is cut short.
    fn owning(origin: orbit_origin::Origin, handler: Arc<dyn Handler>) -> Self {
        let (stopped, tended) = (origin.clone(), origin.clone());
        let drain: Drain = Arc::new(move || {
            let origin = origin.clone();
            Box::pin(async move { origin.idle().await })
        });
        let tend = Box::pin(async move { tended.tend().await });
        let prepare = Box::pin(std::future::ready(()));
        Self { handler, stop: Box::new(move || stopped.stop()), drain, prepare, tend }
    }

    /// How an edge that listens there follows its upstream's log of purges.
    pub(crate) fn following(
        fronting: &flags::Fronting,
        listening: &flags::Listening,
        server: &Server,
    ) -> Result<Option<orbit_edge::Following>> {
        purges::following(fronting, listening, server.address()?)
    }

    /// How the edge in an origin's process follows the log that several origins share; `None` for an origin on its own, which takes
    /// its copies away itself.
    pub(crate) fn following_beside(
        origin: &flags::Origin,
        listening: &flags::Listening,
        server: &Server,
    ) -> Result<Option<orbit_edge::Following>> {
        match origin.nodes.redis_url {
            None => Ok(None),
            Some(_) => Ok(Some(purges::following_beside(listening, server.address()?))),
        }
    }

    /// The edge alone, in front of the servers at these URLs.
    pub(crate) fn edge(
        edge: &flags::Edge,
        fronting: &flags::Fronting,
        urls: Vec<String>,
        (access, follow): (&Access, Option<orbit_edge::Following>),
    ) -> Result<Self> {
        let pool = |urls: Vec<String>| -> Result<Arc<dyn Upstream>> {
            Ok(Arc::new(Pool::new(&Upstreams {
                urls,
                ca: fronting.upstream_ca.clone(),
                health_path: fronting.health_path.clone(),
                health_interval: fronting.health_interval,
                timeout: edge.upstream_timeout,
            })?))
        };
        let app = fronting.app.clone().map(|url| pool(vec![url])).transpose()?;
        let backends = Backends { upstream: pool(urls)?, app };
        let disk = Disk { dir: fronting.disk_dir.clone(), max_bytes: fronting.disk.as_u64() };
        let config = orbit_edge::Config {
            profile: fronting.profile,
            maps: fronting.map.clone(),
            disk: (disk.max_bytes > 0).then_some(disk),
            follow,
            ..edge_config(edge)
        };
        let edge = orbit_edge::Edge::new(config, backends, access.clone(), Arc::new(SystemClock))?;
        let [stopped, prepared, tended, left] = std::array::from_fn(|_| edge.clone());
        let drain: Drain = Arc::new(move || {
            let edge = left.clone();
            Box::pin(async move { edge.leave().await })
        });
        Ok(Self {
            handler: Arc::new(Alone(edge)),
            stop: Box::new(move || stopped.stop()),
            drain,
            prepare: Box::pin(async move { prepared.prepare().await }),
            tend: Box::pin(async move { tended.follow().await }),
        })
    }

    /// Answers requests until the process is asked to end, then lets what was begun finish.
    pub(crate) fn run(self, server: Server) -> Result<()> {
        self.run_beside(server, || Ok(()))
    }

    /// The same, with something to do as soon as requests are answered.
    pub(crate) fn run_beside<F>(self, server: Server, beside: F) -> Result<()>
    where
        F: FnOnce() -> Result<()> + Send + 'static,
    {
        let runtime = runtime()?;
        let stop = CancellationToken::new();
        // Before the address is told: whoever has it may send a signal.
        let mut signals = runtime.block_on(async { Signals::listen(server.tls()) })?;
        runtime.block_on(self.prepare);
        output::line(&format!("listening on {}", server.url()?))?;
        let stopping = stop.clone();
        // Not waited for: what it does ends with the process.
        std::thread::spawn(move || match beside() {
            Err(error) if !stopping.is_cancelled() => drop(output::report(&error)),
            _ => {}
        });
        std::thread::scope(|scope| {
            let (served, has_served) = oneshot::channel();
            let serving = scope.spawn(|| {
                let ended = server.run(&self.handler, &self.drain, &stop);
                stop.cancel();
                // Without anybody who listens, the process ends anyway.
                let _ = served.send(());
                ended
            });
            runtime.spawn(self.tend);
            runtime.block_on(async {
                tokio::select! {
                    () = signals.ended() => tracing::info!("stopping: open requests finish first"),
                    () = stop.cancelled() => {}
                }
                (self.stop)();
                stop.cancel();
                // What is done behind ends here too: until then this runtime goes on.
                let _ = has_served.await;
            });
            serving.join().unwrap_or_else(|_| bail!("the server panicked"))
        })
    }
}

/// The edge in front of the origin of the same process: images from the edge, the rest by routes.
struct Both {
    edge: orbit_edge::Edge,
    routes: Router,
}

impl Handler for Both {
    fn at_once(&self, request: &mut Request<Incoming>) -> Option<Response> {
        if !orbit_edge::Edge::owns(request.uri().path()) {
            return None;
        }
        self.edge.at_once(request)
    }

    fn answer(&self, request: Request<Body>) -> ResponseFuture {
        let edge = self.edge.clone();
        match request.uri().path() {
            path if orbit_edge::Edge::owns(path) => Box::pin(async move { edge.handle(request).await }),
            "/metrics" if request.method().is_safe() => {
                Box::pin(async move { edge.metrics_text().map(orbit_edge::Body::from) })
            }
            _ => self.routes.answer(request),
        }
    }
}

/// The edge in front of another process, which answers everything.
struct Alone(orbit_edge::Edge);

impl Handler for Alone {
    fn at_once(&self, request: &mut Request<Incoming>) -> Option<Response> {
        self.0.at_once(request)
    }

    fn answer(&self, request: Request<Body>) -> ResponseFuture {
        let edge = self.0.clone();
        Box::pin(async move { edge.handle(request).await })
    }
}

/// Runs what must be done before a server's own threads exist.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(runtime()?.block_on(work))
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Who may write, from the flags; refuses an address that others can reach without a token.
pub(crate) fn access(listening: &flags::Listening) -> Result<Access> {
    match listening.token.as_deref().map(str::trim) {
        Some("") => bail!("the token is empty; give one with --token or ORBIT_TOKEN, or none at all"),
        Some(token) => Ok(Access::with_token(token)),
        None if listening.listen.ip().is_loopback() => Ok(Access::loopback_only()),
        None => bail!(
            "{} can be reached by others, so writes need a token: set ORBIT_TOKEN (or --token), or listen on 127.0.0.1",
            listening.listen
        ),
    }
}

async fn open_origin(flags: &flags::Origin, copies: Arc<dyn Copies>, access: &Access) -> Result<orbit_origin::Origin> {
    let flags::Origin { data_dir, lending, nodes, storage, making } = flags;
    let fetcher = Fetcher::new(fetch::Config {
        allow: making.fetch_allow.clone(),
        timeout: making.fetch_timeout,
        max_bytes: making.max_source.as_u64(),
    })?;
    let models = making.generation.models(&fetcher, making.max_source.as_u64())?;
    let redis = redis::connect(nodes.redis_url.as_deref()).await?;
    let store = storage::open(data_dir, storage.blobs.as_deref(), redis.as_ref()).await?;
    // Behind the lock that the store holds on the folder.
    let journal = Journal::open(&data_dir.join("journal.sqlite"), EventLimits::default()).await;
    let journal = journal.with_context(|| format!("the journal in {}", data_dir.display()))?;
    let shared = nodes::open(nodes, redis.clone(), journal).await?;
    let purges = purges::open(data_dir, lending, redis).await?;
    let cdns = cdn::open(data_dir, making, &fetcher).await?;
    let config = orbit_origin::Config {
        catch_up: store.has_other_writers(),
        bounds: storage.keeping.bounds(),
        collect_interval: storage.collect_interval,
        edge_lease: lending.edge_lease,
        ..origin_config(making)?
    };
    let parts = orbit_origin::Parts {
        store,
        events: shared.events,
        queue: shared.queue,
        nodes: shared.nodes,
        models,
        fetcher,
        purges,
        copies,
        cdns,
        access: access.clone(),
        clock: Arc::new(SystemClock),
    };
    let origin = orbit_origin::Origin::new(parts, config)?;
    let resumed = origin.resume().await.with_context(|| format!("the queue in {}", data_dir.display()))?;
    if resumed > 0 {
        tracing::info!(concepts = resumed, "going on with what the last run left");
    }
    Ok(origin)
}

fn origin_config(making: &flags::Making) -> Result<orbit_origin::Config> {
    let limits = Limits { max_bytes: making.max_source.as_u64(), max_pixels: making.max_pixels, ..Limits::default() };
    let (variants, workflow) = (&making.variants, &making.workflow);
    Ok(orbit_origin::Config {
        rules: variants.rules()?,
        prebuild: variants.prebuild.clone(),
        refine: variants.refine == flags::Refine::Idle,
        max_variants: variants.max_variants,
        codec_memory_bytes: variants.codec_memory.as_u64(),
        transform_timeout: variants.transform_timeout,
        signer: variants.signing.signer()?,
        limits,
        quality: Quality::new(making.quality).context("the quality must be from 1 to 100")?,
        max_queued: making.max_queued,
        generation_workers: making.generation.generation_workers,
        max_queued_concepts: workflow.max_queued_concepts,
        generation_timeout: making.generation.generation_timeout,
        generation_attempts: workflow.generation_attempts,
        interrupted: workflow.interrupted.into(),
        thumbnail: (workflow.thumbnail > 0).then_some(workflow.thumbnail),
        public_base_url: making.public_base_url.clone(),
        cdn_max_age: making.cdn.cdn_max_age,
        ..orbit_origin::Config::default()
    })
}

fn edge_config(edge: &flags::Edge) -> orbit_edge::Config {
    let limits = orbit_cache::Limits {
        max_body_bytes: edge.max_fill.as_u64(),
        finish_bytes: edge.finish_fill.as_u64(),
        max_wait: edge.max_wait,
        max_age: edge.max_fill_age,
        max_silence: edge.upstream_timeout,
        ..orbit_cache::Limits::default()
    };
    orbit_edge::Config {
        memory_bytes: edge.memory.as_u64(),
        memory_max_images: edge.memory_max_images,
        limits,
        ..orbit_edge::Config::default()
    }
}

/// The edge of the same process, as the origin sees it.
#[derive(Debug)]
struct InProcess(OnceLock<orbit_edge::Edge>);

#[async_trait]
impl Copies for InProcess {
    async fn purge(&self, request: &PurgeRequest) -> Vec<Removed> {
        self.0.get().map(|edge| edge.purge(request)).unwrap_or_default()
    }

    async fn fill(&self, paths: &[String]) {
        if let Some(edge) = self.0.get() {
            edge.fill(paths).await;
        }
    }

    fn stats(&self) -> Option<EdgeStats> {
        self.0.get().map(orbit_edge::Edge::stats)
    }
}
