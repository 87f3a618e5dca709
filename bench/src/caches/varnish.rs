//! Varnish: memory alone, with its own rules, and a field that says whether an answer is a hit.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{Cache, address, program};
use crate::peer::{self, Peer};

/// Starts one with its work folder and log in `folder`.
pub(super) fn start(upstream: &str, memory: &str, folder: &Path) -> Result<Cache> {
    let home = folder.join("varnish");
    fs::create_dir_all(&home)?;
    let (port, upstream) = (peer::free_port()?, address(upstream)?);
    let program_text = home.join("bench.vcl");
    fs::write(
        &program_text,
        format!(
            "vcl 4.1;
backend origin {{ .host = \"{}\"; .port = \"{}\"; }}
sub vcl_deliver {{
  if (obj.hits > 0) {{ set resp.http.X-Cache = \"HIT\"; }} else {{ set resp.http.X-Cache = \"MISS\"; }}
}}
",
            upstream.ip(),
            upstream.port()
        ),
    )?;
    let mut command = program("varnishd", "varnish")?;
    // Its jail changes to a user who may not read a private temporary folder.
    command.args(["-j", "none", "-F", "-a"]).arg(format!("127.0.0.1:{port}"));
    command.arg("-n").arg(home.join("work")).arg("-f").arg(&program_text);
    command.arg("-s").arg(format!("malloc,{}", memory.trim_end_matches("iB")));
    Cache::listening(Peer::start("varnish", &mut command, folder)?, port)
}
