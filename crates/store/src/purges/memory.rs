//! `MemoryPurges`: a log that is lost with the process, for tests and for those whose edges are as short-lived as they are.

use std::time::Duration;

use async_trait::async_trait;
use orbit_model::{EventId, Notice, Position};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::register::Register;
use super::{Appended, Attendance, Attending, Follower, PurgeLog, Reading};
use crate::Error;

/// Purges in memory.
#[derive(Debug)]
pub struct MemoryPurges {
    /// Held for moments, never over an await.
    register: Mutex<Register>,
    news: watch::Sender<u64>,
}

impl MemoryPurges {
    /// An empty log; `epoch` tells it from others.
    #[must_use]
    pub fn new(epoch: u64) -> Self {
        let register = Mutex::new(Register::new(epoch, EventId::default(), Vec::new(), Instant::now()));
        Self { register, news: watch::Sender::default() }
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }
}

#[async_trait]
impl PurgeLog for MemoryPurges {
    async fn append(&self, notice: Notice) -> Result<Appended, Error> {
        let position: Position = {
            let mut register = self.register.lock();
            let is_fill = matches!(notice, Notice::Fill(_));
            let place = if is_fill { register.next_fill() } else { register.next_purge() };
            register.push(place, notice, Instant::now());
            register.end()
        };
        self.tell();
        Ok(Appended::At(position))
    }

    async fn read_after(&self, after: Option<Position>, limit: usize) -> Result<Reading, Error> {
        Ok(self.register.lock().read_after(after, limit, Instant::now()))
    }

    async fn attend(&self, follower: &Follower, attendance: Attendance) -> Result<(), Error> {
        self.register.lock().attend(follower, attendance, Instant::now());
        self.tell();
        Ok(())
    }

    async fn leave(&self, follower: &Follower) -> Result<(), Error> {
        self.register.lock().leave(follower);
        self.tell();
        Ok(())
    }

    async fn edges(&self) -> Result<Vec<Attending>, Error> {
        let now = Instant::now();
        let mut register = self.register.lock();
        register.forget(now);
        Ok(register.edges(now))
    }

    async fn unknown_leases(&self) -> Result<Duration, Error> {
        Ok(Duration::ZERO)
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}
