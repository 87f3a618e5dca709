//! nginx: on the files of a folder with `sendfile`, or as a cache on disk with `proxy_cache`.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{Cache, program, workers};
use crate::peer::{self, Peer};

/// What an nginx serves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site<'a> {
    /// The files of a folder, fresh for an hour.
    Files(&'a Path),
    /// What an upstream answers, for as long as its `Cache-Control` says.
    Cache {
        /// `http://host:port`.
        upstream: &'a str,
        /// Whether one request at a time may fill an entry.
        lock: bool,
    },
}

/// Starts one with its configuration, cache and log in a folder of its own below `folder`.
pub(super) fn start(site: &Site<'_>, folder: &Path) -> Result<Cache> {
    let name = match site {
        Site::Files(_) => "nginx-files",
        Site::Cache { lock: false, .. } => "nginx-cache",
        Site::Cache { lock: true, .. } => "nginx-cache-lock",
    };
    let home = folder.join(name);
    fs::create_dir_all(home.join("tmp"))?;
    let port = peer::free_port()?;
    fs::write(home.join("nginx.conf"), configuration(site, &home, port))?;
    let mut command = program("nginx", "nginx-light")?;
    command.arg("-p").arg(&home).args(["-c", "nginx.conf", "-e", "stderr"]);
    Cache::listening(Peer::start(name, &mut command, folder)?, port)
}

fn configuration(site: &Site<'_>, home: &Path, port: u16) -> String {
    let home = home.display();
    // Workers of a root's nginx are another user, who may not read a private temporary folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let (http, location) = match site {
        Site::Files(files) => {
            (String::new(), format!("root {}; add_header Cache-Control \"public, max-age=3600\";", files.display()))
        }
        Site::Cache { upstream, lock } => cache(upstream, *lock, &home.to_string()),
    };
    format!(
        "daemon off;
{user}
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {home}/nginx.pid;
error_log stderr error;
events {{ worker_connections 20000; }}
http {{
  types {{ image/webp webp; }}
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=10000 inactive=60s;
  keepalive_requests 1000000000;
  client_body_temp_path {home}/tmp/body;
  proxy_temp_path {home}/tmp/proxy;
  fastcgi_temp_path {home}/tmp/fastcgi;
  uwsgi_temp_path {home}/tmp/uwsgi;
  scgi_temp_path {home}/tmp/scgi;
  {http}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ {location} }}
  }}
}}
",
        workers = workers(),
    )
}

/// The lines of a cache: those of the whole server, and those of its paths.
fn cache(upstream: &str, lock: bool, home: &str) -> (String, String) {
    let server = upstream.trim_start_matches("http://");
    let http = format!(
        "proxy_cache_path {home}/cache levels=1:2 keys_zone=images:64m max_size=1g inactive=1h use_temp_path=off;
  upstream origin {{ server {server}; keepalive 64; }}"
    );
    let lock = if lock { "proxy_cache_lock on;" } else { "" };
    let location = format!(
        "proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_cache images; proxy_cache_background_update on; {lock} add_header X-Cache $upstream_cache_status;"
    );
    (http, location)
}
