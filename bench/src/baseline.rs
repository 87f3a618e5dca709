//! Baseline: starts and fills the design that Orbit replaces, from `bench/baseline/`.
//!
//! Redis, the FastAPI backend and the Next.js app, each on a free port of the loopback address, with their files in
//! the run's own folder. `baseline/README.md` says what they are; `reference` measures them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::ask;
use crate::peer::{Peer, free_port};

/// Redis and the Python backend, running.
#[derive(Debug)]
pub(crate) struct Baseline {
    redis: Peer,
    backend: Peer,
    redis_url: String,
    backend_url: String,
    folder: PathBuf,
}

/// The Next.js app in front of them, running with both its caches empty.
#[derive(Debug)]
pub(crate) struct Next {
    peer: Peer,
    /// `http://host:port`.
    pub(crate) origin: String,
}

impl Baseline {
    /// Starts Redis and the backend with their files in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        ensure!(
            here("venv/bin/python").exists() && here("next/.next/BUILD_ID").exists(),
            "the baseline is not installed: run bench/baseline/install.sh once, or pass --skip-baseline"
        );
        let port = free_port()?;
        let redis_url = format!("redis://127.0.0.1:{port}");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        command.arg(port.to_string()).arg("--dir").arg(folder).stdout(Stdio::null());
        let mut redis = Peer::start("redis", &mut command, folder)?;
        redis.wait(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;

        let port = free_port()?;
        let backend_url = format!("http://127.0.0.1:{port}");
        let mut command = python(&redis_url, folder, "venv/bin/uvicorn");
        command.args(["backend:app", "--host", "127.0.0.1", "--log-level", "warning", "--no-access-log", "--port"]);
        command.arg(port.to_string()).stdout(Stdio::null());
        let mut backend = Peer::start("backend", &mut command, folder)?;
        let url = format!("{backend_url}/healthz");
        backend.wait(|| ask::is_up(&url))?;
        Ok(Self { redis, backend, redis_url, backend_url, folder: folder.to_owned() })
    }

    /// Puts one picture under `images` ids, `PREFIX0` and so on, and `before` of them as base64 into Redis.
    pub(crate) fn fill(&self, prefix: &str, webp: &[u8], images: u64, before: u64) -> Result<()> {
        let picture = self.folder.join(format!("{prefix}.webp"));
        fs::write(&picture, webp)?;
        let mut command = python(&self.redis_url, &self.folder, "venv/bin/python");
        command.arg("seed.py").arg(&picture).args([prefix, &images.to_string(), &before.to_string()]);
        ensure!(command.status()?.success(), "seed.py failed");
        Ok(())
    }

    /// Starts the Next.js app with nothing cached.
    pub(crate) fn start_next(&self) -> Result<Next> {
        let kept = here("next/.next/cache/fetch-cache");
        if kept.exists() {
            fs::remove_dir_all(&kept).with_context(|| kept.display().to_string())?;
        }
        let port = free_port()?;
        let origin = format!("http://127.0.0.1:{port}");
        let mut command = Command::new("node");
        command.args(["node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", &port.to_string()]);
        command.current_dir(here("next")).stdout(Stdio::null());
        command.env("BACKEND_URL", &self.backend_url).env("NODE_ENV", "production").env("NEXT_TELEMETRY_DISABLED", "1");
        let mut peer = Peer::start("next", &mut command, &self.folder)?;
        peer.wait(|| ask::is_up(&origin))?;
        Ok(Next { peer, origin })
    }

    /// The backend's `http://host:port`.
    pub(crate) fn backend(&self) -> &str {
        &self.backend_url
    }

    /// The processes behind the backend's routes.
    pub(crate) fn servers(&self) -> Vec<u32> {
        vec![self.redis.pid(), self.backend.pid()]
    }

    /// The processes behind the app's routes.
    pub(crate) fn servers_with(&self, next: &Next) -> Vec<u32> {
        vec![self.redis.pid(), self.backend.pid(), next.peer.pid()]
    }
}

fn here(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline").join(path)
}

/// A program of the venv, told where Redis and the pictures are.
fn python(redis_url: &str, folder: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(here(Path::new(program.as_ref())));
    command.current_dir(here("")).env("REDIS_URL", redis_url).env("IMAGE_DIR", folder.join("images"));
    command
}
