//! Looking after the jobs that this node shares with others.
//!
//! Those that it runs: it gives signs of life for them, saves what an outage kept from being noted, and brings to the board what that has
//! forgotten or never knew. Those that it accepted and others run: it copies into the journal what became of them, and hangs them up
//! again where they are forgotten.
//!
//! A node that hears that its claim is void drops the job without a word. What it has told by then, the others know by its mark, and
//! what it has stored they find.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use orbit_model::{JobId, QueuedJob};
use orbit_store::redis::{Claim, Hold, Signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::batch::Tenure;
use super::{Batch, Brief, MAX_REMEMBERED};
use crate::nodes::{Nodes, often};
use crate::{Error, Origin};

/// How long the board may not know a job before it is hung up again: whoever runs it does so sooner.
const GRACE: Duration = Duration::from_secs(2);
/// How often a job is handed out again that nobody holds, in case its entry was lost.
const HAND_OUT: Duration = Duration::from_mins(1);

/// Since when the jobs that others run are known to hang on the board, and since when it does not know them.
#[derive(Debug, Default)]
struct Elsewhere {
    posted: HashMap<JobId, Instant>,
    forgotten: HashMap<JobId, Instant>,
}

impl Origin {
    /// Looks after the jobs of this node, as long as it is polled.
    pub(crate) async fn keep_jobs(&self, nodes: &Nodes) {
        let mut signals = nodes.events.signals();
        let mut elsewhere = Elsewhere::default();
        let mut was_flushed = false;
        loop {
            for batch in self.0.jobs.shares.all() {
                self.keep_alive(nodes, &batch).await;
            }
            if let Err(error) = self.reconcile(nodes, &mut elsewhere).await {
                tracing::debug!(target: "orbit::origin", %error, "the journal was not compared with the board");
            }
            if was_flushed {
                was_flushed = self.remember_ended(nodes).await.is_err();
            }
            let tick = tokio::time::sleep(often(nodes.board.lease()));
            tokio::pin!(tick);
            loop {
                tokio::select! {
                    () = &mut tick => break,
                    () = self.0.jobs.unsaved.notified() => break,
                    signal = signals.recv() => match signal {
                        Ok(Signal::Cancelled(job)) => self.cancel_here(&job),
                        Ok(Signal::Flushed) | Err(RecvError::Lagged(_)) => {
                            was_flushed = true;
                            break;
                        }
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

    /// Tells the board of the jobs that were accepted here and have ended, after it was flushed.
    async fn remember_ended(&self, nodes: &Nodes) -> Result<(), Error> {
        for job in self.0.parts.queue.ended(MAX_REMEMBERED).await? {
            nodes.board.remember(&job).await?;
        }
        Ok(())
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
        let Some(claim) = batch.claim() else { return self.adopt(nodes, batch, None).await };
        match nodes.board.hold(&claim).await {
            Ok(hold) => self.heed(nodes, batch, &claim, hold).await,
            Err(error) => {
                tracing::debug!(target: "orbit::origin", %error, job = %batch.id, "no sign of life was given")
            }
        }
    }

    /// Does what the board has said to a word under a claim.
    async fn heed(&self, nodes: &Nodes, batch: &Batch, claim: &Claim, hold: Hold) {
        match hold {
            Hold::Held => {}
            Hold::Cancelled => batch.cancelled.cancel(),
            Hold::Gone => Box::pin(self.adopt(nodes, batch, Some(claim))).await,
            Hold::Lost => {
                let _settling = batch.settling.lock().await;
                if batch.claim().as_ref() == Some(claim) {
                    self.abandon(nodes, batch);
                } else {
                    self.save_soon(batch);
                }
            }
        }
    }

    /// Has what is known of a job noted on the board in a moment: under a new claim, where the board has just said no to an old one.
    fn save_soon(&self, batch: &Batch) {
        batch.unsaved.store(true, Ordering::SeqCst);
        self.0.jobs.unsaved.notify_one();
    }

    /// Brings a job to the board that this node runs and the board does not know, or not as this node's. Only if `gone` is still its
    /// claim, and one at a time: a second claim of the same node makes the first void.
    async fn adopt(&self, nodes: &Nodes, batch: &Batch, gone: Option<&Claim>) {
        let settling = batch.settling.lock().await;
        if batch.lost.is_cancelled() || self.0.jobs.shares.closed.load(Ordering::SeqCst) {
            return;
        }
        if batch.claim().as_ref() != gone {
            return self.save_soon(batch);
        }
        let held = batch.tenure.lock().original.clone();
        let original = match held {
            Some(original) => Some(original),
            None => self.0.parts.queue.get(&batch.id).await.ok().flatten(),
        };
        let Some(mut job) = original else { return };
        job.slots = batch.slots();
        let adopted = nodes.board.adopt(&job, &batch.fingerprint).await;
        // If it was stopped half way, the old claim is void all the same, and the next try begins from nothing.
        let claim = adopted.as_ref().ok().cloned().flatten();
        *batch.tenure.lock() = Tenure { claim, original: Some(job) };
        match adopted {
            Ok(Some(_)) => {
                drop(settling);
                batch.unsaved.store(true, Ordering::SeqCst);
                self.save(nodes, batch).await;
            }
            Ok(None) => self.abandon(nodes, batch),
            Err(error) => tracing::debug!(target: "orbit::origin", %error, job = %batch.id, "a job was not hung up"),
        }
    }

    /// Notes all slots of a job on the board, and ends it there with the last image.
    pub(crate) async fn save(&self, nodes: &Nodes, batch: &Batch) {
        let Some(claim) = batch.claim() else { return Box::pin(self.adopt(nodes, batch, None)).await };
        batch.unsaved.store(false, Ordering::SeqCst);
        let slots: Vec<_> = batch.slots().into_iter().enumerate().collect();
        let is_over = slots.iter().all(|(_, slot)| slot.state.is_final());
        match nodes.board.note(&claim, &slots).await {
            Ok(Hold::Held | Hold::Cancelled) if is_over => match nodes.board.end(&claim, &batch.fingerprint).await {
                Ok(()) => self.release(batch),
                Err(_) => batch.unsaved.store(true, Ordering::SeqCst),
            },
            Ok(hold) => self.heed(nodes, batch, &claim, hold).await,
            Err(_) => batch.unsaved.store(true, Ordering::SeqCst),
        }
    }

    /// Notes on the board how far an image has come.
    pub(crate) async fn note_shared(&self, batch: &Batch, index: usize) {
        let Some(nodes) = self.nodes().filter(|_| self.0.jobs.shares.contains(&batch.id)) else { return };
        let Some(claim) = batch.claim() else { return self.save_soon(batch) };
        match nodes.board.note(&claim, &[(index, batch.slot(index))]).await {
            Ok(Hold::Held | Hold::Cancelled) if batch.open().is_empty() => self.save(nodes, batch).await,
            Ok(hold) => self.heed(nodes, batch, &claim, hold).await,
            Err(_) => self.save_soon(batch),
        }
    }

    /// Lets go of a job that the board knows the end of.
    fn release(&self, batch: &Batch) {
        *batch.tenure.lock() = Tenure::default();
        self.0.jobs.shares.remove(&batch.id);
    }

    /// Drops a job that another node has.
    fn abandon(&self, nodes: &Nodes, batch: &Batch) {
        tracing::warn!(target: "orbit::origin", job = %batch.id, "another node has taken this job; it is dropped here");
        *batch.tenure.lock() = Tenure::default();
        nodes.board.forget_hold(&batch.id);
        batch.lost.cancel();
        self.0.jobs.shares.remove(&batch.id);
        self.0.jobs.forget(batch);
    }

    /// Gives back what was taken and is not finished, so that others need not wait for the end of a lease.
    pub(crate) async fn give_back_jobs(&self) {
        let Some(nodes) = self.nodes() else { return };
        for batch in self.0.jobs.shares.all() {
            self.save(nodes, &batch).await;
        }
        self.0.jobs.shares.closed.store(true, Ordering::SeqCst);
        for batch in self.0.jobs.shares.all() {
            let held = std::mem::take(&mut *batch.tenure.lock());
            if let Some(claim) = held.claim
                && !batch.open().is_empty()
            {
                // In an outage the lease runs out.
                let _ = nodes.board.give_back(&claim).await;
            }
        }
    }

    /// Compares the jobs that were accepted here and run elsewhere with the board.
    async fn reconcile(&self, nodes: &Nodes, elsewhere: &mut Elsewhere) -> Result<(), Error> {
        if self.0.stopping.is_cancelled() {
            return Ok(());
        }
        let unfinished = self.0.parts.queue.unfinished().await?;
        let Elsewhere { posted: known, forgotten } = elsewhere;
        for times in [&mut *known, &mut *forgotten] {
            times.retain(|known, _| unfinished.iter().any(|queued| queued.job == *known));
        }
        let mut is_trimmed = true;
        for queued in unfinished {
            if self.0.jobs.find(&queued.job).is_some() {
                continue;
            }
            match nodes.board.look(&queued.job).await {
                Ok(Some(posted)) => {
                    forgotten.remove(&queued.job);
                    let since = known.entry(queued.job.clone()).or_insert_with(Instant::now);
                    if since.elapsed() >= HAND_OUT {
                        *since = Instant::now();
                        nodes.board.hand_out(&queued.job).await?;
                    }
                    for (index, slot) in posted.job.slots.iter().enumerate() {
                        if queued.slots.get(index) != Some(slot) {
                            self.0.parts.queue.set(&queued.job, index, slot).await?;
                            is_trimmed = false;
                        }
                    }
                }
                Ok(None) => {
                    let since = *forgotten.entry(queued.job.clone()).or_insert_with(Instant::now);
                    if since.elapsed() >= GRACE {
                        let fingerprint = Batch::of(queued.clone(), Brief::default()).fingerprint;
                        nodes.board.put_back(&queued, &fingerprint).await?;
                        known.remove(&queued.job);
                        forgotten.remove(&queued.job);
                    }
                }
                Err(_) => self.run_alone(nodes, queued).await?,
            }
        }
        if !is_trimmed {
            self.0.parts.queue.trim(MAX_REMEMBERED).await?;
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
}
