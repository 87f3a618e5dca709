//! Passes: what is started and asked, in which order, for one size of picture.
//!
//! A server is warmed up on ids of its own before it is measured, and is asked once by hand before each load: the
//! load counts only if that answer came from the tier that the path names.

use std::fs;
use std::path::Path as Folder;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::path::Path;
use super::{Row, Size};
use crate::ask;
use crate::baseline::Baseline;
use crate::commands::say;
use crate::fill;
use crate::load::{self, Ids, Load};
use crate::measure;
use crate::orbit::Orbit;
use crate::picture::Picture;

const CONNECTIONS: [u32; 2] = [1, 16];
/// Ids that hits cycle through: fewer than the 50 that the baseline's Map holds.
const HELD: u64 = 20;
/// A new Next.js process is several times slower than one that has compiled its hot code.
const NEXT_WARM_UP: Duration = Duration::from_secs(10);
const ORBIT_WARM_UP: Duration = Duration::from_secs(1);

/// One size of picture, measured into `rows`.
pub(super) struct Pass<'a> {
    pub(super) size: &'a Size,
    pub(super) picture: &'a Picture,
    pub(super) seconds: u64,
    pub(super) folder: &'a Folder,
    pub(super) rows: &'a mut Vec<Row>,
}

/// What a pass asks: an address, the path up to the id's number, the processes behind it, the ids used up.
struct Target<'a> {
    origin: &'a str,
    prefix: String,
    servers: Vec<u32>,
    used: u64,
}

impl Target<'_> {
    fn url(&self, id: u64) -> String {
        format!("{}{}{id}", self.origin, self.prefix)
    }
}

impl Pass<'_> {
    /// The backend's two routes, then the app cold, warm, and asked with a validator.
    pub(super) fn baseline(&mut self, baseline: &Baseline) -> Result<()> {
        let key = self.size.key;
        for (path, route, held) in [(Path::Before, "before", self.size.before), (Path::Backend, "images", HELD)] {
            let prefix = format!("/{route}/{key}");
            let target = Target { origin: baseline.backend(), prefix, servers: baseline.servers(), used: 0 };
            self.cycle(path, &target, held, None)?;
        }
        let etag = ask::get(&format!("{}/images/{key}0", baseline.backend()), None)?.etag;
        let next = baseline.start_next()?;
        let servers = baseline.servers_with(&next);
        let mut target = Target { origin: &next.origin, prefix: format!("/api/images/{key}"), servers, used: 0 };
        self.warm_up(&mut target, NEXT_WARM_UP)?;
        self.cold(Path::NextCold, &mut target, |_| Ok(()))?;
        self.hit(Path::NextHit, &target)?;
        self.cycle(Path::NextRevalidate, &target, HELD, etag)
    }

    /// `orbit serve`, then `orbit edge` before `orbit origin`, over one store.
    pub(super) fn orbit(&mut self) -> Result<()> {
        let store = self.folder.join(format!("store-{}", self.size.key));
        fs::create_dir_all(&store)?;
        say(&format!("{}: filling the store with {} images", self.size.name, self.size.ids));
        fill::store(&store, self.folder, self.size.key, &self.picture.source, self.size.ids)?;

        let serve = Orbit::serve(&store, self.folder)?;
        let mut target = self.orbit_target(&serve, vec![serve.pid()]);
        self.warm_up(&mut target, ORBIT_WARM_UP)?;
        self.cold(Path::ServeCold, &mut target, |misses| misses.of(&serve))?;
        self.hit(Path::ServeHit, &target)?;
        let answer = ask::get(&target.url(0), None)?;
        ensure!(answer.body == self.picture.webp, "orbit delivers other bytes than the baseline was given");
        ensure!(answer.etag.is_some(), "orbit sent no ETag");
        let etag = answer.etag;
        self.cycle(Path::ServeRevalidate, &target, 1, etag)?;
        drop(serve);

        let origin = Orbit::origin(&store, self.folder)?;
        let edge = Orbit::edge(&origin, self.folder)?;
        let mut target = self.orbit_target(&edge, vec![edge.pid(), origin.pid()]);
        self.warm_up(&mut target, ORBIT_WARM_UP)?;
        self.cold(Path::EdgeCold, &mut target, |misses| misses.of(&edge))?;
        self.hit(Path::EdgeHit, &target)
    }

    fn orbit_target<'b>(&self, edge: &'b Orbit, servers: Vec<u32>) -> Target<'b> {
        Target { origin: &edge.origin, prefix: format!("/api/images/{}", self.size.key), servers, used: 0 }
    }

    /// Asks ids that no measured request will name.
    fn warm_up(&self, target: &mut Target, duration: Duration) -> Result<()> {
        let load = self.load(target, self.fresh(target), 16, duration);
        let seen = load::run(&load)?;
        if seen.failures() > 0 {
            say(&format!("  failures in the warm-up: {seen:?}"));
        }
        target.used = seen.next_id;
        Ok(())
    }

    /// Measures ids not asked before; `counter` compares the server's own count of misses around each load.
    fn cold(&mut self, path: Path, target: &mut Target, counter: impl Fn(&mut Misses) -> Result<()>) -> Result<()> {
        for connections in CONNECTIONS {
            let answer = ask::get(&target.url(target.used), None)?;
            ensure!(answer.cache == "MISS", "{}: the first request is a {:?}", path.label(), answer.cache);
            target.used += 1;
            let mut misses = Misses::default();
            counter(&mut misses)?;
            let load = self.load(target, self.fresh(target), connections, Duration::from_secs(self.seconds));
            let sample = self.measured(path, &load, target, answer.status)?;
            target.used = sample.seen.next_id;
            counter(&mut misses)?;
            misses.check(sample.seen.requests)?;
        }
        Ok(())
    }

    /// Measures ids that the tier in memory holds.
    fn hit(&mut self, path: Path, target: &Target) -> Result<()> {
        for id in (0..HELD).chain(0..HELD) {
            ask::get(&target.url(id), None)?;
        }
        let answer = ask::get(&target.url(0), None)?;
        ensure!(answer.cache == "HIT", "{}: after two requests a {:?}", path.label(), answer.cache);
        self.cycle(path, target, HELD, None)
    }

    /// Measures the first `held` ids, again and again.
    fn cycle(&mut self, path: Path, target: &Target, held: u64, if_none_match: Option<String>) -> Result<()> {
        let status = ask::get(&target.url(0), if_none_match.as_deref())?.status;
        for connections in CONNECTIONS {
            let mut load = self.load(target, Ids::Cycle(held), connections, Duration::from_secs(self.seconds));
            load.if_none_match.clone_from(&if_none_match);
            self.measured(path, &load, target, status)?;
        }
        Ok(())
    }

    fn fresh(&self, target: &Target) -> Ids {
        Ids::Fresh { from: target.used, available: self.size.ids }
    }

    fn load(&self, target: &Target, ids: Ids, connections: u32, duration: Duration) -> Load {
        let (origin, prefix) = (target.origin.to_owned(), target.prefix.clone());
        Load { origin, prefix, ids, connections, duration, if_none_match: None }
    }

    /// Runs one load and adds it to its row.
    fn measured(&mut self, path: Path, load: &Load, target: &Target, status: u16) -> Result<measure::Sample> {
        let sample = measure::run(load, &target.servers)?;
        let whole = sample.seen.bytes / sample.seen.requests >= self.picture.webp.len() as u64 * 98 / 100;
        ensure!(whole == (status == 200), "{}: answers of {status} with other bytes than the image's", path.label());
        let (size, connections) = (self.size.name, load.connections);
        say(&format!(
            "{size}, -c{connections}, {}: {:.3} ms, {:.0} us CPU",
            path.label(),
            sample.seen.p50_us / 1000.0,
            sample.cpu_us
        ));
        if sample.seen.failures() > 0 {
            say(&format!("  with failures: {:?}", sample.seen));
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

/// A server's own count of misses, before and after a load.
#[derive(Debug, Default)]
struct Misses {
    seen: Vec<u64>,
}

impl Misses {
    fn of(&mut self, edge: &Orbit) -> Result<()> {
        self.seen.push(edge.misses()?);
        Ok(())
    }

    /// Fails if the server counted fewer misses than there were answers; the baseline has no counter.
    fn check(&self, requests: u64) -> Result<()> {
        if let [before, after] = self.seen[..] {
            let counted = after - before;
            ensure!(counted >= requests, "{requests} cold answers, but the server counted {counted} misses");
        }
        Ok(())
    }
}
