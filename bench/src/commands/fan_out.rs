//! `fan-out`: what it takes to tell thousands of subscribers of one thread what happened, and what they cost while nothing does.
//!
//! 1. So many subscribers listen to one thread; resident memory is read when they have been idle past a heartbeat.
//! 2. One image after the other is deleted. Each deletion is one event, and the next waits until every subscriber has it. Its time
//!    counts from before the DELETE was sent, so the deletion itself is part of it: the row of one subscriber says how much.
//! 3. The same with one reader more that never reads, and whose connection is full: see `stalled`.
//!
//! The subscribers live in the bench's own process and share the machine with the server, so the times are upper bounds.

mod stalled;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::commands::{publish, say};
use crate::exchange::{self, Exchange};
use crate::measure::{Spending, milliseconds, percentile};
use crate::orbit::Orbit;
use crate::resident::{self, Resident};
use crate::results::Measurement;
use crate::table::{Table, figure};
use crate::{ask, clients, picture};
use stalled::Stalled;

/// The side of the images that are deleted.
const SIDE: u32 = 64;
/// Longer than the time between two heartbeats.
const IDLE: Duration = Duration::from_secs(20);
/// How long nothing happens between two events.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest that an event is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const MIB: f64 = (1 << 20) as f64;
/// What 5,000 idle streams may take.
const MOST_MIB: u32 = 200;

/// How `fan-out` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Events of each case.
    #[arg(long, default_value_t = 50)]
    events: usize,
    /// One and a hundred subscribers, five events, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// One case.
#[derive(Debug, Serialize)]
struct Case {
    subscribers: usize,
    /// Bytes that the kernel holds for the reader that never reads, if there is one.
    stalled_bytes: Option<u64>,
    /// The server before anybody subscribed.
    before: Resident,
    idle: Resident,
    after: Resident,
    /// From each DELETE to each subscriber.
    deliveries_ms: Spread,
    /// From each DELETE to the first subscriber.
    firsts_ms: Spread,
    cpu_ms_per_event: f64,
    others_cores: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Spread {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| percentile(values, share));
        Self { p50, p99, max }
    }
}

/// Tells, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (counts, events, idle) = match arguments.quick {
        true => (vec![1, 100], 5, Duration::from_secs(1)),
        false => (vec![1, 1_000, 5_000], arguments.events, IDLE),
    };
    ensure!(events > 0, "there is nothing to tell");
    let most = counts.iter().max().copied().unwrap_or_default();
    let descriptors = clients::raise_limit();
    ensure!(
        // The server takes half of what it may open for its connections.
        descriptors > 2 * most as u64 + 500,
        "{most} subscribers need twice as many descriptors, and a process may open {descriptors}: raise the limit (ulimit -Hn)"
    );
    let runtime = Runtime::new()?;
    let mut cases = Vec::new();
    for subscribers in counts {
        for stall in [false, true].into_iter().filter(|stall| subscribers > 1 || !stall) {
            say(&format!("{subscribers} subscribers{}", if stall { " and one that never reads" } else { "" }));
            cases.push(runtime.block_on(tell(subscribers, events, stall, idle))?);
        }
    }
    publish(&Measurement::new("fan-out", [("fan-out", table(&cases))], &cases)?, arguments.quick)
}

async fn tell(subscribers: usize, events: usize, stall: bool, idle: Duration) -> Result<Case> {
    let png = picture::png(SIDE, 6.0, 1)?;
    let backend = Backend::start(std::slice::from_ref(&png), Duration::ZERO).await?;
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    // The one that never reads is to be there to the end.
    let flags = ["--openai-base-url", &backend.base_url(), "--stall-timeout", "1h", "--generation-workers", "16"];
    let serve = Orbit::over("serve", &folder.path().join("store"), &flags, folder.path())?;
    let address = exchange::address(&serve.origin)?;
    for number in 0..events {
        let url = format!("{}/images/told-{number}?thread_id=fan", serve.origin);
        ensure!(ask::upload("PUT", &url, &png)? == 201, "an upload was refused");
    }
    let before = resident::of_tree(serve.pid())?;
    let stalled = if stall { Some(Stalled::fill(address).await?) } else { None };
    let mut hall = Hall::open(address, subscribers).await?;
    tokio::time::sleep(idle).await;
    let at_rest = resident::of_tree(serve.pid())?;
    let mut asking = exchange::open_one(address).await?;
    let spending = Spending::begin(&[serve.pid()])?;
    let (mut deliveries, mut firsts) = (Vec::new(), Vec::new());
    for number in 0..events {
        let one = hall.event(&mut asking, number).await?;
        firsts.push(one.iter().copied().fold(f64::INFINITY, f64::min));
        deliveries.extend(one);
        tokio::time::sleep(PAUSE).await;
    }
    let (cpu_ms, others_cores) = spending.end()?;
    Ok(Case {
        subscribers,
        stalled_bytes: stalled.map(|stalled| stalled.held_bytes()).transpose()?,
        before,
        idle: at_rest,
        after: resident::of_tree(serve.pid())?,
        deliveries_ms: Spread::of(&deliveries),
        firsts_ms: Spread::of(&firsts),
        cpu_ms_per_event: cpu_ms / events as f64,
        others_cores,
    })
}

/// All subscribers that read.
struct Hall {
    subscribers: usize,
    /// When each event came to each of them.
    heard: UnboundedReceiver<Result<Instant>>,
    /// The subscribers; they end with the hall.
    _reading: JoinSet<()>,
}

impl Hall {
    /// Lets so many listen to what comes.
    async fn open(address: SocketAddr, subscribers: usize) -> Result<Self> {
        let (tell, heard) = unbounded_channel();
        let (mut beginning, mut reading) = (JoinSet::new(), JoinSet::new());
        for mut subscriber in exchange::open(address, subscribers).await? {
            beginning.spawn(async move {
                subscriber.listen(&exchange::request("GET", "/threads/fan/events?after=$")).await?;
                Ok::<_, anyhow::Error>(subscriber)
            });
        }
        while let Some(subscriber) = beginning.join_next().await {
            reading.spawn(listen(subscriber??, tell.clone()));
        }
        Ok(Self { subscribers, heard, _reading: reading })
    }

    /// Deletes an image, and says how many milliseconds later each subscriber knew.
    async fn event(&mut self, asking: &mut Exchange, number: usize) -> Result<Vec<f64>> {
        let since = Instant::now();
        asking.send(&exchange::request("DELETE", &format!("/images/told-{number}"))).await?;
        let (head, _) = asking.answer().await?;
        ensure!(head.status == 200, "a deletion was answered with {}", head.status);
        let mut took = Vec::with_capacity(self.subscribers);
        while took.len() < self.subscribers {
            let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
            let at = heard.context("a subscriber was not told")?.context("all subscribers are gone")??;
            took.push(milliseconds(at - since));
        }
        Ok(took)
    }
}

/// Tells when each event came, until nobody wants to know.
async fn listen(mut subscriber: Exchange, tell: UnboundedSender<Result<Instant>>) {
    loop {
        let told = match subscriber.next_event().await {
            Ok(Some(told)) if told.name == "image_purged" => Ok(told.at),
            Ok(Some(told)) => Err(anyhow::anyhow!("a subscriber was told of {}", told.name)),
            Ok(None) => Err(anyhow::anyhow!("a stream ended")),
            Err(error) => Err(error),
        };
        let failed = told.is_err();
        if tell.send(told).is_err() || failed {
            return;
        }
    }
}

fn table(cases: &[Case]) -> Table {
    let columns = ["subscribers of one thread", "DELETE to event: p50 ms", "p99 ms", "slowest ms", "first one: p50 ms"];
    let more = ["CPU ms an event", "RSS MiB before", "idle", "at most", "after"];
    let mut table = Table::new(&[&columns[..], &more].concat());
    let mebibytes = |resident: Resident| figure(resident.rss as f64 / MIB);
    for case in cases {
        let count = figure(case.subscribers as f64);
        let count = count.split('.').next().unwrap_or_default();
        let behind = if case.stalled_bytes.is_some() { ", and one that never reads" } else { "" };
        let Spread { p50, p99, max } = case.deliveries_ms;
        let mut cells = vec![format!("{count}{behind}")];
        cells.extend([p50, p99, max, case.firsts_ms.p50, case.cpu_ms_per_event].map(figure));
        cells.extend([mebibytes(case.before), mebibytes(case.idle)]);
        cells.push(if case.subscribers == 5_000 { MOST_MIB.to_string() } else { String::new() });
        cells.push(mebibytes(case.after));
        table.push(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_goal_where_there_is_one() {
        let resident = |mebibytes: u64| Resident { rss: mebibytes << 20, pss: 0 };
        let spread = Spread::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(spread, Spread { p50: 2.0, p99: 4.0, max: 4.0 });
        let case = |subscribers, stalled_bytes| Case {
            subscribers,
            stalled_bytes,
            before: resident(20),
            idle: resident(92),
            after: resident(100),
            deliveries_ms: spread,
            firsts_ms: spread,
            cpu_ms_per_event: 80.0,
            others_cores: 0.0,
        };
        let table = table(&[case(1, None), case(5_000, Some(7))]);
        let words =
            ["5,000, and one that never reads", "2.00", "4.00", "4.00", "2.00", "80.0", "20.0", "92.0", "200", "100"];
        assert_eq!(table.rows[1], words.map(String::from));
        assert_eq!((&*table.rows[0][0], &*table.rows[0][8]), ("1", ""));
    }
}
