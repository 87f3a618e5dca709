//! Scenes: one function a storm: how it is raised, and what of it is a figure.
//!
//! Times count from the moment when all clients of a storm are let go. Each scene has keys of its own, so that none knows what
//! another left behind.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Ask, DELAY};
use crate::caches::Cache;
use crate::clients::{self, Got};
use crate::scripted::Scripted;

/// Longer than `max-age=1` is fresh in a cache that counts whole seconds.
const EXPIRY: Duration = Duration::from_millis(2_100);
/// Longer than any fill takes.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// A cache, what is behind it, and what was seen so far.
pub(super) struct Stage<'a> {
    pub(super) cache: &'a Cache,
    pub(super) upstream: &'a Scripted,
    pub(super) address: SocketAddr,
    /// Clients that did not get the whole image.
    pub(super) failed: usize,
    pub(super) outcomes: Vec<(Ask, f64)>,
}

impl Stage<'_> {
    /// Nobody has asked for the image before.
    pub(super) async fn cold(&mut self, count: usize) -> Result<()> {
        self.ask(count, "cold-1").await?;
        self.note_fetches(Ask::ColdFetches, "cold-1", 0)
    }

    /// The same, with more clients than some have descriptors.
    pub(super) async fn many_cold(&mut self, count: usize) -> Result<()> {
        let got = self.ask(count, "many-1").await?;
        self.note_slowest(Ask::ManyColdSlowestMs, &got);
        self.note_fetches(Ask::ManyColdFetches, "many-1", 0)
    }

    /// The cache holds an image whose time is up, and which it may not serve without asking.
    pub(super) async fn expired(&mut self, count: usize) -> Result<()> {
        self.prime("expired-1").await?;
        tokio::time::sleep(EXPIRY).await;
        let before = self.upstream.asked("expired-1").begun;
        let got = self.ask(count, "expired-1").await?;
        self.settle("expired-1").await?;
        self.note_slowest(Ask::ExpiredSlowestMs, &got);
        // Sooner than the upstream answers, only what is stale can come.
        let unasked = got.iter().filter(|got| got.whole < DELAY).count();
        self.outcomes.push((Ask::ExpiredUnasked, unasked as f64));
        self.note_fetches(Ask::ExpiredFetches, "expired-1", before)
    }

    /// The image may not be kept; the second time, a cache could know.
    pub(super) async fn uncacheable(&mut self, count: usize) -> Result<()> {
        for ask in [Ask::UncacheableFirstMs, Ask::UncacheableKnownMs] {
            let got = self.ask(count, "uncacheable-1").await?;
            self.note_slowest(ask, &got);
        }
        Ok(())
    }

    /// One client has half of a slow image when another asks for it.
    pub(super) async fn second_reader(&mut self) -> Result<()> {
        let path = self.path("slow-1");
        let mut both = clients::open(self.address, 2).await?;
        let (mut second, mut first) = (both.remove(1), both.remove(0));
        first.send(std::slice::from_ref(&path)).await?;
        let first = tokio::spawn(async move { first.receive(Instant::now()).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let since = Instant::now();
        second.send(&[path]).await?;
        let got =
            tokio::time::timeout(PATIENCE, second.receive(since)).await.context("the second reader got nothing")?;
        self.count_failures(vec![first.await?], "slow-1");
        for second in self.count_failures(vec![got], "slow-1") {
            self.outcomes.push((Ask::SecondReaderMs, milliseconds(second.first_byte)));
        }
        self.note_fetches(Ask::SecondReaderFetches, "slow-1", 0)
    }

    /// The cache holds an image whose time is up, and which it may serve while it asks.
    pub(super) async fn stale(&mut self, count: usize) -> Result<()> {
        self.prime("stale-1").await?;
        tokio::time::sleep(EXPIRY).await;
        let before = self.upstream.asked("stale-1").begun;
        let got = self.ask(count, "stale-1").await?;
        // A refresh behind may begin after the answers.
        tokio::time::sleep(2 * DELAY).await;
        self.settle("stale-1").await?;
        self.note_slowest(Ask::StaleSlowestMs, &got);
        self.note_fetches(Ask::StaleFetches, "stale-1", before)
    }

    /// The client that began a slow fill leaves in the middle; the next comes when it would have ended.
    pub(super) async fn aborted(&mut self) -> Result<()> {
        let path = self.path("slow-2");
        let mut first = clients::open(self.address, 1).await?.remove(0);
        first.send(&[path]).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(first);
        self.settle("slow-2").await?;
        // What the upstream has sent, the cache may have to take in yet.
        tokio::time::sleep(DELAY).await;
        self.ask(1, "slow-2").await?;
        self.note_fetches(Ask::AbortedFetches, "slow-2", 0)
    }

    /// Brings an image into the cache.
    async fn prime(&mut self, name: &str) -> Result<()> {
        let got = self.ask(1, name).await?;
        ensure!(!got.is_empty(), "{name} could not be brought into the cache");
        Ok(())
    }

    /// Lets so many clients ask at once.
    async fn ask(&mut self, count: usize, name: &str) -> Result<Vec<Got>> {
        let all = clients::open(self.address, count).await?;
        let got = clients::ask_at_once(all, &self.path(name)).await;
        Ok(self.count_failures(got, name))
    }

    /// Sorts out the answers that are not the image.
    fn count_failures(&mut self, all: Vec<Result<Got>>, name: &str) -> Vec<Got> {
        let (count, bytes) = (all.len(), self.upstream.bytes(name));
        let whole = |got: &Got| got.status == 200 && got.bytes == bytes;
        let got: Vec<Got> = all.into_iter().filter_map(Result::ok).filter(whole).collect();
        self.failed += count - got.len();
        got
    }

    /// Waits until the upstream has ended all that it was asked.
    async fn settle(&self, name: &str) -> Result<()> {
        let since = Instant::now();
        loop {
            let asked = self.upstream.asked(name);
            if asked.begun == asked.ended {
                return Ok(());
            }
            ensure!(since.elapsed() < PATIENCE, "the upstream still answers for {name}: {asked:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.cache.prefix)
    }

    fn note_fetches(&mut self, ask: Ask, name: &str, before: u64) -> Result<()> {
        let fetches = self.upstream.asked(name).begun.checked_sub(before).context("fetches went backwards")?;
        self.outcomes.push((ask, fetches as f64));
        Ok(())
    }

    /// Where nobody got the image, there is no slowest: the failures tell.
    fn note_slowest(&mut self, ask: Ask, got: &[Got]) {
        let slowest = got.iter().map(|got| got.whole).max();
        self.outcomes.extend(slowest.map(|slowest| (ask, milliseconds(slowest))));
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
