//! What a node does with jobs that it takes: it holds them, notes how far they are, ends them or gives them back.

use orbit_model::{Digest, JobId, QueuedJob, Slot};
use redis::{Value, cmd};
use tokio::time::Instant;

use super::{Board, GROUP, JOBS, MEMORY, Parts, done_key, inflight, inflight_key, job_key, script, slot_field};
use crate::Error;
use crate::redis::events::Signal;

/// How many jobs of nodes that are gone are looked at in one go.
const SWEEP: usize = 16;

/// A hold on a job; another node that takes the job makes it void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    job: JobId,
    fence: String,
}

/// A job that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The hold on it.
    pub claim: Claim,
    /// The job as far as it has come.
    pub job: QueuedJob,
    /// Whether no node has held it before.
    pub is_first: bool,
    /// Whether it is to be ended.
    pub is_cancelled: bool,
}

/// How it stands with a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It goes on.
    Held,
    /// It goes on, and somebody wants the job to end.
    Cancelled,
    /// Another node has the job, or it has ended.
    Lost,
    /// The board has forgotten the job: [`Board::adopt`] brings it back.
    Gone,
}

/// An entry of the stream.
struct Entry {
    id: String,
    /// `None` where it was removed.
    job: Option<JobId>,
}

impl Board {
    /// Takes a job: one that nobody has, or else one whose node is gone.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take(&self) -> Result<Option<Taken>, Error> {
        let last_sweep = *self.0.swept.lock();
        if last_sweep.is_none() {
            // What the last run of this node had taken.
            for entry in self.0.read("0", SWEEP).await? {
                if let Some(taken) = self.0.take(entry).await? {
                    return Ok(Some(taken));
                }
            }
            *self.0.swept.lock() = Some(Instant::now());
        }
        while let Some(entry) = self.0.read(">", 1).await?.pop() {
            if let Some(taken) = self.0.take(entry).await? {
                return Ok(Some(taken));
            }
        }
        if last_sweep.is_some_and(|at| at.elapsed() < self.0.lease / 4) {
            return Ok(None);
        }
        for entry in self.0.sweep().await? {
            if let Some(taken) = self.0.take(entry).await? {
                return Ok(Some(taken));
            }
        }
        *self.0.swept.lock() = Some(Instant::now());
        Ok(None)
    }

    /// Takes a job that this node runs already, as one does that was accepted in an outage; puts it back where the board has forgotten
    /// it. `None` where another node has it, or it has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn adopt(&self, job: &QueuedJob, fingerprint: &Digest) -> Result<Option<Claim>, Error> {
        if self.0.put(job).await? {
            let _: Value = self.0.ask(inflight(fingerprint, &job.job).arg("NX")).await?;
            self.0.promise(job).await?;
        }
        let Some((claim, _)) = self.0.claim(&job.job).await? else { return Ok(None) };
        let entry = self.0.add_entry(&job.job).await?;
        self.0.held.lock().insert(job.job.clone(), entry);
        self.hold(&claim).await?;
        Ok(Some(claim))
    }

    /// Gives a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hold(&self, claim: &Claim) -> Result<Hold, Error> {
        let hold = self.0.hold(claim, &[]).await?;
        if matches!(hold, Hold::Held | Hold::Cancelled) {
            self.0.hold_entry(&claim.job).await?;
        }
        Ok(hold)
    }

    /// Notes how far images of a job have come, which is a sign of life too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn note(&self, claim: &Claim, slots: &[(usize, Slot)]) -> Result<Hold, Error> {
        self.0.hold(claim, slots).await
    }

    /// Ends a job, whose slots are all noted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end(&self, claim: &Claim, fingerprint: &Digest) -> Result<(), Error> {
        let Some(posted) = self.0.look(&claim.job).await? else { return self.0.let_go(&claim.job).await };
        let mut job = posted.job;
        let has_all = job.slots.iter().all(|slot| slot.state == orbit_model::JobState::Done);
        job.request.forget_prompts();
        let json = serde_json::to_string(&job).map_err(Error::internal)?;
        let mut end = script::END.key(job_key(&claim.job));
        end.arg(&claim.fence).arg(json).arg(MEMORY);
        let was_held: bool = self.0.connection.run(&end).await?;
        if !was_held {
            // Its entry is another's by now.
            self.forget_hold(&claim.job);
            return Ok(());
        }
        self.0.forget(&inflight_key(fingerprint), claim.job.as_str()).await?;
        if has_all {
            let done = done_key(fingerprint);
            let _: Value = self.0.ask(cmd("SET").arg(done).arg(claim.job.as_str()).arg("EX").arg(MEMORY)).await?;
        }
        self.0.let_go(&claim.job).await
    }

    /// Gives a job back, for any node to take at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then others take it when the lease has run out.
    pub async fn give_back(&self, claim: &Claim) -> Result<(), Error> {
        let was_held: bool = self.0.connection.run(script::RELEASE.key(job_key(&claim.job)).arg(&claim.fence)).await?;
        if !was_held {
            self.forget_hold(&claim.job);
            return Ok(());
        }
        self.0.add_entry(&claim.job).await?;
        self.0.let_go(&claim.job).await?;
        self.0.events.signal(&Signal::Offered).await;
        Ok(())
    }

    /// Forgets that a job is held here: another node has it.
    pub fn forget_hold(&self, job: &JobId) {
        self.0.held.lock().remove(job);
    }
}

impl Parts {
    /// Takes the job of an entry, if it can be had; an entry of no use is removed.
    async fn take(&self, entry: Entry) -> Result<Option<Taken>, Error> {
        let Some(job) = entry.job else {
            self.remove_entry(&entry.id).await?;
            return Ok(None);
        };
        // It is at work here already.
        if self.held.lock().contains_key(&job) {
            return Ok(None);
        }
        let answer: Vec<String> = self.try_take(&job).await?;
        match answer.first().map(String::as_str) {
            // Its holder takes the entry back with its next sign of life.
            Some("held") => return Ok(None),
            Some("taken") => {}
            _ => {
                self.remove_entry(&entry.id).await?;
                return Ok(None);
            }
        }
        let Some(posted) = self.look(&job).await? else { return Ok(None) };
        self.held.lock().insert(job.clone(), entry.id);
        let (claim, is_first) = claim_of(job, answer);
        Ok(Some(Taken { claim, job: posted.job, is_first, is_cancelled: posted.is_cancelled }))
    }

    async fn claim(&self, job: &JobId) -> Result<Option<(Claim, bool)>, Error> {
        let answer = self.try_take(job).await?;
        Ok((answer.first().map(String::as_str) == Some("taken")).then(|| claim_of(job.clone(), answer)))
    }

    async fn try_take(&self, job: &JobId) -> Result<Vec<String>, Error> {
        self.connection.run(script::TAKE.key(job_key(job)).arg(&self.node).arg(self.lease_ms())).await
    }

    async fn hold(&self, claim: &Claim, slots: &[(usize, Slot)]) -> Result<Hold, Error> {
        let mut hold = script::HOLD.key(job_key(&claim.job));
        hold.arg(&claim.fence).arg(self.lease_ms());
        for (index, slot) in slots {
            hold.arg(slot_field(*index)).arg(serde_json::to_string(slot).map_err(Error::internal)?);
        }
        let answer: String = self.connection.run(&hold).await?;
        Ok(match answer.as_str() {
            "held" => Hold::Held,
            "cancelled" => Hold::Cancelled,
            "gone" => Hold::Gone,
            _ => Hold::Lost,
        })
    }

    /// Keeps the entry of a held job with this node, or makes it one where it has none.
    async fn hold_entry(&self, job: &JobId) -> Result<(), Error> {
        let Some(mut entry) = self.held.lock().get(job).cloned() else { return Ok(()) };
        for _ in 0..2 {
            let mut keep = cmd("XCLAIM");
            keep.arg(JOBS).arg(GROUP).arg(&self.node).arg(0).arg(&entry).arg("FORCE").arg("JUSTID");
            let kept: Vec<String> = self.in_group(&keep).await?;
            if !kept.is_empty() {
                break;
            }
            entry = self.add_entry(job).await?;
        }
        if let Some(known) = self.held.lock().get_mut(job) {
            *known = entry;
        }
        Ok(())
    }

    /// Forgets that a job is held here, and removes its entry.
    async fn let_go(&self, job: &JobId) -> Result<(), Error> {
        let entry = self.held.lock().get(job).cloned();
        if let Some(entry) = entry {
            self.remove_entry(&entry).await?;
        }
        self.held.lock().remove(job);
        Ok(())
    }

    async fn remove_entry(&self, entry: &str) -> Result<(), Error> {
        self.in_group::<Value>(cmd("XACK").arg(JOBS).arg(GROUP).arg(entry)).await?;
        self.ask::<Value>(cmd("XDEL").arg(JOBS).arg(entry)).await.map(|_| ())
    }

    /// Reads entries for this node: new ones (`>`), or those that it has (`0`).
    async fn read(&self, place: &str, count: usize) -> Result<Vec<Entry>, Error> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.node).arg("COUNT").arg(count).arg("STREAMS").arg(JOBS).arg(place);
        let answer: Value = self.in_group(&read).await?;
        let Value::Array(keys) = &answer else { return Ok(Vec::new()) };
        let Some(Value::Array(key)) = keys.first() else { return Ok(Vec::new()) };
        Ok(key.get(1).map(entries).unwrap_or_default())
    }

    /// The entries of nodes that have been silent for the time of a lease.
    async fn sweep(&self) -> Result<Vec<Entry>, Error> {
        let mut sweep = cmd("XAUTOCLAIM");
        sweep.arg(JOBS).arg(GROUP).arg(&self.node).arg(self.lease_ms()).arg("0-0").arg("COUNT").arg(SWEEP);
        let answer: Value = self.in_group(&sweep).await?;
        let Value::Array(parts) = &answer else { return Ok(Vec::new()) };
        Ok(parts.get(1).map(entries).unwrap_or_default())
    }

    /// Sends a command that needs the group, which is made where there is none.
    async fn in_group<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Error> {
        match self.ask(command).await {
            Err(Error::Internal(source)) if source.to_string().contains("NOGROUP") => {
                let made = self.ask::<Value>(cmd("XGROUP").arg(&["CREATE", JOBS, GROUP, "0", "MKSTREAM"])).await;
                match made {
                    // Another node was faster.
                    Err(Error::Internal(source)) if source.to_string().contains("BUSYGROUP") => {}
                    made => drop(made?),
                }
                self.ask(command).await
            }
            answer => answer,
        }
    }

    fn lease_ms(&self) -> u64 {
        u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX)
    }
}

fn claim_of(job: JobId, answer: Vec<String>) -> (Claim, bool) {
    let mut rest = answer.into_iter().skip(1);
    let fence = rest.next().unwrap_or_default();
    (Claim { job, fence }, rest.next().as_deref() == Some("first"))
}

fn entries(answer: &Value) -> Vec<Entry> {
    let entries = crate::redis::stream::entries(answer).into_iter();
    let job = |entry: crate::redis::stream::Entry| Entry {
        id: entry.id.to_string(),
        job: entry.fields.get("job").and_then(|job| job.parse().ok()),
    };
    entries.map(job).collect()
}
