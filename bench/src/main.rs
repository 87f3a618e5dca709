//! `orbit-bench`: measures Orbit, and in the same run the design that it replaces.
//!
//! Each command takes one measurement, prints its tables and saves it in `bench/results/` with the machine and the
//! commit; `figures` then puts the tables into the docs. `bench/README.md` tells how to run them.
//!
//! From the top down: `commands` take measurements; `baseline`, `orbit` and `caches` start what is measured (as `peer`s),
//! `limit` is the least to measure them by; `backend` draws for Orbit, and `exchange` asks and listens; `measure` joins `load` and `cpu`; `trace` replays requests against caches; `scaling` plans on paper; `lab`
//! encodes pictures beside other libraries;
//! `results`, `table`, `plot` and `figures` keep and show what came out.

mod ask;
mod backend;
mod baseline;
mod caches;
mod clients;
mod commands;
mod cpu;
mod exchange;
mod figures;
mod fill;
mod lab;
mod limit;
mod load;
mod machine;
mod measure;
mod orbit;
mod peer;
mod picture;
mod plot;
mod redis;
mod resident;
mod results;
#[expect(clippy::unwrap_used, dead_code, reason = "the S3 server of the tests, with what they look at")]
#[path = "../../crates/store/src/fixtures/s3.rs"]
mod s3;
mod scaling;
mod scripted;
mod table;
mod trace;

use anyhow::Result;
use clap::{Parser, Subcommand};

use commands::pixels;

/// Measures Orbit, and the design it replaces in the same run.
#[derive(Debug, Parser)]
#[command(name = "orbit-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Latency, requests a second and CPU of every path, cold and warm, beside the baseline's.
    Reference(commands::reference::Arguments),
    /// Bytes of WebP against the PNG and JPEG sources of the fixtures.
    Size,
    /// Images a second through the real server.
    Ingest(commands::ingest::Arguments),
    /// A store of 100,000 images beside one of 100: start, one image, the list.
    StoreScale(commands::store_scale::Arguments),
    /// A million rows of the index, in SQLite and in Redis: rebuild, upload, lists, start, memory.
    IndexScale(commands::index_scale::Arguments),
    /// A steady load while Redis is killed, away, and back.
    RedisOutage(commands::redis_outage::Arguments),
    /// CPU of a hit and its tail, beside nginx, Varnish and the least there is.
    HitCost(commands::hit_cost::Arguments),
    /// The first view at an edge of an image uploaded at another origin, on Redis and S3, beside one origin with SQLite and files.
    FirstView(commands::first_view::Arguments),
    /// From a DELETE to the receipt that three edges confirm, and purges that race fills.
    Purge(commands::purge::Arguments),
    /// Many clients at once: fetches that reach the upstream, and the slowest answer, beside nginx and Varnish.
    Storms(commands::storms::Arguments),
    /// Resident memory of an edge over minutes of churn, against its budget.
    Soak(commands::soak::Arguments),
    /// Bytes that an entry takes beside its body, at a million entries.
    EntryCost(commands::entry_cost::Arguments),
    /// The least that an HTTP server can do: every request gets the same bytes.
    #[command(hide = true)]
    Limit(limit::Arguments),
    /// Hits of requests and of bytes that each caching policy has on recorded traces.
    HitRatio(commands::hit_ratio::Arguments),
    /// Our disk tier beside foyer's: speed, restart, kill, full disk, broken files.
    DiskEngines(commands::disk_engines::Arguments),
    /// One step of `disk-engines`, in a process that can be killed.
    #[command(hide = true)]
    DiskEnginesWorker(commands::disk_engines::worker::Arguments),
    /// A PNG to WebP: our two passes beside Pillow, sharp and libvips.
    PixelsIngest(pixels::Arguments),
    /// 1024 pixels to 256 beside sharp, Pillow and libvips.
    PixelsThumbnail(pixels::Arguments),
    /// Bytes against score of every encoder, and the time of AVIF.
    PixelsAvif(pixels::Arguments),
    /// What `q=auto` saves and costs.
    PixelsAuto(pixels::Arguments),
    /// Renditions a second that nobody has asked for before, beside ipx and next/image.
    PixelsServe(pixels::Arguments),
    /// What a placeholder costs.
    PixelsPlaceholder(pixels::Arguments),
    /// From a picture's last byte at the backend to the event and to the first hit.
    GenerateLatency(commands::generate_latency::Arguments),
    /// One event to thousands of subscribers: delivery, CPU, memory.
    FanOut(commands::fan_out::Arguments),
    /// Backend calls of a hundred equal requests, and the overhead of a hundred different ones.
    GenerateOnce(commands::generate_once::Arguments),
    /// A plan past this machine: tiers, nodes and cost a month of a billion images, by a model and a simulation.
    Scaling(commands::scaling::Arguments),
    /// Puts the tables of bench/results/ between the markers in README.md and docs/.
    Figures,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Reference(arguments) => commands::reference::run(&arguments),
        Command::Size => commands::size::run(),
        Command::Ingest(arguments) => commands::ingest::run(&arguments),
        Command::StoreScale(arguments) => commands::store_scale::run(&arguments),
        Command::IndexScale(arguments) => commands::index_scale::run(&arguments),
        Command::RedisOutage(arguments) => commands::redis_outage::run(&arguments),
        Command::HitCost(arguments) => commands::hit_cost::run(&arguments),
        Command::Storms(arguments) => commands::storms::run(&arguments),
        Command::FirstView(arguments) => commands::first_view::run(&arguments),
        Command::Purge(arguments) => commands::purge::run(&arguments),
        Command::Soak(arguments) => commands::soak::run(&arguments),
        Command::EntryCost(arguments) => commands::entry_cost::run(&arguments),
        Command::Limit(arguments) => limit::run(&arguments),
        Command::HitRatio(arguments) => commands::hit_ratio::run(&arguments),
        Command::DiskEngines(arguments) => commands::disk_engines::run(&arguments),
        Command::DiskEnginesWorker(arguments) => commands::disk_engines::worker::run(&arguments),
        Command::PixelsIngest(arguments) => pixels::ingest::run(&arguments),
        Command::PixelsThumbnail(arguments) => pixels::thumbnail::run(&arguments),
        Command::PixelsAvif(arguments) => pixels::avif::run(&arguments),
        Command::PixelsAuto(arguments) => pixels::auto::run(&arguments),
        Command::PixelsServe(arguments) => pixels::serve::run(&arguments),
        Command::PixelsPlaceholder(arguments) => pixels::placeholder::run(&arguments),
        Command::GenerateLatency(arguments) => commands::generate_latency::run(&arguments),
        Command::Scaling(arguments) => commands::scaling::run(&arguments),
        Command::FanOut(arguments) => commands::fan_out::run(&arguments),
        Command::GenerateOnce(arguments) => commands::generate_once::run(&arguments),
        Command::Figures => commands::figures::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
