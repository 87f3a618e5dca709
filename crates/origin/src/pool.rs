//! The bounded pool in which pixels are worked on, off the async threads.
//!
//! A [`Place`] is taken before a body is read, so what waits is bounded in memory too; where none is free the caller is told so
//! at once (T-DOS-7). What a piece of work needs of memory is set aside before it begins, so that many at once stay within
//! the budget. A panic in the codec fails that one call and nothing else (T-COD-2).
//!
//! Work behind ([`Pool::run_behind`]) has no place: it runs while fewer are inside than there are threads.

use std::sync::Arc;
use std::time::Duration;

use orbit_model::CodecStats;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::Error;

/// What memory is set aside in, in bytes.
const GRAIN: u64 = 1 << 20;
/// How much longer than its own deadline a piece of work is waited for.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Pool {
    /// One permit for each who runs or waits.
    places: Arc<Semaphore>,
    /// One permit for each who runs; it goes with the work onto its thread, because that goes on when the caller leaves.
    running: Arc<Semaphore>,
    /// One permit for each grain of memory.
    memory: Arc<Semaphore>,
    /// Told whenever somebody has come in or left.
    moved: Arc<Notify>,
    bounds: Bounds,
}

/// How much there is of what work needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How many run at once.
    pub(crate) threads: usize,
    /// How many more may wait.
    pub(crate) max_queued: usize,
    /// What all that run may take together.
    pub(crate) memory_bytes: u64,
}

/// The right to work in the pool; free again when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "held for its drop, which frees the place")] Arc<(OwnedSemaphorePermit, Leaving)>,
);

/// Tells those who wait for room that there is some.
#[derive(Debug)]
struct Leaving(Arc<Notify>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

impl Pool {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            places: Arc::new(Semaphore::new(bounds.threads + bounds.max_queued)),
            running: Arc::new(Semaphore::new(bounds.threads)),
            memory: Arc::new(Semaphore::new(grains(bounds.memory_bytes) as usize)),
            moved: Arc::default(),
            bounds,
        }
    }

    /// A place, at once or not at all.
    pub(crate) fn try_enter(&self) -> Result<Place, Error> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok().ok_or_else(Error::busy)?;
        Ok(self.place(permit))
    }

    /// A place, as soon as one is free: for work that nobody waits for on the line.
    pub(crate) async fn enter(&self) -> Result<Place, Error> {
        let permit = Arc::clone(&self.places).acquire_owned().await.map_err(Error::internal)?;
        Ok(self.place(permit))
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        self.moved.notify_waiters();
        Place(Arc::new((permit, Leaving(Arc::clone(&self.moved)))))
    }

    /// Runs `work` on a thread for blocking work, when its turn comes and `memory_bytes` are free; answers after `time` even
    /// where the work does not, which then keeps its thread until it ends.
    pub(crate) async fn run<T, F>(&self, place: &Place, memory_bytes: u64, time: Duration, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let memory = self.set_aside(memory_bytes).await?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(Error::internal)?;
        let held = (turn, memory, place.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _held = held;
            work()
        });
        match tokio::time::timeout(time + GRACE, work).await {
            Ok(ended) => ended.map_err(Error::internal),
            Err(_elapsed) => Err(Error::TooLarge("it took longer than it may; ask for a smaller one".to_owned())),
        }
    }

    /// Runs `work` on a thread of its own with the lowest priority, when `memory_bytes` are free.
    pub(crate) async fn run_behind<T, F>(&self, memory_bytes: u64, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let memory = self.set_aside(memory_bytes).await?;
        let (done, ended) = oneshot::channel();
        let work = move || {
            let _memory = memory;
            yield_to_others();
            // Nobody may wait any more: then what came of it is of no use.
            let _ = done.send(work());
        };
        std::thread::Builder::new().name("orbit-behind".to_owned()).spawn(work).map_err(Error::internal)?;
        // Without an answer the work has panicked.
        ended.await.map_err(Error::internal)
    }

    async fn set_aside(&self, memory_bytes: u64) -> Result<OwnedSemaphorePermit, Error> {
        let (wanted, all) = (grains(memory_bytes), grains(self.bounds.memory_bytes));
        if wanted > all {
            let reason = format!("it takes about {wanted} MiB to work on, and there are {all}; send a smaller image");
            return Err(Error::TooLarge(reason));
        }
        Arc::clone(&self.memory).acquire_many_owned(wanted).await.map_err(Error::internal)
    }

    /// Waits until a thread is to spare.
    pub(crate) async fn spare(&self) {
        self.wait_until(|inside, threads| inside < threads).await;
    }

    /// Waits until those inside want every thread.
    pub(crate) async fn crowded(&self) {
        self.wait_until(|inside, threads| inside >= threads).await;
    }

    async fn wait_until(&self, holds: impl Fn(usize, usize) -> bool) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Listening begins before the look, so that no move between the two is missed.
            moved.as_mut().enable();
            if holds(self.inside(), self.bounds.threads) {
                return;
            }
            moved.await;
        }
    }

    fn inside(&self) -> usize {
        self.bounds.threads + self.bounds.max_queued - self.places.available_permits()
    }

    pub(crate) fn stats(&self) -> CodecStats {
        let running = self.bounds.threads - self.running.available_permits();
        CodecStats {
            running: running as u64,
            queued: self.inside().saturating_sub(running) as u64,
            max_queued: self.bounds.max_queued as u64,
            behind: 0,
        }
    }
}

fn grains(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX)
}

/// Lets every other thread go first. Where that is not allowed, the work is merely not polite.
fn yield_to_others() {
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pool(threads: usize, max_queued: usize) -> Pool {
        Pool::new(Bounds { threads, max_queued, memory_bytes: 4 * GRAIN })
    }

    #[tokio::test]
    async fn a_full_pool_says_so_at_once() {
        let pool = pool(1, 1);
        let (first, _second) = (pool.try_enter().unwrap(), pool.try_enter().unwrap());
        assert!(matches!(pool.try_enter(), Err(Error::Busy(_))));
        assert_eq!(pool.run(&first, 1, SECOND, || 7).await.unwrap(), 7);
        drop(first);
        assert!(pool.try_enter().is_ok());
    }

    #[tokio::test]
    async fn work_that_its_caller_has_left_still_counts() {
        let pool = pool(1, 0);
        let place = pool.try_enter().unwrap();
        let (begun, has_begun) = oneshot::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let mut work = Box::pin(pool.run(&place, 1, SECOND, move || {
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
        assert!(matches!(pool.try_enter(), Err(Error::Busy(_))));
        end.send(()).unwrap();
        pool.enter().await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_fails_one_call_only() {
        let pool = pool(1, 1);
        let place = pool.try_enter().unwrap();
        let panicked = pool.run(&place, 1, SECOND, || panic!("a bug in a decoder")).await;
        assert!(matches!(panicked, Err(Error::Internal(_))));
        assert!(matches!(pool.run_behind(1, || panic!("another")).await, Err(Error::Internal(_))));
        assert_eq!(pool.run(&place, 1, SECOND, || 7).await.unwrap(), 7);
        assert_eq!(pool.run_behind(4 * GRAIN, || 7).await.unwrap(), 7, "what panicked has given its memory back");
        assert_eq!(pool.stats().running, 0);
    }

    #[tokio::test]
    async fn memory_is_set_aside_before_work_begins() {
        let pool = pool(2, 2);
        let place = pool.try_enter().unwrap();
        assert!(matches!(pool.run(&place, 5 * GRAIN, SECOND, || 7).await, Err(Error::TooLarge(_))));
        let held = pool.set_aside(3 * GRAIN).await.unwrap();
        let mut waiting = Box::pin(pool.run(&place, 2 * GRAIN, SECOND, || 7));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(pool.stats().running, 0, "it has no thread while it waits for memory");
        drop(held);
        assert_eq!(waiting.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn those_inside_say_whether_a_thread_is_to_spare() {
        let pool = pool(2, 1);
        pool.spare().await;
        let first = pool.try_enter().unwrap();
        pool.spare().await;
        let mut crowded = Box::pin(pool.crowded());
        assert!(futures_util::poll!(&mut crowded).is_pending());
        let second = pool.try_enter().unwrap();
        crowded.await;
        let mut spare = Box::pin(pool.spare());
        assert!(futures_util::poll!(&mut spare).is_pending());
        drop((first, second));
        spare.await;
    }
}
