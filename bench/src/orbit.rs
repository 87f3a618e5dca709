//! Orbit: starts the `orbit` binary in its roles, as a user would, and reads its counters.
//!
//! The binary is `target/release/orbit`, or what `ORBIT_BIN` names; every role takes a free port and prints it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use orbit_model::{EdgeStats, Stats};
use ureq::Agent;

use crate::ask;
use crate::peer::Peer;
use crate::results;

/// What `orbit edge` keeps in memory by default.
pub(crate) const MEMORY: &str = "256MiB";
/// What a bench allows an edge on disk.
const DISK: &str = "1GiB";

/// A running role of `orbit`.
#[derive(Debug)]
pub(crate) struct Orbit {
    peer: Peer,
    /// `http://host:port`.
    pub(crate) origin: String,
}

impl Orbit {
    /// Origin and edge in one process, over the store in `store`.
    pub(crate) fn serve(store: &Path, logs: &Path) -> Result<Self> {
        Self::start("serve", &["--data-dir".as_ref(), store], logs)
    }

    /// A role over the store in `store`, with these flags too.
    pub(crate) fn over(role: &str, store: &Path, flags: &[&str], logs: &Path) -> Result<Self> {
        Self::over_with(role, store, (flags, &[]), logs)
    }

    /// The same with variables of the environment.
    pub(crate) fn over_with(
        role: &str,
        store: &Path,
        (flags, variables): (&[&str], &[(String, String)]),
        logs: &Path,
    ) -> Result<Self> {
        let mut arguments: Vec<&Path> = vec!["--data-dir".as_ref(), store];
        arguments.extend(flags.iter().map(Path::new));
        Self::start_with(role, &arguments, variables, logs)
    }

    /// The origin alone.
    pub(crate) fn origin(store: &Path, logs: &Path) -> Result<Self> {
        Self::start("origin", &["--data-dir".as_ref(), store], logs)
    }

    /// The edge alone with its memory, in front of `upstream`.
    pub(crate) fn edge(upstream: &Self, logs: &Path) -> Result<Self> {
        Self::edge_before(&upstream.origin, MEMORY, None, logs)
    }

    /// The edge alone in front of any upstream, with so much memory, and a disk tier in `disk` or none.
    pub(crate) fn edge_before(upstream: &str, memory: &str, disk: Option<&Path>, logs: &Path) -> Result<Self> {
        let mut arguments: Vec<&Path> = ["--upstream", upstream, "--memory", memory].map(Path::new).into();
        match disk {
            Some(folder) => arguments.extend(["--disk".as_ref(), DISK.as_ref(), "--disk-dir".as_ref(), folder]),
            None if Self::has_disk()? => arguments.extend(["--disk", "0"].map(Path::new)),
            None => {}
        }
        Self::start("edge", &arguments, logs)
    }

    /// Whether this binary's edge has a disk tier.
    pub(crate) fn has_disk() -> Result<bool> {
        let output = command()?.args(["edge", "--help"]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).contains("--disk <"))
    }

    /// Its process and its address.
    pub(crate) fn into_parts(self) -> (Peer, String) {
        (self.peer, self.origin)
    }

    /// Makes the index of `store` again from the manifests; nothing may be running on it.
    pub(crate) fn reindex(store: &Path) -> Result<()> {
        let mut command = command()?;
        command.arg("reindex").arg("--data-dir").arg(store).stdout(Stdio::null());
        ensure!(command.status()?.success(), "orbit reindex failed");
        Ok(())
    }

    /// Uploads a PNG under an id of the caller's, over a connection of its own.
    pub(crate) fn put(&self, id: &str, png: &[u8]) -> Result<()> {
        self.put_by(&ask::agent(), id, png)
    }

    /// The same over the connections of an agent.
    pub(crate) fn put_by(&self, agent: &Agent, id: &str, png: &[u8]) -> Result<()> {
        let status = ask::upload_by(agent, "PUT", &format!("{}/images/{id}", self.origin), png)?;
        ensure!(status == 201, "the upload of {id} was answered with {status}");
        Ok(())
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.peer.pid()
    }

    /// What the edge keeps, and how requests ended so far.
    pub(crate) fn edge_stats(&self) -> Result<EdgeStats> {
        let stats: Stats = ask::json(&format!("{}/stats", self.origin))?;
        stats.edge.context("/stats shows no edge")
    }

    fn start(role: &str, arguments: &[&Path], logs: &Path) -> Result<Self> {
        Self::start_with(role, arguments, &[], logs)
    }

    fn start_with(role: &str, arguments: &[&Path], variables: &[(String, String)], logs: &Path) -> Result<Self> {
        let mut command = command()?;
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.arg(role).args(["--listen", "127.0.0.1:0", "--log-level", "off"]).args(arguments);
        command.stdout(Stdio::piped());
        let mut peer = Peer::start(role, &mut command, logs)?;
        let line = peer.first_line()?;
        let address = line.strip_prefix("listening on ");
        let origin = address.with_context(|| format!("orbit {role} said: {line}"))?.to_owned();
        Ok(Self { peer, origin })
    }
}

/// The binary to measure, without settings from the environment. Images stay as they were stored: what is measured is not
/// to share the machine with the second pass over them, and their bytes are compared with what was uploaded.
fn command() -> Result<Command> {
    let built = || results::project().join("target/release/orbit");
    let path = std::env::var_os("ORBIT_BIN").map_or_else(built, PathBuf::from);
    ensure!(path.exists(), "{} is missing: cargo build --release -p orbit, or set ORBIT_BIN", path.display());
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ORBIT_") {
            command.env_remove(name);
        }
    }
    command.env("ORBIT_REFINE", "off");
    Ok(command)
}
