//! `Board`: where the nodes hang up their jobs and take them.
//!
//! - `orbit:job:{id}` is a job with its slots, and who holds it: a name, a lease and a fence. What it says of that is what counts.
//! - `orbit:jobs`, a stream with the consumer group `origins`, hands out the names of jobs, each to one node; those of a node that
//!   is gone go to another once they have been idle for the time of a lease.
//! - `orbit:inflight:{fingerprint}` names the job that an equal request joins, `orbit:done:{fingerprint}` the one that has brought
//!   all its images, `orbit:promise:{image}` the job of an image.
//!
//! Each step is one command or one script on one key, so a cluster needs no tags; whatever stops a node between two steps, the next
//! node that comes upon the rest puts it right. `offer` and `look` are here, what holders do in `claims`.
//!
//! Nothing here is the only copy: the node that accepted a job has it in its [`Journal`](crate::Journal), and the one that runs it in
//! memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use orbit_model::{Digest, ImageId, JobId, QueuedJob, Slot};
use parking_lot::Mutex;
use redis::{Value, cmd};
use tokio::time::Instant;

use super::events::{SharedEvents, Signal};
use super::{Connection, Health};
use crate::Error;

mod claims;
mod previews;
mod script;

pub use claims::{Claim, Hold, Taken};
pub(super) use script::FORGET;

/// The stream of jobs.
const JOBS: &str = "orbit:jobs";
/// Its consumer group.
const GROUP: &str = "origins";
/// How long what was is remembered, in seconds: an ended job, whose image is whose, what an equal request finds.
const MEMORY: u64 = 24 * 60 * 60;
/// How long a job is remembered that has not ended; whoever accepted it hangs it up again.
const OPEN_MEMORY: u64 = 7 * MEMORY;

/// What became of a job that was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// It waits for a node.
    Added,
    /// This equal one is in flight.
    Joined(Box<QueuedJob>),
}

/// A job as the board has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The job with its slots.
    pub job: QueuedJob,
    /// Whether somebody wants it to end.
    pub is_cancelled: bool,
    /// Whether a node holds it, or has held it.
    pub is_begun: bool,
}

/// The board; clones share it.
#[derive(Debug, Clone)]
pub struct Board(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    connection: Connection,
    events: SharedEvents,
    node: String,
    lease: Duration,
    /// The jobs that this process holds, and their entries in the stream; held for moments.
    held: Mutex<HashMap<JobId, String>>,
    /// When it was looked last for jobs of nodes that are gone; `None` until those of this node's last run were taken.
    swept: Mutex<Option<Instant>>,
}

impl Board {
    /// The board of the node that shares these events; what it takes is its own for the time of a lease after each sign of life.
    #[must_use]
    pub fn new(connection: Connection, events: SharedEvents, lease: Duration) -> Self {
        let node = events.node().to_owned();
        let (held, swept) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Parts { connection, events, node, lease, held, swept }))
    }

    /// How long a node may be silent before its jobs are taken from it.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.0.lease
    }

    /// For how long the board cannot be reached already; `None` while it can.
    #[must_use]
    pub fn outage(&self) -> Option<Duration> {
        match self.0.connection.health() {
            Health::Up => None,
            Health::Down { since, .. } => Some(since.elapsed()),
        }
    }

    /// Hangs up a job for any node to take, unless an equal one is in flight.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then the job may hang there all the same.
    pub async fn offer(&self, job: &QueuedJob, fingerprint: &Digest) -> Result<Offer, Error> {
        // First the job itself: whoever finds its name finds it too.
        self.0.put(job).await?;
        if let Some(other) = self.0.join(&job.job, fingerprint).await? {
            self.0.ask::<Value>(cmd("DEL").arg(job_key(&job.job))).await?;
            return Ok(Offer::Joined(Box::new(other)));
        }
        self.0.promise(job).await?;
        self.0.announce(&job.job).await?;
        Ok(Offer::Added)
    }

    /// Hangs up a job again that the board may have forgotten; whether it had.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put_back(&self, job: &QueuedJob, fingerprint: &Digest) -> Result<bool, Error> {
        if !self.0.put(job).await? {
            return Ok(false);
        }
        let _: Value = self.0.ask(inflight(fingerprint, &job.job).arg("NX")).await?;
        self.0.promise(job).await?;
        self.0.announce(&job.job).await?;
        Ok(true)
    }

    /// Hands out the name of a job again that nobody holds: its entry is lost where a node ends, or is cut off, between two steps.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hand_out(&self, job: &JobId) -> Result<(), Error> {
        let is_free: bool = self.0.connection.run(&script::IS_FREE.key(job_key(job))).await?;
        if is_free { self.0.announce(job).await } else { Ok(()) }
    }

    /// Writes an ended job down that the board may have forgotten, for whoever asks.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remember(&self, job: &QueuedJob) -> Result<(), Error> {
        let json = serde_json::to_string(job).map_err(Error::internal)?;
        let mut remember = script::REMEMBER.key(job_key(&job.job));
        remember.arg(json).arg(MEMORY);
        let was_forgotten: bool = self.0.connection.run(&remember).await?;
        if was_forgotten { self.0.promise(job).await } else { Ok(()) }
    }

    /// Looks a job up.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn look(&self, job: &JobId) -> Result<Option<Posted>, Error> {
        self.0.look(job).await
    }

    /// The job that is to bring an image, or has brought it, and the image's place in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_image(&self, id: &ImageId) -> Result<Option<(JobId, usize)>, Error> {
        let promise: Option<String> = self.0.ask(cmd("GET").arg(promise_key(id))).await?;
        Ok(promise.and_then(|text| {
            let (index, job) = text.split_once(' ')?;
            Some((job.parse().ok()?, index.parse().ok()?))
        }))
    }

    /// The last job of its kind that has brought all its images.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_done(&self, fingerprint: &Digest) -> Result<Option<QueuedJob>, Error> {
        let job: Option<String> = self.0.ask(cmd("GET").arg(done_key(fingerprint))).await?;
        match job.and_then(|job| job.parse().ok()) {
            Some(job) => Ok(self.0.look(&job).await?.map(|posted| posted.job)),
            None => Ok(None),
        }
    }

    /// Asks whoever runs a job, or takes it next, to end it; whether the board knows it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn cancel(&self, job: &JobId) -> Result<bool, Error> {
        let known: bool = self.0.connection.run(&script::CANCEL.key(job_key(job))).await?;
        if known {
            self.0.events.signal(&Signal::Cancelled(job.clone())).await;
        }
        Ok(known)
    }
}

impl Parts {
    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Error> {
        self.connection.ask(command).await
    }

    /// Writes a job down, unless it is; whether it was not.
    async fn put(&self, job: &QueuedJob) -> Result<bool, Error> {
        let json = serde_json::to_string(job).map_err(Error::internal)?;
        self.connection.run(script::PUT.key(job_key(&job.job)).arg(json).arg(OPEN_MEMORY)).await
    }

    /// The equal job in flight; without one, this one is it from now on.
    async fn join(&self, job: &JobId, fingerprint: &Digest) -> Result<Option<QueuedJob>, Error> {
        loop {
            let is_first: Option<String> = self.ask(inflight(fingerprint, job).arg("NX")).await?;
            if is_first.is_some() {
                return Ok(None);
            }
            let known: Option<String> = self.ask(cmd("GET").arg(inflight_key(fingerprint))).await?;
            let Some(known) = known else { continue };
            if known == job.as_str() {
                return Ok(None);
            }
            if let Ok(other) = known.parse()
                && let Some(posted) = self.look(&other).await?
                && !posted.is_cancelled
                && !posted.job.has_ended()
            {
                if !posted.is_begun {
                    // Whoever offered it may have ended before its name was out.
                    self.announce(&other).await?;
                }
                return Ok(Some(posted.job));
            }
            // It has ended, or nobody knows of it any more: whoever comes first takes its place.
            self.forget(&inflight_key(fingerprint), &known).await?;
        }
    }

    async fn promise(&self, job: &QueuedJob) -> Result<(), Error> {
        let sets = job.ids.iter().enumerate().map(|(index, id)| async move {
            let promise = format!("{index} {}", job.job);
            self.ask::<Value>(cmd("SET").arg(promise_key(id)).arg(promise).arg("EX").arg(MEMORY)).await
        });
        try_join_all(sets).await.map(|_| ())
    }

    /// Hands the name of a job to the group.
    async fn announce(&self, job: &JobId) -> Result<(), Error> {
        self.add_entry(job).await?;
        self.events.signal(&Signal::Offered).await;
        Ok(())
    }

    async fn add_entry(&self, job: &JobId) -> Result<String, Error> {
        self.ask(cmd("XADD").arg(JOBS).arg("*").arg("job").arg(job.as_str())).await
    }

    /// Removes a key that still says what was seen.
    async fn forget(&self, key: &str, seen: &str) -> Result<(), Error> {
        self.connection.run(FORGET.key(key).arg(seen)).await
    }

    async fn look(&self, job: &JobId) -> Result<Option<Posted>, Error> {
        let fields: HashMap<String, String> = self.ask(cmd("HGETALL").arg(job_key(job))).await?;
        let Some(json) = fields.get("job") else { return Ok(None) };
        // What nobody can read is as good as forgotten: whoever accepted it hangs it up again.
        let Ok(mut queued) = serde_json::from_str::<QueuedJob>(json) else { return Ok(None) };
        for (index, place) in queued.slots.iter_mut().enumerate() {
            if let Some(slot) = fields.get(&slot_field(index)).and_then(|json| serde_json::from_str::<Slot>(json).ok())
            {
                *place = slot;
            }
        }
        let has = |name| fields.contains_key(name);
        Ok(Some(Posted { job: queued, is_cancelled: has("cancelled"), is_begun: has("fence") }))
    }
}

fn inflight(fingerprint: &Digest, job: &JobId) -> redis::Cmd {
    let mut set = cmd("SET");
    set.arg(inflight_key(fingerprint)).arg(job.as_str()).arg("EX").arg(MEMORY);
    set
}

fn job_key(job: &JobId) -> String {
    format!("orbit:job:{job}")
}

fn promise_key(id: &ImageId) -> String {
    format!("orbit:promise:{id}")
}

fn inflight_key(fingerprint: &Digest) -> String {
    format!("orbit:inflight:{}", fingerprint.hex())
}

fn done_key(fingerprint: &Digest) -> String {
    format!("orbit:done:{}", fingerprint.hex())
}

fn slot_field(index: usize) -> String {
    format!("slot {index}")
}

#[cfg(test)]
mod tests;
