//! The bounded pool in which pixels are worked on, off the async threads.
//!
//! A [`Place`] is taken before a body is read, so what waits is bounded in memory too; where none is free the caller is told so
//! at once (T-DOS-7). A panic in the codec fails that one call and nothing else (T-COD-2).

use std::sync::Arc;

use orbit_model::CodecStats;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

#[derive(Debug)]
pub(crate) struct Pool {
    /// One permit for each who runs or waits.
    places: Arc<Semaphore>,
    /// One permit for each who runs; it goes with the work onto its thread, because that goes on when the caller leaves.
    running: Arc<Semaphore>,
    threads: usize,
    max_queued: usize,
}

/// The right to work in the pool; free again when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "held for its drop, which frees the place")] Arc<OwnedSemaphorePermit>,
);

impl Pool {
    pub(crate) fn new(threads: usize, max_queued: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(threads + max_queued)),
            running: Arc::new(Semaphore::new(threads)),
            threads,
            max_queued,
        }
    }

    /// A place, at once or not at all.
    pub(crate) fn try_enter(&self) -> Result<Place, Error> {
        Arc::clone(&self.places).try_acquire_owned().map(Place::of).ok().ok_or(Error::Busy)
    }

    /// A place, as soon as one is free: for work that nobody waits for on the line.
    pub(crate) async fn enter(&self) -> Result<Place, Error> {
        Arc::clone(&self.places).acquire_owned().await.map(Place::of).map_err(Error::internal)
    }

    /// Runs `work` on a thread for blocking work, when its turn comes.
    pub(crate) async fn run<T, F>(&self, place: &Place, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(Error::internal)?;
        let held = (turn, place.clone());
        let work = move || {
            let _held = held;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }

    pub(crate) fn stats(&self) -> CodecStats {
        let running = self.threads - self.running.available_permits();
        let inside = self.threads + self.max_queued - self.places.available_permits();
        CodecStats {
            running: running as u64,
            queued: inside.saturating_sub(running) as u64,
            max_queued: self.max_queued as u64,
        }
    }
}

impl Place {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(permit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_pool_says_so_at_once() {
        let pool = Pool::new(1, 1);
        let (first, _second) = (pool.try_enter().unwrap(), pool.try_enter().unwrap());
        assert!(matches!(pool.try_enter(), Err(Error::Busy)));
        assert_eq!(pool.run(&first, || 7).await.unwrap(), 7);
        drop(first);
        assert!(pool.try_enter().is_ok());
    }

    #[tokio::test]
    async fn work_that_its_caller_has_left_still_counts() {
        let pool = Pool::new(1, 0);
        let place = pool.try_enter().unwrap();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let mut work = Box::pin(pool.run(&place, move || {
            begun.send(()).unwrap();
            may_end.recv().unwrap();
        }));
        tokio::select! {
            _ = &mut work => panic!("it waits for the end"),
            begun = has_begun => begun.unwrap(),
        }
        drop(work);
        drop(place);
        assert_eq!(pool.stats().running, 1);
        assert!(matches!(pool.try_enter(), Err(Error::Busy)));
        end.send(()).unwrap();
        pool.enter().await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_fails_one_call_only() {
        let pool = Pool::new(1, 1);
        let place = pool.try_enter().unwrap();
        assert!(matches!(pool.run(&place, || panic!("a bug in a decoder")).await, Err(Error::Internal(_))));
        assert_eq!(pool.run(&place, || 7).await.unwrap(), 7);
        assert_eq!(pool.stats().running, 0);
    }
}
