//! Flags that several commands share: where to listen, what an origin keeps and makes, what an edge keeps.
//!
//! A setting is defined here (or in its command's file) and nowhere else; [`crate::wiring`] hands it to its component.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use bytesize::ByteSize;
use clap::Args;
use orbit_edge::{Map, Profile};
use orbit_origin::fetch::Allowed;

use crate::server;

mod cdn;
mod generation;
mod nodes;
mod offline;
mod purges;
mod storage;
mod variants;
mod workflow;

pub(crate) use cdn::Cdn;
pub(crate) use generation::Generation;
pub(crate) use nodes::Nodes;
pub(crate) use offline::Offline;
pub(crate) use purges::{Following, Lending, PurgeLog};
pub(crate) use storage::{Keeping, Storage};
pub(crate) use variants::{Refine, Signing, Variants};
pub(crate) use workflow::Workflow;

/// Where images are stored if nobody says: the platform's folder for application data.
pub(crate) fn default_data_dir() -> PathBuf {
    dirs::data_dir().unwrap_or_else(std::env::temp_dir).join("orbit")
}

/// Where an edge keeps copies if nobody says: the platform's folder for caches.
pub(crate) fn default_disk_dir() -> PathBuf {
    dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("orbit-edge")
}

/// Where to listen and who may write.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
#[group(skip)]
pub(crate) struct Listening {
    /// The address to listen on; port 0 picks a free one
    #[arg(long, env = "ORBIT_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// The bearer token that writes need; without one the server listens on loopback only
    #[arg(long, env = "ORBIT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Threads that answer requests; 0 takes one a core
    #[arg(long, env = "ORBIT_THREADS", default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
    /// The certificate for HTTPS, PEM, with those that lead to an authority; read again when it changes and on SIGHUP
    #[arg(long, env = "ORBIT_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM
    #[arg(long, env = "ORBIT_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Connections at once, more wait; without it half of the files that the process may open, 65,536 at the most
    #[arg(long, env = "ORBIT_MAX_CONNECTIONS", value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// The largest header of a request; beyond it the answer is 431
    #[arg(long, env = "ORBIT_MAX_HEADER_BYTES", default_value = "32KiB", value_name = "SIZE")]
    pub(crate) max_header_bytes: ByteSize,
    /// How long a client may take for the TLS handshake and for a request's header
    #[arg(long, env = "ORBIT_HEADER_TIMEOUT", default_value = "15s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) header_timeout: Duration,
    /// How long a connection may wait for its next request
    #[arg(long, env = "ORBIT_IDLE_TIMEOUT", default_value = "75s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) idle_timeout: Duration,
    /// How long a client may take nothing of an answer, or give nothing of a request's body, before it is cut off
    #[arg(long, env = "ORBIT_STALL_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) stall_timeout: Duration,
}

impl Listening {
    /// How the server is to listen.
    pub(crate) fn server(&self) -> Result<server::Config> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(server::Files { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            (Some(_), None) => bail!("--tls-cert needs its private key: give --tls-key (ORBIT_TLS_KEY) too"),
            (None, Some(_)) => bail!("--tls-key needs its certificate: give --tls-cert (ORBIT_TLS_CERT) too"),
        };
        let limits = server::Limits {
            connections: self.max_connections,
            header_bytes: usize::try_from(self.max_header_bytes.as_u64()).unwrap_or(usize::MAX),
            header_timeout: self.header_timeout,
            idle_timeout: self.idle_timeout,
            stall_timeout: self.stall_timeout,
        };
        Ok(server::Config { address: self.listen, threads: self.threads, tls, limits })
    }
}

/// What an origin keeps and makes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Origin")]
#[group(skip)]
pub(crate) struct Origin {
    /// The folder in which images and their index are stored
    #[arg(long, env = "ORBIT_DATA_DIR", default_value_os_t = default_data_dir(), value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) lending: Lending,
    #[command(flatten)]
    pub(crate) nodes: Nodes,
    #[command(flatten)]
    pub(crate) storage: Storage,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// How an origin makes images.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Origin")]
#[group(skip)]
pub(crate) struct Making {
    /// The quality of the served WebP, 1 to 100
    #[arg(long, env = "ORBIT_QUALITY", default_value_t = 85, value_parser = clap::value_parser!(u8).range(1..=100), value_name = "Q")]
    pub(crate) quality: u8,
    /// The largest source that is taken in
    #[arg(long, env = "ORBIT_MAX_SOURCE", default_value = "32MiB", value_name = "SIZE")]
    pub(crate) max_source: ByteSize,
    /// The most pixels that a source may have
    #[arg(long, env = "ORBIT_MAX_PIXELS", default_value_t = 50_000_000, value_name = "N")]
    pub(crate) max_pixels: u64,
    /// Uploads that may wait for an encoder before more are answered 503
    #[arg(long, env = "ORBIT_MAX_QUEUED", default_value_t = 64, value_name = "N")]
    pub(crate) max_queued: usize,
    /// What may be fetched from by its URL beside the public internet, as in backend:8188 or 10.0.0.0/8; more than one by repeating it
    #[arg(long = "fetch-allow", env = "ORBIT_FETCH_ALLOW", value_delimiter = ',', value_name = "HOST|CIDR")]
    pub(crate) fetch_allow: Vec<Allowed>,
    /// How long an image may take to be fetched by its URL
    #[arg(long, env = "ORBIT_FETCH_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) fetch_timeout: Duration,
    /// What stands before /api/images/ in URLs, as in https://cdn.example.com; empty for the same origin
    #[arg(long, env = "ORBIT_PUBLIC_BASE_URL", default_value = "", value_name = "URL")]
    pub(crate) public_base_url: String,
    #[command(flatten)]
    pub(crate) cdn: Cdn,
    #[command(flatten)]
    pub(crate) workflow: Workflow,
    #[command(flatten)]
    pub(crate) variants: Variants,
    #[command(flatten)]
    pub(crate) generation: Generation,
}

impl Making {
    /// The same without any generator but the demo's.
    pub(crate) fn with_demo_only(&self) -> Self {
        Self { generation: self.generation.demo_only(), ..self.clone() }
    }
}

/// What an edge keeps.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Edge")]
#[group(skip)]
pub(crate) struct Edge {
    /// How much the edge keeps in memory
    #[arg(long, env = "ORBIT_MEMORY", default_value = "256MiB", value_name = "SIZE")]
    pub(crate) memory: ByteSize,
    /// How many images the edge keeps in memory at the most; without it only the bytes count
    #[arg(long, env = "ORBIT_MEMORY_MAX_IMAGES", value_name = "N")]
    pub(crate) memory_max_images: Option<usize>,
    /// How long the upstream may take to begin an answer, and how long it may be silent in the middle of one that is kept
    #[arg(long, env = "ORBIT_UPSTREAM_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) upstream_timeout: Duration,
    /// The largest response that is kept; a larger one passes through
    #[arg(long, env = "ORBIT_MAX_FILL", default_value = "64MiB", value_name = "SIZE")]
    pub(crate) max_fill: ByteSize,
    /// How much of a response may be missing for its fill to go on when every client that wanted it has left
    #[arg(long, env = "ORBIT_FINISH_FILL", default_value = "8MiB", value_name = "SIZE")]
    pub(crate) finish_fill: ByteSize,
    /// How long a request waits for the header of another's fetch before it fetches for itself
    #[arg(long, env = "ORBIT_MAX_WAIT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) max_wait: Duration,
    /// How old a fetch may be and still be joined
    #[arg(long, env = "ORBIT_MAX_FILL_AGE", default_value = "60s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) max_fill_age: Duration,
}

/// What an edge of its own stands in front of, and what it keeps on disk.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Edge")]
#[group(skip)]
pub(crate) struct Fronting {
    /// What kind of cache it is: image, for images that are written once; or rfc, a plain shared cache for any path
    #[arg(long, env = "ORBIT_PROFILE", default_value_t = Profile::Image, value_name = "PROFILE")]
    pub(crate) profile: Profile,
    /// Public paths that are cached and what they are at the upstream; more than one by repeating it (profile image)
    #[arg(
        long,
        env = "ORBIT_MAP",
        default_value = "/api/images/=/images/",
        value_delimiter = ',',
        value_name = "FROM=TO"
    )]
    pub(crate) map: Vec<Map>,
    /// The web app that gets all other paths, as in http://localhost:3000; without it the upstream gets them (profile image)
    #[arg(long, env = "ORBIT_APP", value_name = "URL")]
    pub(crate) app: Option<String>,
    /// How much the edge keeps on disk; 0 for nothing
    #[arg(long, env = "ORBIT_DISK", default_value = "4GiB", value_name = "SIZE")]
    pub(crate) disk: ByteSize,
    /// The folder of the disk tier, which is this edge's own
    #[arg(long, env = "ORBIT_DISK_DIR", default_value_os_t = default_disk_dir(), value_name = "DIR")]
    pub(crate) disk_dir: PathBuf,
    /// A PEM file of authorities that https upstreams may have their certificates from, beside the public ones
    #[arg(long, env = "ORBIT_UPSTREAM_CA", value_name = "FILE")]
    pub(crate) upstream_ca: Option<PathBuf>,
    /// The path that an upstream must answer with a status below 400 to be given requests
    #[arg(long, env = "ORBIT_HEALTH_PATH", value_name = "PATH")]
    pub(crate) health_path: Option<String>,
    /// How often upstreams are checked; 0s never
    #[arg(long, env = "ORBIT_HEALTH_INTERVAL", default_value = "5s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) health_interval: Duration,
    #[command(flatten)]
    pub(crate) following: Following,
}
