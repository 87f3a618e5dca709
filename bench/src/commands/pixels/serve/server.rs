//! Server: Orbit, ipx and the Next app of `bench/peers/`, each with the same pictures under the same names, `p0`, `p1`, ...
//!
//! ipx and Next as their documentation starts them, with their defaults but for what has to be equal. Both read a folder, in which
//! the names are hard links. Neither has seen a picture before: Next's cache is emptied, and ipx has none.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Case;
use crate::commands::pixels::QUALITY;
use crate::lab::worker::installed;
use crate::orbit::Orbit;
use crate::peer::{Peer, free_port};
use crate::{ask, cpu, fill};

/// A server that does less than this share of a core has nothing to do.
const IDLE: f64 = 0.03;
const LOOK: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Orbit,
    Ipx,
    Next,
}

/// A server, running.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    kind: Kind,
    peer: Peer,
    origin: String,
}

impl Server {
    /// `orbit serve` over a store with the pictures.
    pub(super) fn orbit(pictures: &[Vec<u8>], names: u64, folder: &Path) -> Result<Self> {
        let store = folder.join("store");
        fill::store_of(&store, folder, "p", (pictures, names))?;
        let (peer, origin) = Orbit::serve(&store, folder)?.into_parts();
        Ok(Self { name: "orbit serve", kind: Kind::Orbit, peer, origin })
    }

    /// ipx over a folder.
    pub(super) fn ipx(pictures: &[Vec<u8>], names: u64, folder: &Path) -> Result<Self> {
        let files = folder.join("ipx");
        lay(pictures, names, &files)?;
        let port = free_port()?;
        let mut command = Command::new("node");
        command.arg(installed("node_modules/ipx/bin/ipx.mjs")).arg("serve").arg("--dir").arg(&files);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        let mut server = Self::start(Kind::Ipx, "ipx", (command, port), folder)?;
        let origin = server.origin.clone();
        server.peer.wait(|| ask::get(&origin, None).is_ok())?;
        Ok(server)
    }

    /// `next start` with the pictures in `public/`.
    pub(super) fn next(pictures: &[Vec<u8>], names: u64, folder: &Path) -> Result<Self> {
        let app = installed("next");
        ensure!(app.join(".next/BUILD_ID").exists(), "the peers are not installed: run bench/peers/install.sh once");
        for kept in [app.join(".next/cache/images"), app.join("public")] {
            if kept.exists() {
                fs::remove_dir_all(&kept).with_context(|| kept.display().to_string())?;
            }
        }
        lay(pictures, names, &app.join("public"))?;
        let port = free_port()?;
        let mut command = Command::new("node");
        command.arg(installed("node_modules/next/dist/bin/next")).args(["start", "-H", "127.0.0.1", "-p"]);
        command.arg(port.to_string()).current_dir(&app);
        let mut server = Self::start(Kind::Next, "next/image", (command, port), folder)?;
        let origin = server.origin.clone();
        server.peer.wait(|| ask::is_up(&origin))?;
        Ok(server)
    }

    fn start(kind: Kind, name: &'static str, (mut command, port): (Command, u16), folder: &Path) -> Result<Self> {
        command.stdout(Stdio::null()).env("NODE_ENV", "production").env("NEXT_TELEMETRY_DISABLED", "1");
        let peer = Peer::start(&name.replace('/', "-"), &mut command, folder)?;
        Ok(Self { name, kind, peer, origin: format!("http://127.0.0.1:{port}") })
    }

    /// The process id of the first of its processes.
    pub(super) fn pid(&self) -> u32 {
        self.peer.pid()
    }

    /// The address of a rendition.
    pub(super) fn url(&self, id: u64, case: &Case) -> String {
        let Self { origin, kind, .. } = self;
        let (width, format) = (case.width, case.format);
        match kind {
            Kind::Orbit => format!("{origin}/api/images/p{id}?w={width}&q={QUALITY}&fm={format}"),
            Kind::Ipx => format!("{origin}/w_{width},f_{format},q_{QUALITY}/p{id}.png"),
            // The format follows from `Accept`.
            Kind::Next => format!("{origin}/_next/image?url=%2Fp{id}.png&w={width}&q={QUALITY}"),
        }
    }

    /// Waits until it has nothing to do; an error after two minutes.
    pub(super) fn wait_until_idle(&self) -> Result<()> {
        let since = Instant::now();
        loop {
            let before = cpu::of_trees(&[self.pid()])?;
            thread::sleep(LOOK);
            let spent = cpu::of_trees(&[self.pid()])?.saturating_sub(before);
            if spent.as_secs_f64() < IDLE * LOOK.as_secs_f64() {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                bail!("{} still works after {PATIENCE:?}", self.name);
            }
        }
    }
}

/// Puts the pictures into a folder under so many names, in turn.
fn lay(pictures: &[Vec<u8>], names: u64, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (n, picture) in (0..names).zip(pictures.iter().cycle()) {
        let path = |n: u64| folder.join(format!("p{n}.png"));
        match n.checked_sub(pictures.len() as u64) {
            None => fs::write(path(n), picture)?,
            Some(_) => fs::hard_link(path(n % pictures.len() as u64), path(n))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_round_the_pictures() {
        let folder = tempfile::tempdir().unwrap();
        lay(&[b"a".to_vec(), b"b".to_vec()], 5, folder.path()).unwrap();
        let read = |n: u64| fs::read(folder.path().join(format!("p{n}.png"))).unwrap();
        assert_eq!((0..5).map(read).collect::<Vec<_>>().concat(), b"ababa");
    }
}
