//! The HTTP server: one listening socket, a thread that accepts, and a single-threaded runtime on each of several others.
//!
//! 1. [`Server::bind`] listens, reads the certificate if there is one, and raises the limit of open files.
//! 2. [`listener`] accepts, as many connections as there are places, and hands them to the threads evenly.
//! 3. [`lane`] is one such thread; it cuts off clients that are too slow by the signs in [`pulse`].
//! 4. [`connection`] is one connection: [`tls`], HTTP/1.1 or HTTP/2, over a [`socket`] that sends [`interim`] answers too and
//!    sees which HTTP/2 [`frames`] count.
//! 5. [`service`] turns each request over to the [`Handler`].
//!
//! At shutdown nothing new is accepted, open requests finish within the grace period, and idle connections close. The
//! threads end together: what one began another may wait for. Connections that were upgraded end with them.

mod config;
mod connection;
mod frames;
mod interim;
mod lane;
mod listener;
mod pulse;
mod service;
mod signals;
mod socket;
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Barrier;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

pub(crate) use self::config::{Config, Limits};
pub(crate) use self::service::{Handler, Response, ResponseFuture};
pub(crate) use self::signals::Signals;
pub(crate) use self::tls::{Files, Tls};

use self::connection::Serving;
use self::listener::Lane;
use self::pulse::Patience;

/// How long open requests have to finish at shutdown.
const GRACE: Duration = Duration::from_secs(10);

/// What must end before the threads do, apart from open requests.
pub(crate) type Drain = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A socket that listens and does not answer yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    threads: usize,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    places: usize,
}

impl Server {
    /// Listens as `config` says.
    pub(crate) fn bind(config: Config) -> Result<Self> {
        config.validate()?;
        let tls = config.tls.map(Tls::open).transpose()?.map(Arc::new);
        let listener = listener::bind(config.address)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if config.threads == 0 { cores } else { config.threads };
        let places = listener::places(config.limits.connections);
        Ok(Self { listener, threads, tls, limits: config.limits, places })
    }

    /// Where it listens, with the port that was picked.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// The same as a URL.
    pub(crate) fn url(&self) -> Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.address()?))
    }

    /// The certificate, to be kept new.
    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Answers requests until `stop` is cancelled and what was begun has ended, `drain` included.
    pub(crate) fn run(self, handler: &Arc<dyn Handler>, drain: &Drain, stop: &CancellationToken) -> Result<()> {
        let Limits { header_timeout, idle_timeout, stall_timeout, .. } = self.limits;
        let patience = Patience::new(header_timeout, idle_timeout, stall_timeout);
        let serving = Arc::new(Serving::new(Arc::clone(handler), self.tls, &self.limits, stop.clone()));
        let together = Arc::new(Barrier::new(self.threads));
        std::thread::scope(|scope| {
            let (mut threads, mut lanes) = (Vec::new(), Vec::new());
            for number in 0..self.threads {
                let (door, inside) = unbounded_channel();
                let (serving, drain, together) = (Arc::clone(&serving), Arc::clone(drain), Arc::clone(&together));
                let serve = move || -> Result<()> {
                    runtime()?.block_on(async {
                        lane::run(inside, serving, patience, GRACE).await;
                        end(&together, &drain).await;
                    });
                    Ok(())
                };
                threads.push(std::thread::Builder::new().name(format!("serve-{number}")).spawn_scoped(scope, serve)?);
                lanes.push(Lane::new(door));
            }
            let accepted = runtime()?.block_on(listener::accept(self.listener, self.places, lanes, stop.clone()));
            for thread in threads {
                thread.join().unwrap_or_else(|_| anyhow::bail!("a server thread panicked"))?;
            }
            accepted
        })
    }
}

/// Waits for the other threads and for what they all have begun.
async fn end(together: &Barrier, drain: &Drain) {
    let end = async {
        together.wait().await;
        drain().await;
        together.wait().await;
    };
    if tokio::time::timeout(GRACE, end).await.is_err() {
        tracing::warn!("some work did not end in time and is broken off");
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests;
