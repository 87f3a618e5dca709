//! Jobs that any node may run: offered, taken, kept, and put right after an outage.
//!
//! 1. A job that is posted is hung up on the [`Board`](orbit_store::redis::Board), noted in this node's journal, and only then
//!    confirmed. In an outage it is begun here, as on a node of its own.
//! 2. Each node takes jobs while it has turns to spare; one that has none takes some all the same, but slowly, so that no thread
//!    waits for the end of another's batch.
//! 3. What is taken is run as after a restart (`resume`), and its slots are noted on the board under the fence of the claim.
//! 4. [`Origin::keep_jobs`] gives signs of life, saves what an outage kept from being noted, hangs up what the board has forgotten,
//!    and copies into the journal what became elsewhere of jobs that were accepted here.
//!
//! A node that hears that its claim is void drops the job without a word. What it has told by then, the others know by its mark, and
//! what it has stored they find.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orbit_model::{Job, JobId, JobRequest, JobState, QueuedJob};
use orbit_store::redis::{Hold, Offer, Signal, Taken};
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::batch::remembered;
use super::resume::Told;
use super::{Batch, Brief};
use crate::nodes::{Nodes, often};
use crate::{Error, Origin};

/// How long a node with turns to spare waits for the signal of a job before it looks for one.
const IDLE: Duration = Duration::from_secs(1);
/// How often one without takes a job.
const CROWDED: Duration = Duration::from_millis(250);
/// How long the board may not know a job before it is hung up again: whoever runs it does so sooner.
const GRACE: Duration = Duration::from_secs(2);

/// The jobs of this process that the board knows of, or is to know of.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// Held for moments.
    batches: Mutex<HashMap<JobId, Arc<Batch>>>,
    /// Whether the board was reached in this run.
    reached: AtomicBool,
}

impl Shares {
    fn insert(&self, batch: &Arc<Batch>) {
        self.batches.lock().insert(batch.id.clone(), Arc::clone(batch));
    }

    fn contains(&self, job: &JobId) -> bool {
        self.batches.lock().contains_key(job)
    }

    fn remove(&self, job: &JobId) {
        self.batches.lock().remove(job);
    }

    fn all(&self) -> Vec<Arc<Batch>> {
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
            return Err(Error::Busy);
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
                *batch.hold.lock() = Some((claim.clone(), original));
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
                    nodes.board.drop_claim(&claim);
                }
            }
        }
    }

    /// Looks after the jobs of this node, as long as it is polled.
    pub(crate) async fn keep_jobs(&self, nodes: &Nodes) {
        let mut signals = nodes.events.signals();
        let mut forgotten: HashMap<JobId, Instant> = HashMap::new();
        loop {
            for batch in self.0.jobs.shares.all() {
                self.keep_alive(nodes, &batch).await;
            }
            if let Err(error) = self.reconcile(nodes, &mut forgotten).await {
                tracing::debug!(target: "orbit::origin", %error, "the journal was not compared with the board");
            }
            let tick = tokio::time::sleep(often(nodes.board.lease()));
            tokio::pin!(tick);
            loop {
                tokio::select! {
                    () = &mut tick => break,
                    () = self.0.jobs.unsaved.notified() => break,
                    signal = signals.recv() => match signal {
                        Ok(Signal::Cancelled(job)) => self.cancel_here(&job),
                        Ok(Signal::Flushed) | Err(RecvError::Lagged(_)) => break,
                        Ok(Signal::Offered) => {}
                        // Nobody signals any more: only the time counts.
                        Err(RecvError::Closed) => {
                            (&mut tick).await;
                            break;
                        }
                    },
                }
            }
        }
    }

    fn cancel_here(&self, job: &JobId) {
        if let Some(batch) = self.0.jobs.find(job) {
            batch.cancelled.cancel();
        }
    }

    /// Gives a sign of life for a job, and brings to the board what it does not know.
    async fn keep_alive(&self, nodes: &Nodes, batch: &Batch) {
        if batch.unsaved.load(Ordering::SeqCst) || batch.open().is_empty() {
            return self.save(nodes, batch).await;
        }
        let claim = batch.hold.lock().as_ref().map(|(claim, _)| claim.clone());
        let Some(claim) = claim else { return self.adopt(nodes, batch).await };
        match nodes.board.hold(&claim).await {
            Ok(hold) => self.heed(nodes, batch, hold).await,
            Err(error) => {
                tracing::debug!(target: "orbit::origin", %error, job = %batch.id, "no sign of life was given")
            }
        }
    }

    async fn heed(&self, nodes: &Nodes, batch: &Batch, hold: Hold) {
        match hold {
            Hold::Held => {}
            Hold::Cancelled => batch.cancelled.cancel(),
            Hold::Lost => self.abandon(nodes, batch),
            Hold::Gone => Box::pin(self.adopt(nodes, batch)).await,
        }
    }

    /// Brings a job to the board that this node runs and the board does not know, or not as this node's.
    async fn adopt(&self, nodes: &Nodes, batch: &Batch) {
        let held = batch.hold.lock().as_ref().map(|(_, original)| original.clone());
        let original = match held {
            Some(original) => Some(original),
            None => self.0.parts.queue.get(&batch.id).await.ok().flatten(),
        };
        let Some(mut job) = original else { return };
        job.slots = batch.slots();
        match nodes.board.adopt(&job, &batch.fingerprint).await {
            Ok(Some(claim)) => {
                *batch.hold.lock() = Some((claim, job));
                batch.unsaved.store(true, Ordering::SeqCst);
                self.save(nodes, batch).await;
            }
            Ok(None) => self.abandon(nodes, batch),
            Err(error) => tracing::debug!(target: "orbit::origin", %error, job = %batch.id, "a job was not hung up"),
        }
    }

    /// Notes all slots of a job on the board, and ends it there with the last image.
    pub(crate) async fn save(&self, nodes: &Nodes, batch: &Batch) {
        let claim = batch.hold.lock().as_ref().map(|(claim, _)| claim.clone());
        let Some(claim) = claim else { return Box::pin(self.adopt(nodes, batch)).await };
        batch.unsaved.store(false, Ordering::SeqCst);
        let slots: Vec<_> = batch.slots().into_iter().enumerate().collect();
        let is_over = slots.iter().all(|(_, slot)| slot.state.is_final());
        match nodes.board.note(&claim, &slots).await {
            Ok(Hold::Held | Hold::Cancelled) if is_over => match nodes.board.end(&claim, &batch.fingerprint).await {
                Ok(()) => self.release(batch),
                Err(_) => batch.unsaved.store(true, Ordering::SeqCst),
            },
            Ok(hold) => self.heed(nodes, batch, hold).await,
            Err(_) => batch.unsaved.store(true, Ordering::SeqCst),
        }
    }

    /// Notes on the board how far an image has come.
    pub(crate) async fn note_shared(&self, batch: &Batch, index: usize) {
        let Some(nodes) = self.nodes().filter(|_| self.0.jobs.shares.contains(&batch.id)) else { return };
        let claim = batch.hold.lock().as_ref().map(|(claim, _)| claim.clone());
        let noted = match claim {
            Some(claim) => nodes.board.note(&claim, &[(index, batch.slot(index))]).await.ok(),
            None => None,
        };
        match noted {
            Some(Hold::Held | Hold::Cancelled) if batch.open().is_empty() => self.save(nodes, batch).await,
            Some(hold) => self.heed(nodes, batch, hold).await,
            None => {
                batch.unsaved.store(true, Ordering::SeqCst);
                self.0.jobs.unsaved.notify_one();
            }
        }
    }

    /// Lets go of a job that the board knows the end of.
    fn release(&self, batch: &Batch) {
        // With the claim go the prompts.
        *batch.hold.lock() = None;
        self.0.jobs.shares.remove(&batch.id);
    }

    /// Drops a job that another node has.
    fn abandon(&self, nodes: &Nodes, batch: &Batch) {
        tracing::warn!(target: "orbit::origin", job = %batch.id, "another node has taken this job; it is dropped here");
        let held = batch.hold.lock().take();
        if let Some((claim, _)) = held {
            nodes.board.drop_claim(&claim);
        }
        batch.lost.cancel();
        self.0.jobs.shares.remove(&batch.id);
        self.0.jobs.forget(batch);
    }

    /// Gives back what was taken and is not finished, so that others need not wait for the end of a lease.
    pub(crate) async fn give_back_jobs(&self) {
        let Some(nodes) = self.nodes() else { return };
        for batch in self.0.jobs.shares.all() {
            self.save(nodes, &batch).await;
            let held = batch.hold.lock().take();
            if let Some((claim, _)) = held
                && !batch.open().is_empty()
            {
                // In an outage the lease runs out.
                let _ = nodes.board.give_back(&claim).await;
            }
        }
    }

    /// Compares the jobs that were accepted here and run elsewhere with the board.
    async fn reconcile(&self, nodes: &Nodes, forgotten: &mut HashMap<JobId, Instant>) -> Result<(), Error> {
        if self.0.stopping.is_cancelled() {
            return Ok(());
        }
        let unfinished = self.0.parts.queue.unfinished().await?;
        forgotten.retain(|known, _| unfinished.iter().any(|queued| queued.job == *known));
        for queued in unfinished {
            if self.0.jobs.find(&queued.job).is_some() {
                continue;
            }
            match nodes.board.look(&queued.job).await {
                Ok(Some(posted)) => {
                    forgotten.remove(&queued.job);
                    for (index, slot) in posted.job.slots.iter().enumerate() {
                        if queued.slots.get(index) != Some(slot) {
                            self.0.parts.queue.set(&queued.job, index, slot).await?;
                        }
                    }
                }
                Ok(None) => {
                    let since = *forgotten.entry(queued.job.clone()).or_insert_with(Instant::now);
                    if since.elapsed() >= GRACE {
                        let fingerprint = Batch::of(queued.clone(), Brief::default()).fingerprint;
                        nodes.board.put_back(&queued, &fingerprint).await?;
                        forgotten.remove(&queued.job);
                    }
                }
                Err(_) => self.run_alone(nodes, queued).await?,
            }
        }
        Ok(())
    }

    /// Begins a job here that was accepted here, where an outage lasts longer than a lease and no other node has begun it, as far as
    /// is known: one that starts in an outage can only go on with what it has.
    async fn run_alone(&self, nodes: &Nodes, queued: QueuedJob) -> Result<(), Error> {
        if nodes.board.outage().is_none_or(|time| time < nodes.board.lease()) {
            return Ok(());
        }
        let told = self.told(&queued).await?;
        if told.is_begun && self.0.jobs.shares.reached.load(Ordering::SeqCst) {
            return Ok(());
        }
        tracing::warn!(target: "orbit::origin", job = %queued.job, "a job is begun here, for others cannot be reached");
        self.resume_job(queued, told, |batch| self.0.jobs.shares.insert(batch)).await.map(|_| ())
    }

    /// Waits until an image has come or will not, whichever node makes it; the job as far as it is known then.
    pub(crate) async fn ended_elsewhere(
        &self,
        mut queued: QueuedJob,
        index: usize,
        time: Duration,
    ) -> Result<QueuedJob, Error> {
        let deadline = Instant::now() + time;
        let mut news = self.0.parts.events.subscribe(&queued.request.thread_id).await?;
        loop {
            news.borrow_and_update();
            self.hear_of(&mut queued, index).await?;
            let is_final = queued.slots.get(index).is_none_or(|slot| slot.state.is_final());
            if is_final || Instant::now() >= deadline || self.0.stopping.is_cancelled() {
                return Ok(queued);
            }
            let look_again = deadline.min(Instant::now() + IDLE);
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep_until(look_again) => {
                    queued = self.0.parts.queue.get(&queued.job).await?.unwrap_or(queued);
                }
                () = self.0.stopping.cancelled() => {}
            }
        }
    }

    /// Takes from the log what was told of an image: it is told before its slot is noted.
    async fn hear_of(&self, queued: &mut QueuedJob, index: usize) -> Result<(), Error> {
        let told = self.told(queued).await?;
        let (Some(failure), Some(slot)) = (told.images.get(&index), queued.slots.get_mut(index)) else { return Ok(()) };
        if !slot.state.is_final() {
            slot.state = if failure.is_some() { JobState::Failed } else { JobState::Done };
            slot.failure = failure.clone();
        }
        Ok(())
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
