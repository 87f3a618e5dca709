//! Flags that several commands share: where to listen, what an origin keeps and makes, what an edge keeps.
//!
//! A setting is defined here (or in its command's file) and nowhere else; [`crate::wiring`] hands it to its component.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

/// Where images are stored if nobody says: the platform's folder for application data.
pub(crate) fn default_data_dir() -> PathBuf {
    dirs::data_dir().unwrap_or_else(std::env::temp_dir).join("orbit")
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
    /// Concepts that are drawn at once
    #[arg(long, env = "ORBIT_GENERATION_WORKERS", default_value_t = 4, value_name = "N")]
    pub(crate) generation_workers: usize,
    /// How long the demo generator takes for a picture at the least
    #[arg(long, env = "ORBIT_DEMO_DELAY", default_value = "400ms", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) demo_delay: Duration,
    /// What stands before /api/images/ in URLs, as in https://cdn.example.com; empty for the same origin
    #[arg(long, env = "ORBIT_PUBLIC_BASE_URL", default_value = "", value_name = "URL")]
    pub(crate) public_base_url: String,
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
    /// How long the upstream may take for an image
    #[arg(long, env = "ORBIT_UPSTREAM_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) upstream_timeout: Duration,
}
