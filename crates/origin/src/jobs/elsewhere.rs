//! Jobs that other nodes run, as this one sees them: their images are waited for, and they are cancelled, from here too.

use std::time::Duration;

use orbit_model::{JobId, JobState, QueuedJob};
use tokio::time::Instant;

use super::routes::ANSWER_WITHIN;
use crate::{Error, Origin};

/// How often the board is asked while nothing is told.
const LOOK: Duration = Duration::from_secs(1);

impl Origin {
    /// Stops a job that another node runs, or is to run.
    pub(super) async fn cancel_elsewhere(&self, id: &str) -> Result<(), Error> {
        let id: JobId = id.parse().ok().ok_or(Error::NotFound("job"))?;
        let Some(nodes) = self.nodes() else { return Ok(()) };
        if !nodes.board.cancel(&id).await? {
            return Ok(());
        }
        let within = Instant::now() + ANSWER_WITHIN;
        while let Some(queued) = self.0.parts.queue.get(&id).await?
            && let Some(open) = queued.slots.iter().position(|slot| !slot.state.is_final())
            && Instant::now() < within
        {
            self.ended_elsewhere(queued, open, within.saturating_duration_since(Instant::now())).await?;
        }
        Ok(())
    }

    /// Waits until an image has come or will not, whichever node makes it; the job as far as it is known then.
    pub(super) async fn ended_elsewhere(
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
            let look_again = deadline.min(Instant::now() + LOOK);
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
