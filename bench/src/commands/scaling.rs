//! `scaling`: a plan past this machine, on paper: which tier answers what, which nodes that takes, what they cost a month.
//!
//! 1. The demand as groups of images. 2. Two layouts: edges alone, and a CDN in front of them; for different exponents of Zipf's law.
//! 3. The bill of each. 4. The approximation beside caches that are run.
//!
//! Nothing is measured but the simulation; what is assumed stands in `scaling::bill`, and each number that matters most is a flag.

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::commands::{publish, say};
use crate::results::Measurement;
use crate::scaling::bill::{Assumptions, MONTH, Nodes};
use crate::scaling::simulation::{self, Size};
use crate::scaling::{Demand, Tier, load, popularity};
use crate::table::{Table, figure};

/// Objects and requests of the simulation, and of a quick one.
const SIMULATED: Size = Size { objects: 100_000, requests: 2_000_000 };
const QUICK: Size = Size { objects: 20_000, requests: 400_000 };
/// The exponents that are compared, and the shares of all objects that a simulated cache holds.
const EXPONENTS: [f64; 3] = [0.7, 0.9, 1.1];
const SHARES: [f64; 3] = [0.01, 0.05, 0.2];

/// How `scaling` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Images that are stored.
    #[arg(long, default_value_t = 1e9)]
    images: f64,
    /// Requests a second, at the busiest.
    #[arg(long, default_value_t = 1e5)]
    requests: f64,
    /// The share of requests that want the thumbnail.
    #[arg(long, default_value_t = 0.7)]
    thumbnails: f64,
    /// The share of images whose source is kept.
    #[arg(long, default_value_t = 0.1)]
    sources_kept: f64,
    /// Edges; without it as many as give out the bytes, three at the least.
    #[arg(long)]
    edges: Option<f64>,
    /// Bytes that an edge keeps on its disk.
    #[arg(long, default_value_t = 7e12)]
    edge_disk: f64,
    /// A small simulation, and nothing is saved.
    #[arg(long)]
    quick: bool,
}

/// One layout under one exponent.
#[derive(Debug, Clone, Serialize)]
struct Plan {
    layout: &'static str,
    zipf: f64,
    cdn_hits: f64,
    memory_hits: f64,
    edge_hits: f64,
    edge_requests: f64,
    edge_bytes: f64,
    origin_requests: f64,
    origin_bytes: f64,
    edges: f64,
    origins: f64,
    redis: f64,
    cost: Cost,
}

/// Dollars a month.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Cost {
    stored: f64,
    bucket_requests: f64,
    redis: f64,
    origins: f64,
    edges: f64,
    edges_out: f64,
    cdn_out: f64,
}

impl Cost {
    fn total(&self) -> f64 {
        let Self { stored, bucket_requests, redis, origins, edges, edges_out, cdn_out } = *self;
        stored + bucket_requests + redis + origins + edges + edges_out + cdn_out
    }
}

#[derive(Debug, Serialize)]
struct Simulated {
    zipf: f64,
    share: f64,
    approximation: f64,
    lru: f64,
    orbit: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    plans: Vec<Plan>,
    simulated: Vec<Simulated>,
}

/// Plans, simulates, then prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.images >= 1.0 && arguments.requests > 0.0, "a plan needs images and requests");
    ensure!((0.0..=1.0).contains(&arguments.thumbnails), "a share is from 0 to 1");
    let assumed =
        Assumptions { sources_kept: arguments.sources_kept, edge_disk: arguments.edge_disk, ..Assumptions::default() };
    let mut plans = Vec::new();
    for zipf in EXPONENTS {
        for with_cdn in [false, true] {
            plans.push(plan(arguments, &assumed, zipf, with_cdn));
        }
    }
    let size = if arguments.quick { QUICK } else { SIMULATED };
    let simulated = simulate(size);
    let tables = [
        ("scaling-tiers", tiers(&plans)),
        ("scaling-nodes", nodes(&plans)),
        ("scaling-cost", costs(&plans)),
        ("scaling-simulation", simulation_table(&simulated)),
    ];
    publish(&Measurement::new("scaling", tables, &Figures { plans, simulated })?, arguments.quick)
}

fn demand(arguments: &Arguments, zipf: f64) -> Demand {
    let Arguments { images, requests, thumbnails, .. } = *arguments;
    Demand { images, requests, zipf, thumbnails, image_bytes: 90e3, thumbnail_bytes: 12e3 }
}

fn plan(arguments: &Arguments, assumed: &Assumptions, zipf: f64, with_cdn: bool) -> Plan {
    let demand = demand(arguments, zipf);
    let groups = popularity(&demand);
    let (requests, bytes) = load(&groups);
    let cdn = Tier { bytes: assumed.cdn_place_bytes, caches: assumed.cdn_places, is_spread: false };
    let further_out = with_cdn.then(|| cdn.answer(&groups));
    let (cdn_hits, reaching) = further_out.map_or((0.0, groups), |answered| (answered.hits, answered.beyond));
    let (edge_requests, edge_bytes) = load(&reaching);
    let edges = arguments.edges.unwrap_or_else(|| assumed.edges(edge_requests, edge_bytes).ceil().max(3.0));
    // A balancer that chooses the edge by the URL: each object is at one edge. A body's entry takes room beside it.
    let weighed: Vec<_> = reaching
        .iter()
        .map(|group| crate::scaling::Group { bytes: group.bytes + assumed.entry_bytes, ..*group })
        .collect();
    let memory = Tier { bytes: assumed.edge_memory, caches: edges, is_spread: true }.answer(&weighed);
    let disk = Tier { bytes: assumed.edge_disk, caches: edges, is_spread: true }.answer(&reaching);
    let origins = assumed.origins(disk.misses, demand.images);
    let nodes = Nodes { edges, origins, redis: assumed.redis(demand.images) };
    let cost = cost(assumed, &demand, nodes, [requests, bytes, edge_bytes, disk.misses], with_cdn);
    Plan {
        layout: if with_cdn { "CDN, edges" } else { "edges" },
        zipf,
        cdn_hits,
        memory_hits: memory.hits,
        edge_hits: disk.hits,
        edge_requests,
        edge_bytes,
        origin_requests: disk.misses,
        origin_bytes: disk.miss_bytes,
        edges: nodes.edges,
        origins: nodes.origins,
        redis: nodes.redis,
        cost,
    }
}

/// `flows`: requests and bytes a second of all clients, bytes a second out of the edges, reads a second from the bucket.
fn cost(assumed: &Assumptions, demand: &Demand, nodes: Nodes, flows: [f64; 4], with_cdn: bool) -> Cost {
    let [_, bytes, edge_bytes, reads] = flows;
    let month = MONTH * assumed.mean_of_peak;
    let gigabytes = |bytes: f64| bytes * month / 1e9;
    let served = demand.image_bytes + demand.thumbnail_bytes;
    // Source, image, thumbnail, manifest, and the manifest once more for the thumbnail.
    let writes = demand.images / assumed.months * 5.0;
    Cost {
        stored: assumed.stored(demand.images, served) / 1e9 * assumed.stored_gb,
        // A read is a manifest and a blob.
        bucket_requests: (2.0 * reads * month * assumed.million_reads + writes * assumed.million_writes) / 1e6,
        redis: nodes.redis * assumed.redis_price,
        origins: nodes.origins * assumed.origin_price,
        edges: nodes.edges * assumed.edge_price,
        edges_out: gigabytes(edge_bytes) * assumed.edge_gb,
        cdn_out: if with_cdn { gigabytes(bytes) * assumed.cdn_gb } else { 0.0 },
    }
}

fn simulate(size: Size) -> Vec<Simulated> {
    let mut rows = Vec::new();
    for zipf in EXPONENTS {
        say(&format!("{} requests by Zipf's law with exponent {zipf}", size.requests));
        let trace = simulation::trace(size, zipf);
        for share in SHARES {
            rows.push(Simulated {
                zipf,
                share,
                approximation: simulation::approximated(size, zipf, share),
                lru: simulation::hits("lru", &trace, share),
                orbit: simulation::hits("orbit", &trace, share),
            });
        }
    }
    rows
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn tiers(plans: &[Plan]) -> Table {
    let columns =
        ["layout", "Zipf", "CDN hits", "edge hits", "of these in memory", "requests/s at edges", "at origins"];
    let mut table = Table::new(&columns);
    for plan in plans {
        let cdn = if plan.cdn_hits > 0.0 { percent(plan.cdn_hits) } else { "-".to_owned() };
        table.push(vec![
            plan.layout.to_owned(),
            plan.zipf.to_string(),
            cdn,
            percent(plan.edge_hits),
            percent(plan.memory_hits / plan.edge_hits),
            figure(plan.edge_requests),
            figure(plan.origin_requests),
        ]);
    }
    table
}

fn nodes(plans: &[Plan]) -> Table {
    let columns =
        ["layout", "Zipf", "edges", "Gbit/s out of them", "origins", "Gbit/s out of the bucket", "Redis shards"];
    let mut table = Table::new(&columns);
    for plan in plans {
        let gigabits = |bytes: f64| figure(bytes * 8.0 / 1e9);
        table.push(vec![
            plan.layout.to_owned(),
            plan.zipf.to_string(),
            format!("{:.0}", plan.edges),
            gigabits(plan.edge_bytes),
            format!("{:.0}", plan.origins),
            gigabits(plan.origin_bytes),
            format!("{:.0}", plan.redis),
        ]);
    }
    table
}

fn costs(plans: &[Plan]) -> Table {
    let columns = [
        "layout",
        "Zipf",
        "bucket",
        "its requests",
        "Redis",
        "origins",
        "edges",
        "out of edges",
        "CDN",
        "all, $ a month",
    ];
    let mut table = Table::new(&columns);
    for Plan { layout, zipf, cost, .. } in plans {
        let Cost { stored, bucket_requests, redis, origins, edges, edges_out, cdn_out } = *cost;
        let mut row = vec![(*layout).to_owned(), zipf.to_string()];
        row.extend([stored, bucket_requests, redis, origins, edges, edges_out, cdn_out, cost.total()].map(figure));
        table.push(row);
    }
    table
}

fn simulation_table(rows: &[Simulated]) -> Table {
    let mut table = Table::new(&["Zipf", "holds of all", "approximation", "LRU, run", "Orbit's memory tier, run"]);
    for row in rows {
        let hits = [row.approximation, row.lru, row.orbit].map(percent);
        table.push([vec![row.zipf.to_string(), percent(row.share)], hits.into()].concat());
    }
    table
}
