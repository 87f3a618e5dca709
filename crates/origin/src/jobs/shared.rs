//! Jobs that any node may run: how they are offered and taken.
//!
//! 1. A job that is posted is hung up on the [`Board`](orbit_store::redis::Board), noted in this node's journal, and only then
//!    confirmed. In an outage it is begun here, as on a node of its own.
//! 2. Each node takes jobs while it has turns to spare; one that has none takes some all the same, but slowly, so that no thread
//!    waits for the end of another's batch.
//! 3. What is taken is run as after a restart (`resume`), and its slots are noted on the board under the fence of the claim.
//!
//! `keep` looks after them from then on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orbit_model::{Job, JobId, JobRequest, QueuedJob};
use orbit_store::redis::{Offer, Signal, Taken};
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::batch::{Tenure, remembered};
use super::resume::Told;
use super::{Batch, Brief};
use crate::nodes::Nodes;
use crate::{Error, Origin};

/// How long a node with turns to spare waits for the signal of a job before it looks for one.
const IDLE: Duration = Duration::from_secs(1);
/// How often one without takes a job.
const CROWDED: Duration = Duration::from_millis(250);

/// The jobs of this process that the board knows of, or is to know of.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// Held for moments.
    batches: Mutex<HashMap<JobId, Arc<Batch>>>,
    /// Whether the board was reached in this run.
    pub(super) reached: AtomicBool,
    /// Whether this node gives its jobs back, and takes none any more.
    pub(super) closed: AtomicBool,
}

impl Shares {
    pub(super) fn insert(&self, batch: &Arc<Batch>) {
        self.batches.lock().insert(batch.id.clone(), Arc::clone(batch));
    }

    pub(super) fn contains(&self, job: &JobId) -> bool {
        self.batches.lock().contains_key(job)
    }

    pub(super) fn remove(&self, job: &JobId) {
        self.batches.lock().remove(job);
    }

    pub(super) fn all(&self) -> Vec<Arc<Batch>> {
        self.batches.lock().values().cloned().collect()
    }
}

impl Origin {
    /// Accepts a job that nobody waits for, for whichever node takes it.
    pub(crate) async fn accept_anywhere(&self, request: JobRequest) -> Result<Job, Error> {
        let batch = self.prepare(&request, Brief::default()).await?;
        let public_base = &self.config().public_base_url;
        let Some(nodes) = self.nodes() else {
            return Ok(self.accept_here(request, batch).await?.snapshot(public_base));
        };
        let (origin, nodes, posted) = (self.clone(), nodes.clone(), request.clone());
        // To its end, though the client leaves: others may have joined it.
        let offer = async move { Ok((origin.offer(&nodes, posted, &batch).await?, batch)) };
        let (offered, batch) = self.detached(offer).await?;
        if let Some(job) = offered {
            return Ok(remembered(&job, public_base));
        }
        // Under the same names: should it hang on the board all the same, it is found out who has it.
        let batch = self.accept_here(request, batch).await?;
        self.0.jobs.shares.insert(&batch);
        Ok(batch.snapshot(public_base))
    }

    /// Hangs up a job and notes it; `None` in an outage.
    async fn offer(&self, nodes: &Nodes, request: JobRequest, batch: &Batch) -> Result<Option<QueuedJob>, Error> {
        let job = batch.queued(request);
        if let Some(done) = self.done_anywhere(nodes, batch).await? {
            return Ok(Some(done));
        }
        let open = |job: &QueuedJob| job.slots.iter().filter(|slot| !slot.state.is_final()).count();
        let waiting: usize = self.0.parts.queue.unfinished().await?.iter().map(open).sum();
        if waiting + job.ids.len() > self.0.jobs.max_queued {
            return Err(Error::busy());
        }
        match nodes.board.offer(&job, &batch.fingerprint).await {
            Ok(Offer::Joined(other)) => Ok(Some(*other)),
            Ok(Offer::Added) => {
                self.0.parts.queue.add(&job).await?;
                Ok(Some(job))
            }
            Err(error) => {
                tracing::warn!(target: "orbit::origin", %error, job = %job.job, "a job is begun here, for others cannot be reached");
                Ok(None)
            }
        }
    }

    /// The finished job of any node that is an answer to a request that allows it, if all its images are there still.
    async fn done_anywhere(&self, nodes: &Nodes, batch: &Batch) -> Result<Option<QueuedJob>, Error> {
        if !batch.reuse {
            return Ok(None);
        }
        let Ok(Some(done)) = nodes.board.find_done(&batch.fingerprint).await else { return Ok(None) };
        for id in &done.ids {
            if self.stored(id).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(done))
    }

    /// Takes jobs from the board until the origin stops.
    pub(crate) async fn take_jobs(&self, nodes: &Nodes) {
        let mut signals = nodes.events.signals();
        let mut crowded_since = Instant::now();
        while !self.0.stopping.is_cancelled() {
            let is_crowded = self.0.jobs.is_crowded();
            if !is_crowded || crowded_since.elapsed() >= CROWDED {
                crowded_since = Instant::now();
                match nodes.board.take().await {
                    Ok(Some(taken)) => {
                        self.run_taken(nodes, taken).await;
                        continue;
                    }
                    Ok(None) => self.0.jobs.shares.reached.store(true, Ordering::SeqCst),
                    // The board cannot be reached; this loop comes back.
                    Err(error) => tracing::debug!(target: "orbit::origin", %error, "no job was taken"),
                }
            }
            let pause = tokio::time::sleep(if is_crowded { CROWDED } else { IDLE });
            tokio::select! {
                () = pause => {}
                () = self.0.jobs.freed.notified() => {}
                () = offered(&mut signals), if !is_crowded => {}
                () = self.0.stopping.cancelled() => {}
            }
        }
    }

    async fn run_taken(&self, nodes: &Nodes, taken: Taken) {
        let Taken { claim, job, is_first, is_cancelled } = taken;
        let (id, original) = (job.job.clone(), job.clone());
        let resumed = async {
            let told = match is_first {
                true => Told::default(),
                false => {
                    self.0.parts.events.catch_up().await;
                    self.told(&job).await?
                }
            };
            self.resume_job(job, told, |batch| {
                *batch.tenure.lock() = Tenure { claim: Some(claim.clone()), original: Some(original) };
                self.0.jobs.shares.insert(batch);
                if is_cancelled {
                    batch.cancelled.cancel();
                }
            })
            .await
        };
        match resumed.await {
            Ok(batch) if batch.open().is_empty() => self.save(nodes, &batch).await,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(target: "orbit::origin", %error, job = %id, "a job could not be begun; another node may");
                if nodes.board.give_back(&claim).await.is_err() {
                    nodes.board.forget_hold(&id);
                }
                // It is this node's turn again soon enough.
                tokio::time::sleep(IDLE).await;
            }
        }
    }
}

/// Waits for the signal of a job.
async fn offered(signals: &mut tokio::sync::broadcast::Receiver<Signal>) {
    loop {
        match signals.recv().await {
            Ok(Signal::Offered | Signal::Flushed) | Err(RecvError::Lagged(_)) => return,
            Ok(Signal::Cancelled(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
