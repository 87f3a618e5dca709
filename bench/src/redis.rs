//! Redis: a server for the benches that start, kill and fill one; without persistence, on a free port.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::peer::{self, Peer};
use crate::resident;

/// A Redis that runs, or was killed and may be started again in its place.
#[derive(Debug)]
pub(crate) struct Redis {
    peer: Option<Peer>,
    port: u16,
    folder: PathBuf,
}

impl Redis {
    /// Starts one that keeps what it writes in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let mut redis = Self { peer: None, port: peer::free_port()?, folder: folder.to_owned() };
        redis.restart()?;
        Ok(redis)
    }

    /// Starts it again, empty.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &self.port.to_string(), "--dir"]);
        command.arg(&self.folder).stdout(Stdio::null());
        let started = Peer::start("redis", &mut command, &self.folder);
        let mut peer = started.context("install it (Debian: apt install redis-server)")?;
        peer.wait(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok())?;
        self.peer = Some(peer);
        Ok(())
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let Some(peer) = self.peer.take() else { return Ok(()) };
        let pid = i32::try_from(peer.pid()).ok().and_then(Pid::from_raw).context("a process without an id")?;
        kill_process(pid, Signal::KILL)?;
        Ok(())
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The bytes that its process holds.
    pub(crate) fn resident(&self) -> Result<u64> {
        let peer = self.peer.as_ref().context("it does not run")?;
        Ok(resident::of_tree(peer.pid())?.rss)
    }

    /// The bytes that it counts for what is stored in it.
    pub(crate) fn used(&self) -> Result<u64> {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string(), "INFO", "memory"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let used = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.context("INFO tells no used_memory")?.trim().parse().context("used_memory")
    }
}
