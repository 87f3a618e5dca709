//! Caches: Orbit's edge and the caches that it is measured beside, each started in front of the same upstream.
//!
//! The peers are those of Debian's packages, with Debian's own settings but for logs, which are off for all, for limits that
//! a load would hit (descriptors, and requests on one connection), and for nginx's `open_file_cache`, which makes it quicker.
//! Each has as many workers as there are processors, and says in `X-Cache` where an answer came from. `hit-cost`, `storms` and
//! `entry-cost` ask them; what they ask is not known here.

mod nginx;
mod varnish;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::orbit::Orbit;
use crate::peer::Peer;

pub(crate) use nginx::Site;

/// A kind of server that answers for an upstream, or in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `orbit edge` with memory alone.
    Orbit,
    /// `orbit edge` with memory and disk.
    OrbitDisk,
    /// nginx with `proxy_cache`.
    Nginx,
    /// The same with `proxy_cache_lock`.
    NginxLock,
    /// Varnish with storage in memory.
    Varnish,
}

impl Kind {
    /// The name in tables.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Orbit => "orbit edge",
            Self::OrbitDisk => "orbit edge, disk on",
            Self::Nginx => "nginx proxy_cache",
            Self::NginxLock => "nginx proxy_cache_lock",
            Self::Varnish => "Varnish",
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Cache {
    peer: Peer,
    /// `http://host:port`.
    pub(crate) origin: String,
    /// The path up to an image's name.
    pub(crate) prefix: &'static str,
}

impl Cache {
    /// Starts one in front of `upstream`, with so much memory (as in `256MiB`), its files and logs in `folder`.
    pub(crate) fn start(kind: Kind, upstream: &str, memory: &str, folder: &Path) -> Result<Self> {
        match kind {
            Kind::Orbit => Self::orbit(upstream, memory, false, folder),
            Kind::OrbitDisk => Self::orbit(upstream, memory, true, folder),
            Kind::Nginx => nginx::start(&Site::Cache { upstream, lock: false }, folder),
            Kind::NginxLock => nginx::start(&Site::Cache { upstream, lock: true }, folder),
            Kind::Varnish => varnish::start(upstream, memory, folder),
        }
    }

    /// nginx on the files of a folder: an upstream, and a server to compare with.
    pub(crate) fn files(files: &Path, folder: &Path) -> Result<Self> {
        nginx::start(&Site::Files(files), folder)
    }

    /// The bare loop that answers with so many bytes.
    pub(crate) fn limit(bytes: usize, folder: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["limit", "--bytes", &bytes.to_string(), "--threads", &workers().to_string()]);
        let mut peer = Peer::start(&format!("limit-{bytes}"), command.stdout(Stdio::piped()), folder)?;
        let line = peer.first_line()?;
        let origin = line.strip_prefix("listening on ").with_context(|| format!("limit said: {line}"))?.to_owned();
        Ok(Self { peer, origin, prefix: "/" })
    }

    /// The address of an image by its name.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}{}{name}", self.origin, self.prefix)
    }

    /// The address to connect to.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        address(&self.origin)
    }

    /// The process id of the first of its processes.
    pub(crate) fn pid(&self) -> u32 {
        self.peer.pid()
    }

    fn orbit(upstream: &str, memory: &str, disk: bool, folder: &Path) -> Result<Self> {
        let home = folder.join(if disk { "orbit-disk" } else { "orbit" });
        fs::create_dir_all(&home)?;
        let files = disk.then(|| home.join("disk"));
        let (peer, origin) = Orbit::edge_before(upstream, memory, files.as_deref(), &home)?.into_parts();
        Ok(Self { peer, origin, prefix: "/api/images/" })
    }

    /// A server on a port of its own, as soon as it takes connections.
    fn listening(mut peer: Peer, port: u16) -> Result<Self> {
        peer.wait(|| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { peer, origin: format!("http://127.0.0.1:{port}"), prefix: "/images/" })
    }
}

/// The kinds of `orbit edge` that the binary knows.
pub(crate) fn of_orbit() -> Result<Vec<Kind>> {
    Ok(if Orbit::has_disk()? { vec![Kind::Orbit, Kind::OrbitDisk] } else { vec![Kind::Orbit] })
}

/// Workers of each server: one a processor.
pub(crate) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// The address behind `http://host:port`.
pub(crate) fn address(origin: &str) -> Result<SocketAddr> {
    let address = origin.trim_start_matches("http://").trim_end_matches('/');
    address.parse().with_context(|| format!("{origin} is no http://ADDRESS:PORT"))
}

/// A Debian program, wherever it lies, or an error that names its package.
fn program(name: &str, package: &str) -> Result<Command> {
    for folder in ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"] {
        let path = Path::new(folder).join(name);
        if path.exists() {
            return Ok(Command::new(path));
        }
    }
    bail!("{name} is missing: install it (Debian: apt install {package})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_peer_names_its_package() {
        let error = program("no-such-server", "no-such-package").unwrap_err().to_string();
        assert_eq!(error, "no-such-server is missing: install it (Debian: apt install no-such-package)");
    }

    #[test]
    fn an_address_is_what_follows_the_scheme() {
        assert_eq!(address("http://127.0.0.1:80").unwrap().port(), 80);
        assert!(address("http://example.org").is_err());
    }
}
