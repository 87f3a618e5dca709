//! `storms`: what a cache lets through to its upstream, and how long it makes people wait, when many want one image at once.
//!
//! Each cache is started anew in each round before the scripted upstream, and meets the same storms with new keys, one after
//! the other. The table shows the worst of the rounds. A client that does not get the whole image is counted and told, not left out.

mod scenes;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::caches::{Cache, Kind};
use crate::clients;
use crate::commands::{publish, say};
use crate::orbit;
use crate::results::Measurement;
use crate::scripted::{Script, Scripted};
use crate::table::{Table, figure};
use scenes::Stage;

const KINDS: [Kind; 4] = [Kind::Orbit, Kind::Nginx, Kind::NginxLock, Kind::Varnish];
/// The length of an image.
const BYTES: u64 = 60_000;
/// The length of one that comes slowly: more than buffers hold.
const SLOW_BYTES: u64 = 1_000_000;
/// How long the upstream thinks.
const DELAY: Duration = Duration::from_millis(300);

/// How `storms` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often each storm is raised; the table shows the worst.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Clients of the largest storm.
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// One round with a thousand clients, nothing saved.
    #[arg(long)]
    quick: bool,
}

/// What is asked of a cache in a storm, and what of its outcome is a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    ColdFetches,
    ManyColdFetches,
    ManyColdSlowestMs,
    ExpiredFetches,
    ExpiredSlowestMs,
    ExpiredUnasked,
    UncacheableFirstMs,
    UncacheableKnownMs,
    SecondReaderMs,
    SecondReaderFetches,
    StaleSlowestMs,
    StaleFetches,
    AbortedFetches,
    FailedClients,
}

impl Ask {
    const ALL: [Self; 14] = [
        Self::ColdFetches,
        Self::ManyColdFetches,
        Self::ManyColdSlowestMs,
        Self::ExpiredFetches,
        Self::ExpiredSlowestMs,
        Self::ExpiredUnasked,
        Self::UncacheableFirstMs,
        Self::UncacheableKnownMs,
        Self::SecondReaderMs,
        Self::SecondReaderFetches,
        Self::StaleSlowestMs,
        Self::StaleFetches,
        Self::AbortedFetches,
        Self::FailedClients,
    ];

    /// The words of its row, and the most that is well.
    fn row(self, many: usize) -> (String, Option<f64>) {
        let many = figure(many as f64);
        let (words, most) = match self {
            Self::ColdFetches => ("50 clients, cold key: fetches".to_owned(), Some(1.0)),
            Self::ManyColdFetches => (format!("{many} clients, cold key: fetches"), Some(1.0)),
            Self::ManyColdSlowestMs => (format!("{many} clients, cold key: slowest, ms"), None),
            Self::ExpiredFetches => ("50 clients, expired key, must-revalidate: fetches".to_owned(), Some(1.0)),
            Self::ExpiredSlowestMs => ("50 clients, expired key, must-revalidate: slowest, ms".to_owned(), None),
            Self::ExpiredUnasked => {
                ("50 clients, expired key, must-revalidate: answered too soon".to_owned(), Some(0.0))
            }
            Self::UncacheableFirstMs => ("20 clients, no-store, first met: slowest, ms".to_owned(), Some(660.0)),
            Self::UncacheableKnownMs => ("20 clients, no-store, known: slowest, ms".to_owned(), Some(360.0)),
            Self::SecondReaderMs => ("second reader in a 2 s fill: first byte, ms".to_owned(), Some(10.0)),
            Self::SecondReaderFetches => ("second reader in a 2 s fill: fetches".to_owned(), Some(1.0)),
            Self::StaleSlowestMs => ("50 clients, stale-while-revalidate: slowest, ms".to_owned(), Some(50.0)),
            Self::StaleFetches => ("50 clients, stale-while-revalidate: fetches".to_owned(), Some(1.0)),
            Self::AbortedFetches => ("the first client leaves, the next asks: fetches".to_owned(), Some(1.0)),
            Self::FailedClients => ("clients without the whole image".to_owned(), Some(0.0)),
        };
        (words, most)
    }
}

/// One figure of one cache in one round.
#[derive(Clone, Copy, Debug, Serialize)]
struct Outcome {
    ask: Ask,
    cache: &'static str,
    round: u32,
    value: f64,
}

/// Raises all storms, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (rounds, many) = if arguments.quick { (1, 1_000) } else { (arguments.rounds, arguments.clients) };
    let descriptors = clients::raise_limit();
    ensure!(
        descriptors > many as u64 + 500,
        "{many} clients need as many descriptors, and this process may open {descriptors}: ask for fewer with --clients, or raise the limit (ulimit -Hn)"
    );
    let runtime = Runtime::new()?;
    let mut outcomes = Vec::new();
    for round in 1..=rounds {
        for kind in KINDS {
            say(&format!("round {round} of {rounds}, {}", kind.label()));
            let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
            for (ask, value) in raise(&runtime, kind, many, folder.path())? {
                say(&format!("  {}: {value:.1}", ask.row(many).0));
                outcomes.push(Outcome { ask, cache: kind.label(), round, value });
            }
        }
    }
    publish(&Measurement::new("storms", [("storms", table(&outcomes, many))], &outcomes)?, arguments.quick)
}

/// Raises every storm at a new cache.
fn raise(runtime: &Runtime, kind: Kind, many: usize, folder: &Path) -> Result<Vec<(Ask, f64)>> {
    let upstream = Scripted::start(runtime, &scripts())?;
    let cache = Cache::start(kind, &upstream.origin(), orbit::MEMORY, folder)?;
    let mut stage =
        Stage { cache: &cache, upstream: &upstream, address: cache.address()?, failed: 0, outcomes: Vec::new() };
    runtime.block_on(async {
        stage.cold(50).await?;
        stage.many_cold(many).await?;
        stage.expired(50).await?;
        stage.uncacheable(20).await?;
        stage.second_reader().await?;
        stage.stale(50).await?;
        stage.aborted().await
    })?;
    stage.outcomes.push((Ask::FailedClients, stage.failed as f64));
    Ok(stage.outcomes)
}

/// What the upstream knows to answer.
fn scripts() -> [Script; 6] {
    let fresh = Script {
        name: "cold",
        cache_control: "max-age=3600",
        delay: DELAY,
        body_takes: Duration::ZERO,
        bytes: [BYTES, BYTES],
    };
    [
        fresh,
        // Long enough that every request of a great storm is sent before the answer comes.
        Script { name: "many", delay: Duration::from_secs(2), ..fresh },
        Script { name: "expired", cache_control: "max-age=1, must-revalidate", ..fresh },
        Script { name: "uncacheable", cache_control: "no-store", ..fresh },
        Script { name: "stale", cache_control: "max-age=1, stale-while-revalidate=60", ..fresh },
        Script {
            name: "slow",
            delay: Duration::ZERO,
            body_takes: Duration::from_secs(2),
            bytes: [SLOW_BYTES, SLOW_BYTES],
            ..fresh
        },
    ]
}

/// A row for each figure, a column for each cache, the worst of the rounds in each cell.
fn table(outcomes: &[Outcome], many: usize) -> Table {
    let mut columns = vec!["storm", "at most"];
    columns.extend(KINDS.map(Kind::label));
    let mut table = Table::new(&columns);
    for ask in Ask::ALL {
        let (words, most) = ask.row(many);
        let mut cells = vec![words, most.map_or(String::new(), whole)];
        cells.extend(KINDS.map(|kind| {
            let of = outcomes.iter().filter(|outcome| outcome.ask == ask && outcome.cache == kind.label());
            whole(of.map(|outcome| outcome.value).fold(f64::NAN, f64::max))
        }));
        table.push(cells);
    }
    table
}

/// Counts as they are, and milliseconds with as many digits as count.
fn whole(value: f64) -> String {
    if value.fract() == 0.0 { figure(value).split('.').next().unwrap_or_default().to_owned() } else { figure(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_round_is_what_a_table_shows() {
        let one = |round, value| Outcome { ask: Ask::ColdFetches, cache: Kind::Orbit.label(), round, value };
        let table = table(&[one(1, 1.0), one(2, 50.0), one(3, 2.0)], 10_000);
        assert_eq!(table.rows[0][1..3], ["1", "50"].map(String::from));
        assert!(table.rows[1][0].starts_with("10,000 clients"));
        assert_eq!(table.rows[1][2], "-");
    }
}
