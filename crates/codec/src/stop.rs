//! When work on pixels is to end early: nobody waits for it any more, or it has taken too long.
//!
//! The caller keeps a clone and calls [`Stop::cancel`]; steps ask [`Stop::check`] between one and the next, and libwebp asks
//! while it encodes. What cannot be asked in the middle, as a decoder, ends within its own limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Error;

/// Asked for during work; clones share the answer.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// Work that ends only when it is done, or cancelled.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// Work that may take this long from now on.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(time), ..Self::default() }
    }

    /// Ends the work at its next step.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Error::Stopped`] where not.
    pub fn check(&self) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Stopped("nobody waits for it any more"));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::Stopped("it took longer than it may; ask for a smaller one"));
        }
        Ok(())
    }
}

impl webpx::Stop for Stop {
    fn check(&self) -> Result<(), webpx::StopReason> {
        Self::check(self).map_err(|_told_by_check| webpx::StopReason::Cancelled)
    }
}
