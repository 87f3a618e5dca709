//! The origin: the service that owns truth.
//!
//! - [`Origin`]: the service; [`Origin::router`] has its routes.
//! - in: `upload` (bodies in any form; `fetch` brings what is only named by a URL) -> `ingest` (codec, then store) -> the manifest is the answer.
//! - out: `image` (bytes; `variants` derives what is not there), `metadata` (JSON), `recipe` (for the owner), `events` (a thread's stream).
//! - behind: `background` makes what is served smaller, and variants ahead of time, while nobody waits ([`Origin::tend`]).
//! - among several: `nodes` (shared events, jobs and derivations; without others none of it).
//! - generation: `jobs` (accept, join, cancel, resume), also by `openai` -> `generate` (a [`Generator`] draws, `ingest` stores).
//! - away: `purge` (truth first, then the [`Copies`] and the `edges` that follow the log, then [`cdn`], the caches of others; then the receipt).
//! - `guard` decides who may write; `error` is where HTTP statuses are.
//!
//! It is handed its store, event log, generators, fetcher and clock; it reads no environment, and what it asks other servers goes
//! through `fetch`.

mod background;
mod body;
pub mod cdn;
mod config;
mod copies;
mod edges;
mod error;
mod events;
pub mod fetch;
pub mod generate;
mod guard;
mod health;
mod image;
mod ingest;
mod jobs;
mod metadata;
mod next_image;
mod nodes;
mod openai;
mod pool;
mod purge;
mod recipe;
mod routes;
mod upkeep;
mod upload;
mod variants;

use std::sync::Arc;
use std::time::Instant;

use orbit_model::{Access, Clock, ImageId, Manifest};
use orbit_store::{EventLog, JobQueue, PurgeLog, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use cdn::Cdns;
pub use config::{Config, Interrupted};
pub use copies::{Copies, NoCopies};
pub use error::Error;
pub use fetch::Fetcher;
pub use generate::{Generator, Models};
pub use nodes::Nodes;
pub use variants::Rules;

use background::Background;
use generate::previews::Previews;
use jobs::Jobs;
use pool::{Bounds, Pool};
use variants::Flights;

/// What an origin is built of.
#[derive(Debug)]
pub struct Parts {
    /// The truth.
    pub store: Store,
    /// What threads are told.
    pub events: Arc<dyn EventLog>,
    /// The jobs that were accepted and have not ended.
    pub queue: Arc<dyn JobQueue>,
    /// What is shared with other nodes, where there are any.
    pub nodes: Option<Nodes>,
    /// Who draws.
    pub models: Models,
    /// Who fetches images by their URL.
    pub fetcher: Fetcher,
    /// What edges of their own are told.
    pub purges: Arc<dyn PurgeLog>,
    /// Who holds copies in this process that a purge must reach.
    pub copies: Arc<dyn Copies>,
    /// The caches of others in front of those.
    pub cdns: Option<Cdns>,
    /// Who may write.
    pub access: Access,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The service that owns truth; clones share it.
#[derive(Debug, Clone)]
pub struct Origin(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: Parts,
    config: Config,
    pool: Pool,
    flights: Flights,
    background: Background,
    jobs: Jobs,
    previews: Previews,
    /// Changes of images that must come to their end.
    changes: TaskTracker,
    /// Cancelled once, at shutdown: event streams end, queued concepts are dropped.
    stopping: CancellationToken,
    started: Instant,
}

impl Origin {
    /// An origin of these parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the settings make no sense.
    pub fn new(parts: Parts, config: Config) -> Result<Self, Error> {
        config.validate()?;
        let pool = Pool::new(Bounds {
            threads: config.codec_threads,
            max_queued: config.max_queued,
            memory_bytes: config.codec_memory_bytes,
        });
        let jobs = Jobs::new(config.generation_workers, config.max_queued_concepts);
        let previews = Previews::new(config.preview_bytes);
        let stopping = CancellationToken::new();
        Ok(Self(Arc::new(Shared {
            parts,
            config,
            pool,
            flights: Flights::default(),
            background: Background::default(),
            jobs,
            previews,
            changes: TaskTracker::new(),
            stopping,
            started: Instant::now(),
        })))
    }

    /// Ends event streams and drops queued concepts, so that a graceful shutdown has an end.
    pub fn stop(&self) {
        self.0.stopping.cancel();
    }

    /// Waits until no concept is being drawn and no image is being written or removed.
    pub async fn idle(&self) {
        self.0.jobs.idle().await;
        self.give_back_jobs().await;
        self.0.changes.close();
        self.0.changes.wait().await;
    }

    /// Runs a change in a task of its own, so that it ends, copies and events included, though the client leaves.
    async fn detached<T, F>(&self, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.0.changes.spawn(change).await.map_err(Error::internal)?
    }

    /// The manifest of an image, if it is stored.
    async fn stored(&self, id: &ImageId) -> Result<Option<Manifest>, Error> {
        match self.store().manifest(id).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(orbit_store::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn store(&self) -> &Store {
        &self.0.parts.store
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn now(&self) -> jiff::Timestamp {
        self.0.parts.clock.now()
    }
}
