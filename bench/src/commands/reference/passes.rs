//! Passes: what is started and asked, in which order, for one size of picture.
//!
//! A server is warmed up on ids of its own before it is measured, and is asked once by hand before each load: the
//! load counts only if that answer came from the tier that the path names. Orbit's own counters must then say the same
//! of every answer, and none of its answers may fail.

use std::path::Path as Folder;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::path::Path;
use super::{Row, Size};
use crate::ask;
use crate::baseline::Baseline;
use crate::commands::say;
use crate::load::{self, Ids, Load};
use crate::measure::{self, Sample};
use crate::orbit::Orbit;
use crate::picture::Picture;

const CONNECTIONS: [u32; 2] = [1, 16];
/// Ids that hits cycle through: fewer than the 50 that the baseline's Map holds.
const HELD: u64 = 20;
/// A new Next.js process is several times slower than one that has compiled its hot code.
const NEXT_WARM_UP: Duration = Duration::from_secs(6);
const ORBIT_WARM_UP: Duration = Duration::from_secs(1);

/// One size of picture, measured into `rows`.
pub(super) struct Pass<'a> {
    pub(super) size: &'a Size,
    pub(super) picture: &'a Picture,
    pub(super) duration: Duration,
    pub(super) rows: &'a mut Vec<Row>,
}

/// What a pass asks: an address, the path up to the id's number, the processes behind it, the ids used up.
struct Target<'a> {
    origin: &'a str,
    prefix: String,
    servers: Vec<u32>,
    ids: u64,
    used: u64,
    /// The edge whose counters must agree; the baseline has none.
    edge: Option<&'a Orbit>,
}

impl Target<'_> {
    fn url(&self, id: u64) -> String {
        format!("{}{}{id}", self.origin, self.prefix)
    }

    fn load(&self, ids: Ids, connections: u32, duration: Duration) -> Load {
        let (origin, prefix) = (self.origin.to_owned(), self.prefix.clone());
        Load { origin, prefix, ids, connections, duration, if_none_match: None }
    }

    /// The ids that nothing has asked for yet.
    fn fresh(&self) -> Ids {
        Ids::Fresh { from: self.used, available: self.ids }
    }

    /// Asks ids that no measured request will name.
    fn warm_up(&mut self, duration: Duration) -> Result<()> {
        let seen = load::run(&self.load(self.fresh(), 16, duration))?;
        ensure!(self.edge.is_none() || seen.failures() == 0, "failures in the warm-up: {seen:?}");
        self.used = seen.next_id;
        Ok(())
    }

    /// The edge's hits and misses so far.
    fn counts(&self) -> Result<Option<[u64; 2]>> {
        let edge = self.edge.map(Orbit::edge_stats).transpose()?;
        Ok(edge.map(|edge| [edge.memory.hits, edge.misses]))
    }
}

impl Pass<'_> {
    /// The backend's two routes, then the app cold, warm, and asked with a validator.
    pub(super) fn baseline(&mut self, baseline: &Baseline) -> Result<()> {
        let Size { key, before, baseline_ids: ids, .. } = *self.size;
        for (path, route, held) in [(Path::Before, "before", before), (Path::Backend, "images", HELD)] {
            let (prefix, servers) = (format!("/{route}/{key}"), baseline.servers());
            let target = Target { origin: baseline.backend(), prefix, servers, ids, used: 0, edge: None };
            self.cycle(path, &target, held, None)?;
        }
        let etag = ask::get(&format!("{}/images/{key}0", baseline.backend()), None)?.etag;
        let next = baseline.start_next()?;
        let (prefix, servers) = (format!("/api/images/{key}"), baseline.servers_with(&next));
        let mut target = Target { origin: &next.origin, prefix, servers, ids, used: 0, edge: None };
        target.warm_up(NEXT_WARM_UP)?;
        self.cold(Path::NextCold, &mut target)?;
        self.hit(Path::NextHit, &target)?;
        self.cycle(Path::NextRevalidate, &target, HELD, etag)
    }

    /// `orbit serve`, then `orbit edge` before `orbit origin`, over one filled store.
    pub(super) fn orbit(&mut self, store: &Folder, logs: &Folder) -> Result<()> {
        let serve = Orbit::serve(store, logs)?;
        let mut target = self.orbit_target(&serve, vec![serve.pid()]);
        target.warm_up(ORBIT_WARM_UP)?;
        self.cold(Path::ServeCold, &mut target)?;
        self.hit(Path::ServeHit, &target)?;
        let answer = ask::get(&target.url(0), None)?;
        ensure!(answer.body == self.picture.webp, "orbit delivers other bytes than the baseline was given");
        ensure!(answer.etag.is_some(), "orbit sent no ETag");
        self.cycle(Path::ServeRevalidate, &target, HELD, answer.etag)?;
        drop(serve);

        let origin = Orbit::origin(store, logs)?;
        let edge = Orbit::edge(&origin, logs)?;
        let mut target = self.orbit_target(&edge, vec![edge.pid(), origin.pid()]);
        target.warm_up(ORBIT_WARM_UP)?;
        self.cold(Path::EdgeCold, &mut target)?;
        self.hit(Path::EdgeHit, &target)
    }

    fn orbit_target<'b>(&self, edge: &'b Orbit, servers: Vec<u32>) -> Target<'b> {
        let prefix = format!("/api/images/{}", self.size.key);
        Target { origin: &edge.origin, prefix, servers, ids: self.size.ids, used: 0, edge: Some(edge) }
    }

    /// Measures ids not asked before.
    fn cold(&mut self, path: Path, target: &mut Target<'_>) -> Result<()> {
        for connections in CONNECTIONS {
            let answer = ask::get(&target.url(target.used), None)?;
            ensure!(answer.cache == "MISS", "{}: the first request is a {:?}", path.label(), answer.cache);
            target.used += 1;
            let load = target.load(target.fresh(), connections, self.duration);
            let sample = self.measured(path, &load, target, answer.status)?;
            target.used = sample.seen.next_id;
        }
        Ok(())
    }

    /// Measures ids that the tier in memory holds.
    fn hit(&mut self, path: Path, target: &Target<'_>) -> Result<()> {
        for id in (0..HELD).chain(0..HELD) {
            ask::get(&target.url(id), None)?;
        }
        let answer = ask::get(&target.url(0), None)?;
        ensure!(answer.cache == "HIT", "{}: after two requests a {:?}", path.label(), answer.cache);
        self.cycle(path, target, HELD, None)
    }

    /// Measures the first `held` ids, again and again.
    fn cycle(&mut self, path: Path, target: &Target<'_>, held: u64, if_none_match: Option<String>) -> Result<()> {
        let status = ask::get(&target.url(0), if_none_match.as_deref())?.status;
        for connections in CONNECTIONS {
            let mut load = target.load(Ids::Cycle(held), connections, self.duration);
            load.if_none_match.clone_from(&if_none_match);
            self.measured(path, &load, target, status)?;
        }
        Ok(())
    }

    /// Runs one load, checks that it was what it should be, and adds it to its row.
    fn measured(&mut self, path: Path, load: &Load, target: &Target<'_>, status: u16) -> Result<Sample> {
        let before = target.counts()?;
        let sample = measure::run(load, &target.servers)?;
        let seen = sample.seen;
        let (size, connections, label) = (self.size.name, load.connections, path.label());
        if let (Some(before), Some(after)) = (before, target.counts()?) {
            let [hits, misses] = [after[0] - before[0], after[1] - before[1]];
            let right = if matches!(load.ids, Ids::Fresh { .. }) { hits == 0 } else { misses == 0 };
            ensure!(
                right && hits + misses >= seen.requests,
                "{label}: {} answers, of which the edge counted {hits} hits and {misses} misses",
                seen.requests
            );
            ensure!(seen.failures() == 0, "{label}: failures: {seen:?}");
        }
        let whole = seen.bytes / seen.requests >= self.picture.webp.len() as u64 * 98 / 100;
        ensure!(whole == (status == 200), "{label}: answers of {status} with other bytes than the image's");
        let (p50_ms, cpu_us) = (seen.p50_us / 1000.0, sample.cpu_us);
        say(&format!("{size}, -c{connections}, {label}: {p50_ms:.3} ms, {cpu_us:.0} us CPU"));
        if seen.failures() > 0 {
            say(&format!("  with failures: {seen:?}"));
        }
        let same = |row: &&mut Row| row.path == path && row.size == size && row.connections == connections;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.rounds.push(sample),
            None => self.rows.push(Row {
                path,
                size: size.to_owned(),
                image_bytes: self.picture.webp.len(),
                connections,
                status,
                rounds: vec![sample],
            }),
        }
        Ok(sample)
    }
}
