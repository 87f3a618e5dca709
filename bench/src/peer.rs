//! Peer: a server that a bench starts, waits for and stops, by its own process id.
//!
//! `orbit` and `baseline` say what to start. A peer ends with the value that holds it, also when a bench fails.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(2);

/// A running server.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    child: Child,
    /// What it writes to standard error.
    log: PathBuf,
}

impl Peer {
    /// Starts `command`; what it writes to standard error goes to `NAME.log` in `folder`.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let child = command.stdin(Stdio::null()).stderr(File::create(&log)?).spawn();
        let child = child.with_context(|| format!("{name} did not start: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says yes; an error if the process ends before, or after a minute.
    pub(crate) fn wait(&mut self, ready: impl Fn() -> bool) -> Result<()> {
        let since = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it answered: {}", self.name, self.said());
            }
            if since.elapsed() > START {
                bail!("{} did not answer within {START:?}: {}", self.name, self.said());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Waits for the first line of standard output, which must have been piped.
    pub(crate) fn first_line(&mut self) -> Result<String> {
        let output = self.child.stdout.take().context("standard output is not piped")?;
        let mut lines = BufReader::new(output);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        if line.is_empty() {
            bail!("{} ended before it listened: {}", self.name, self.said());
        }
        // Read on, or the peer would block on a full pipe.
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(line.trim_end().to_owned())
    }

    /// Its standard error so far.
    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks the process to end, and ends it if it doesn't.
    fn stop(&mut self) -> Result<()> {
        Command::new("kill").arg(self.pid().to_string()).stderr(Stdio::null()).status()?;
        let since = Instant::now();
        while self.child.try_wait()?.is_none() {
            if since.elapsed() > STOP {
                self.child.kill()?;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Nobody is left to tell: the process is gone already, or the next run finds other ports.
        let _ = self.stop();
    }
}

/// A port on the loopback address that nobody listens on, for servers that can't pick one and say it.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_ends_with_the_value_that_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; exec sleep 60"]).stdout(Stdio::piped());
        let mut peer = Peer::start("sleeper", &mut command, folder.path()).unwrap();
        assert_eq!(peer.first_line().unwrap(), "ready");
        let process = format!("/proc/{}", peer.pid());
        assert!(Path::new(&process).exists());
        drop(peer);
        assert!(!Path::new(&process).exists());
    }

    #[test]
    fn a_peer_that_ends_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such port >&2; exit 1"]);
        let mut peer = Peer::start("sh", &mut command, folder.path()).unwrap();
        let error = peer.wait(|| false).unwrap_err().to_string();
        assert!(error.contains("no such port"), "{error}");
    }
}
