//! Ask: each name once, four at a time, with an eye on the memory of the server.
//!
//! Every answer must be 200 and of the format that was asked for; the first few are kept, to be judged. A client costs a thousandth
//! of what an answer costs, so that it may run beside the server.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use ureq::Agent;

use super::Case;
use super::server::Server;
use crate::lab::joined;
use crate::resident;

const CLIENTS: usize = 4;
const LOOK: Duration = Duration::from_millis(50);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Seen {
    pub(super) answers: u64,
    pub(super) seconds: f64,
    pub(super) bytes: u64,
    /// The most bytes that the server's processes held.
    pub(super) peak_rss: u64,
}

impl Seen {
    /// Answers a second.
    pub(super) fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// Bytes of an answer, the mean.
    pub(super) fn mean_bytes(&self) -> f64 {
        self.bytes as f64 / self.answers as f64
    }

    /// The most memory in MiB.
    pub(super) fn mib(&self) -> f64 {
        self.peak_rss as f64 / f64::from(1 << 20)
    }
}

/// An answer by the number of its name.
pub(super) type Kept = (u64, Vec<u8>);

/// Asks a server for each of the names, and keeps the answers to the first `keep` of them.
pub(super) fn all(server: &Server, case: &Case, ids: Range<u64>, keep: u64) -> Result<(Seen, Vec<Kept>)> {
    let (next, bytes, ended) = (AtomicU64::new(ids.start), AtomicU64::new(0), AtomicBool::new(false));
    let kept = Mutex::new(Vec::new());
    let client = || {
        let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
        loop {
            let id = next.fetch_add(1, Ordering::Relaxed);
            if id >= ids.end {
                return Ok(());
            }
            let body = one(&agent, &server.url(id, case), case)?;
            bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            if id - ids.start < keep {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push((id, body));
            }
        }
    };
    let watch = || {
        let mut most = 0;
        while !ended.load(Ordering::Relaxed) {
            most = resident::of_tree(server.pid())?.rss.max(most);
            thread::sleep(LOOK);
        }
        Ok::<_, anyhow::Error>(most)
    };
    let since = Instant::now();
    let (seconds, peak_rss) = thread::scope(|scope| {
        let watching = scope.spawn(watch);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let results: Vec<Result<()>> = clients.into_iter().map(joined).collect();
        let seconds = since.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        let most = joined(watching);
        results.into_iter().collect::<Result<()>>()?;
        Ok::<_, anyhow::Error>((seconds, most?))
    })?;
    let kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((Seen { answers: ids.end - ids.start, seconds, bytes: bytes.into_inner(), peak_rss }, kept))
}

fn one(agent: &Agent, url: &str, case: &Case) -> Result<Vec<u8>> {
    let accept = format!("image/{}", case.format);
    let mut response = agent.get(url).header("Accept", &accept).call().with_context(|| url.to_owned())?;
    let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
    let status = response.status().as_u16();
    ensure!(status == 200, "{url} answers {status}: {}", String::from_utf8_lossy(&body));
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    ensure!(kind == accept, "{url} answers with {kind} and not {accept}");
    Ok(body)
}
