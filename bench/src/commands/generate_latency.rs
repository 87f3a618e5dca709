//! `generate-latency`: from the last byte of a picture at the backend to the event that tells of it, and to the image as a hit.
//!
//! 1. A job of so many concepts is posted to a fresh server that has as many turns; the scripted backend answers all of them at the
//!    same moment with 1024x1024 PNGs, each another.
//! 2. A subscriber of the thread stamps each `concept_progress`.
//! 3. At once a viewer with a connection of its own asks for the image at the edge, and stamps the last byte of the answer.
//!
//! The backend's stamp is when the kernel had taken its last byte, so the way over the loopback counts in. The second pass over
//! stored images is off (`--refine off`): it would share the processors with what is measured.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use orbit_model::{ConceptProgress, Job};
use serde::Serialize;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::commands::{publish, say};
use crate::exchange::{self, Exchange, Told};
use crate::measure::{Spending, median, milliseconds, percentile};
use crate::orbit::{MEMORY, Orbit};
use crate::picture;
use crate::results::Measurement;
use crate::table::{Table, figure};

const SIDE: u32 = 1024;
/// As in `ingest`: a PNG of about 2 MB.
const NOISE: f64 = 6.0;
/// How long the backend thinks for each concept that is drawn at once: so long that all have asked before the first answer.
const DELAY: Duration = Duration::from_millis(5);
const LEAST_DELAY: Duration = Duration::from_millis(50);
/// The longest that an event is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// How `generate-latency` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often each case is run, each time by fresh servers with a hundred pictures.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// One round of ten pictures, one and ten at once; nothing saved.
    #[arg(long)]
    quick: bool,
}

/// Who answers the viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Front {
    Serve,
    EdgeAndOrigin,
}

impl Front {
    const ALL: [Self; 2] = [Self::Serve, Self::EdgeAndOrigin];

    fn label(self) -> &'static str {
        match self {
            Self::Serve => "orbit serve",
            Self::EdgeAndOrigin => "orbit edge + origin",
        }
    }
}

/// What became of one picture.
#[derive(Clone, Copy, Debug, Serialize)]
struct Seen {
    to_event_ms: f64,
    to_view_ms: f64,
    hit: bool,
}

/// All pictures of a case in one round.
#[derive(Clone, Debug, Serialize)]
struct Round {
    front: Front,
    at_once: usize,
    cpu_ms_per_picture: f64,
    others_cores: f64,
    seen: Vec<Seen>,
}

/// Draws, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (rounds, count) = if arguments.quick { (1, 10) } else { (arguments.rounds, 100) };
    say(&format!("making {count} pictures"));
    let pictures = (1..=count as u64).map(|seed| picture::png(SIDE, NOISE, seed)).collect::<Result<Vec<_>>>()?;
    let runtime = Runtime::new()?;
    let mut all = Vec::new();
    for round in 1..=rounds {
        for front in Front::ALL {
            for at_once in [1, 10, 100].into_iter().filter(|at_once| *at_once <= count) {
                say(&format!("round {round} of {rounds}, {}, {at_once} at once", front.label()));
                all.push(runtime.block_on(draw(front, at_once, &pictures))?);
            }
        }
    }
    let measurement = Measurement::new("generate-latency", [("generate-latency", table(&all))], &all)?;
    publish(&measurement, arguments.quick)
}

/// Has every picture drawn, so many at once, by servers of its own.
async fn draw(front: Front, at_once: usize, pictures: &[Vec<u8>]) -> Result<Round> {
    let backend = Backend::start(pictures, LEAST_DELAY.max(DELAY * at_once as u32)).await?;
    let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
    let servers = start(front, &backend, at_once, folder.path())?;
    let address = exchange::address(&servers.last().context("no server")?.origin)?;
    let mut stage = Stage {
        backend: &backend,
        listener: exchange::open_one(address).await?,
        asking: exchange::open_one(address).await?,
        viewers: exchange::open(address, at_once).await?,
    };
    stage.listener.listen(&exchange::request("GET", "/threads/latency/events?after=$")).await?;
    let pids: Vec<u32> = servers.iter().map(Orbit::pid).collect();
    let (spending, mut seen) = (Spending::begin(&pids)?, Vec::new());
    for first in (0..pictures.len()).step_by(at_once) {
        seen.extend(stage.job(first, at_once.min(pictures.len() - first)).await?);
    }
    let (cpu_ms, others_cores) = spending.end()?;
    Ok(Round { front, at_once, cpu_ms_per_picture: cpu_ms / seen.len() as f64, others_cores, seen })
}

/// Starts the servers, the front last.
fn start(front: Front, backend: &Backend, workers: usize, folder: &Path) -> Result<Vec<Orbit>> {
    let (base_url, workers, store) = (backend.base_url(), workers.to_string(), folder.join("store"));
    let flags = ["--openai-base-url", &base_url, "--generation-workers", &workers];
    Ok(match front {
        Front::Serve => vec![Orbit::over("serve", &store, &flags, folder)?],
        Front::EdgeAndOrigin => {
            let origin = Orbit::over("origin", &store, &flags, folder)?;
            let edge = Orbit::edge_before(&origin.origin, MEMORY, None, folder)?;
            vec![origin, edge]
        }
    })
}

/// The connections of one case.
struct Stage<'a> {
    backend: &'a Backend,
    listener: Exchange,
    asking: Exchange,
    /// One for each image that may come at once; taken by a view and given back.
    viewers: Vec<Exchange>,
}

impl Stage<'_> {
    /// Posts a job for pictures `first..first + count`, and sees it through.
    async fn job(&mut self, first: usize, count: usize) -> Result<Vec<Seen>> {
        let concepts: Vec<_> =
            (first..first + count).map(|number| json!({ "prompt": format!("picture {number}") })).collect();
        let asked = exchange::post("/generations", &json!({ "thread_id": "latency", "concepts": concepts }));
        self.asking.send(&asked).await?;
        let (head, body) = self.asking.answer().await?;
        ensure!(head.status == 202, "a job was answered with {}", head.status);
        let job: Job = serde_json::from_slice(&body)?;
        let mut views = JoinSet::new();
        let events = tokio::time::timeout(PATIENCE, self.follow(&mut views)).await.context("a job took too long")??;
        let mut viewed = HashMap::new();
        while let Some(view) = views.join_next().await {
            let (viewer, id, at, hit) = view??;
            self.viewers.push(viewer);
            viewed.insert(id, (at, hit));
        }
        let mut seen = Vec::new();
        for (id, told) in events {
            let image =
                job.images.iter().find(|image| image.id.as_str() == id).context("an image that nobody asked for")?;
            let out = self.backend.answered(first + image.index).context("an image that the backend did not draw")?;
            let (viewed, hit) = viewed.get(&id).copied().context("an image that nobody looked at")?;
            let [to_event_ms, to_view_ms] = [told, viewed].map(|at| milliseconds(at.saturating_duration_since(out)));
            seen.push(Seen { to_event_ms, to_view_ms, hit });
        }
        ensure!(seen.len() == count, "{} of {count} images were told of", seen.len());
        Ok(seen)
    }

    /// Listens to the end of a job, and has each image looked at when it is told of.
    async fn follow(&mut self, views: &mut JoinSet<Result<View>>) -> Result<Vec<(String, Instant)>> {
        let mut events = Vec::new();
        loop {
            let Told { at, name, data } = self.listener.next_event().await?.context("the thread's stream ended")?;
            match name.as_str() {
                "concept_progress" => {
                    let ConceptProgress { image, .. } = serde_json::from_str(&data)?;
                    let viewer = self.viewers.pop().context("more images than were asked for")?;
                    views.spawn(view(viewer, image.id.to_string(), image.url));
                    events.push((image.id.to_string(), at));
                }
                "concept_failed" => bail!("a concept failed: {data}"),
                "concepts_generated" => return Ok(events),
                _ => {}
            }
        }
    }
}

/// A viewer's connection, the image, when its last byte had come, and whether it was a hit.
type View = (Exchange, String, Instant, bool);

async fn view(mut viewer: Exchange, id: String, url: String) -> Result<View> {
    viewer.send(&exchange::request("GET", &url)).await?;
    let (head, _) = viewer.answer().await?;
    ensure!(head.status == 200, "{url} was answered with {}", head.status);
    Ok((viewer, id, Instant::now(), head.cache == "HIT"))
}

/// A row for each case, over all its rounds.
fn table(rounds: &[Round]) -> Table {
    let columns = ["1024x1024 PNG, from its last byte", "at once", "to the event: p50 ms", "p99 ms"];
    let more = ["to the image: p50 ms", "p99 ms", "hits", "at least", "CPU ms a picture"];
    let mut table = Table::new(&[&columns[..], &more].concat());
    let mut cases: Vec<(Front, usize)> = Vec::new();
    for round in rounds {
        if !cases.contains(&(round.front, round.at_once)) {
            cases.push((round.front, round.at_once));
        }
    }
    cases.sort_by_key(|(front, at_once)| (*front == Front::EdgeAndOrigin, *at_once));
    for case in cases {
        let of: Vec<&Round> = rounds.iter().filter(|round| (round.front, round.at_once) == case).collect();
        let seen: Vec<&Seen> = of.iter().flat_map(|round| &round.seen).collect();
        let hits = seen.iter().filter(|seen| seen.hit).count();
        let mut cells = vec![case.0.label().to_owned(), case.1.to_string()];
        let events: Vec<f64> = seen.iter().map(|seen| seen.to_event_ms).collect();
        let views: Vec<f64> = seen.iter().map(|seen| seen.to_view_ms).collect();
        for values in [events, views] {
            cells.extend([0.5, 0.99].map(|share| figure(percentile(&values, share))));
        }
        cells.push(format!("{:.0}%", 100.0 * hits as f64 / seen.len() as f64));
        // Where the edge stands apart, nothing fills it ahead of the first viewer.
        cells.push(if case.0 == Front::Serve { "100%".to_owned() } else { String::new() });
        cells.push(figure(median(of.iter().map(|round| round.cpu_ms_per_picture))));
        table.push(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_the_pictures_of_all_rounds() {
        let seen = |to_event_ms, hit| Seen { to_event_ms, to_view_ms: 2.0 * to_event_ms, hit };
        let round = |front, seen| Round { front, at_once: 10, cpu_ms_per_picture: 5.0, others_cores: 0.0, seen };
        let rounds = [
            round(Front::EdgeAndOrigin, vec![seen(7.0, false)]),
            round(Front::Serve, vec![seen(1.0, true), seen(3.0, true)]),
            round(Front::Serve, vec![seen(2.0, true), seen(4.0, false)]),
        ];
        let table = table(&rounds);
        let serve = ["orbit serve", "10", "2.00", "4.00", "4.00", "8.00", "75%", "100%", "5.00"];
        assert_eq!(table.rows[0], serve.map(String::from));
        assert_eq!(table.rows[1][0], "orbit edge + origin");
        assert_eq!(table.rows[1].len(), table.columns.len());
    }
}
