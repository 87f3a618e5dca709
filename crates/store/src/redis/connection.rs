//! `Connection`: the way to Redis, with a breaker.
//!
//! While Redis answers, calls of all threads share one link. A call that is not answered in time opens the breaker: those
//! that wait with it fail at that moment, and all after it at once, without a try of their own. A thread of its own mends
//! (`mend`): it connects again, and pings while nobody calls, so that an outage is known before a request meets it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::address::Address;
use super::link::{Fault, Link};
use super::listener::Listener;
use super::mend;
use crate::Error;

/// How long an answer may take; those to what Orbit asks take well under a millisecond.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);

/// The way to Redis; clones share it. It ends with the last of them.
#[derive(Debug, Clone)]
pub struct Connection(Arc<Ends>);

/// Whether Redis answers.
#[derive(Debug, Clone)]
pub enum Health {
    /// It does.
    Up,
    /// It does not.
    Down {
        /// Since when.
        since: Instant,
        /// What was seen of it; for the log, as it may name addresses.
        reason: Arc<str>,
    },
}

impl Health {
    /// Whether Redis answers.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }
}

#[derive(Debug)]
struct Ends {
    shared: Arc<Shared>,
    /// Dropped with the last handle, which ends the thread that mends.
    _alive: oneshot::Sender<()>,
}

/// What callers share with the thread that mends.
pub(super) struct Shared {
    pub(super) address: Address,
    /// The breaker. Closed by the thread that mends alone, opened by whoever sees that the link is broken.
    pub(super) state: watch::Sender<State>,
    /// The runtime of the thread that mends: every socket is driven by it, whichever thread calls.
    pub(super) runtime: Handle,
}

#[derive(Clone)]
pub(super) enum State {
    Up {
        /// Grows with each link, so that a late failure of one does not open the breaker on the next.
        generation: u64,
        link: Link,
    },
    Down {
        since: Instant,
        reason: Arc<str>,
    },
}

impl Connection {
    /// Reads a URL and begins to connect; it need not succeed, and goes on trying.
    ///
    /// The forms are `redis://`, `rediss://`, `unix://`, `redis+cluster://A,B/` and `redis+sentinel://A,B/MASTER`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the URL is none of them.
    pub fn open(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::internal)?;
        let down = State::Down { since: Instant::now(), reason: "it was not reached yet".into() };
        let shared = Arc::new(Shared { address, state: watch::Sender::new(down), runtime: runtime.handle().clone() });
        let (alive, ended) = oneshot::channel();
        let mending = mend::run(Arc::clone(&shared), ended);
        std::thread::Builder::new()
            .name("orbit-redis".to_owned())
            .spawn(move || runtime.block_on(mending))
            .map_err(Error::internal)?;
        Ok(Self(Arc::new(Ends { shared, _alive: alive })))
    }

    /// Whether Redis answers, as far as is known at this moment.
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.shared.state.borrow().health()
    }

    /// Waits until Redis answers.
    pub async fn up(&self) {
        // The sender lives as long as this handle.
        let _ = self.0.shared.state.subscribe().wait_for(|state| matches!(state, State::Up { .. })).await;
    }

    /// Waits until Redis does not answer.
    pub async fn down(&self) {
        let _ = self.0.shared.state.subscribe().wait_for(|state| matches!(state, State::Down { .. })).await;
    }

    /// Calls `told` each time that Redis begins or ceases to answer, from the thread that mends.
    pub fn observe(&self, told: impl Fn(Health) + Send + 'static) {
        let mut state = self.0.shared.state.subscribe();
        self.0.shared.runtime.spawn(async move {
            let mut was_up = None;
            loop {
                let health = state.borrow_and_update().health();
                if was_up.replace(health.is_up()) != Some(health.is_up()) {
                    told(health);
                }
                if state.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Whether keys are spread over several servers: then what is asked in one go must carry one tag.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.0.shared.address.is_cluster()
    }

    /// Sends a command.
    ///
    /// # Errors
    /// [`Error::Unavailable`], at once in an outage and otherwise within 250 ms; the command may have been done all the
    /// same. [`Error::Internal`] where Redis finds the command wrong.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        self.call(async move |link| command.query_async(link).await).await
    }

    /// Sends several commands in one go; on a cluster all of their keys must carry one tag.
    ///
    /// # Errors
    /// As of [`Connection::ask`].
    pub async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Error> {
        self.call(async move |link| commands.query_async(link).await).await
    }

    /// Runs a script, which is one atomic step; it must name a key, and on a cluster all must carry one tag.
    ///
    /// # Errors
    /// As of [`Connection::ask`].
    pub async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.call(async move |link| script.invoke_async(link).await).await
    }

    /// A socket of its own, for commands that wait in the server.
    #[must_use]
    pub fn listener(&self) -> Listener {
        Listener::new(self.clone())
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    async fn call<T>(&self, work: impl AsyncFnOnce(&mut Link) -> RedisResult<T>) -> Result<T, Error> {
        let shared = &self.0.shared;
        let mut state = shared.state.subscribe();
        let (generation, mut link) = match &*state.borrow_and_update() {
            State::Up { generation, link } => (*generation, link.clone()),
            State::Down { .. } => return Err(away()),
        };
        let done = tokio::select! {
            biased;
            done = tokio::time::timeout(ANSWER_TIMEOUT, work(&mut link)) => done,
            // Another call has found this link broken: no use in waiting.
            _ = state.changed() => return Err(away()),
        };
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(shared.failed(generation, error)),
            Err(_) => {
                shared.open(generation, &format!("no answer within {} ms", ANSWER_TIMEOUT.as_millis()));
                Err(away())
            }
        }
    }
}

impl Shared {
    /// Names an error of a call on a link, and opens the breaker where the link is broken.
    fn failed(&self, generation: u64, error: redis::RedisError) -> Error {
        match Fault::of(&error) {
            Fault::Broken => {
                self.open(generation, &error.to_string());
                away()
            }
            Fault::Refused => away(),
            Fault::Wrong => Error::internal(error),
        }
    }

    /// Opens the breaker, unless that link has been replaced meanwhile.
    pub(super) fn open(&self, generation: u64, reason: &str) {
        self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Up { generation: present, .. } if *present == generation);
            if is_it {
                *state = State::Down { since: Instant::now(), reason: reason.into() };
            }
            is_it
        });
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("address", &self.address).finish_non_exhaustive()
    }
}

impl State {
    fn health(&self) -> Health {
        match self {
            Self::Up { .. } => Health::Up,
            Self::Down { since, reason } => Health::Down { since: *since, reason: Arc::clone(reason) },
        }
    }
}

/// What a caller is told in an outage.
pub(super) fn away() -> Error {
    Error::Unavailable("what the nodes share cannot be reached at this moment; try again in a second".to_owned())
}
