//! Load: runs `wrk` against one route for a while and returns what it saw.
//!
//! The commands say where and over which ids; this writes the Lua script that makes each request's path and, at the
//! end, prints wrk's own figures as one line of JSON. It knows nothing of Orbit or of the baseline, and measures no
//! CPU: see `cpu`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// Which ids the requests name, as numbers after the path's prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ids {
    /// None: the prefix is the whole path, and every request the same bytes, made once.
    None,
    /// So many ids by chance, low ones more often: half of the requests name an eighth of them.
    Skewed(u64),
    /// 0, 1, ... up to the count, and again from 0: every tier has seen them.
    Cycle(u64),
    /// Each id once, from `from` on; more than `available` requests are an error, for then an id came twice.
    Fresh {
        /// The first id not asked before.
        from: u64,
        /// How many ids there are in all.
        available: u64,
    },
}

/// One load: a route, its ids, and how hard and how long to ask.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// `http://host:port`, without a path.
    pub(crate) origin: String,
    /// The path up to the id's number, such as `/api/images/s`.
    pub(crate) prefix: String,
    /// The ids in their order.
    pub(crate) ids: Ids,
    /// Open connections, each with one request in flight.
    pub(crate) connections: u32,
    /// How long to ask.
    pub(crate) duration: Duration,
    /// A value for `If-None-Match`, for revalidation.
    pub(crate) if_none_match: Option<String>,
}

/// What wrk saw.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Answers received.
    pub(crate) requests: u64,
    /// The time they took, in microseconds.
    pub(crate) duration_us: u64,
    /// Bytes received, headers included.
    pub(crate) bytes: u64,
    /// The median latency in microseconds.
    pub(crate) p50_us: f64,
    /// The 99th percentile in microseconds.
    pub(crate) p99_us: f64,
    /// Answers above 399.
    pub(crate) refused: u64,
    /// Connections that could not be opened, or broke.
    pub(crate) broken: u64,
    /// Answers that took longer than ten seconds.
    pub(crate) late: u64,
    /// The first id that was not asked.
    pub(crate) next_id: u64,
}

impl Seen {
    /// Requests that were not answered as they should.
    pub(crate) fn failures(&self) -> u64 {
        self.refused + self.broken + self.late
    }

    /// Answers a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 * 1e6 / self.duration_us as f64
    }
}

/// Asks as `load` says and returns what wrk saw; an error where one request in a hundred
/// fails, or where an id of `Ids::Fresh` is asked twice.
pub(crate) fn run(load: &Load) -> Result<Seen> {
    let mut file = tempfile::Builder::new().suffix(".lua").tempfile()?;
    file.write_all(script(load)?.as_bytes())?;
    let output = Command::new("wrk")
        .args(["-t1", "--timeout", "10s"])
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.duration.as_secs().max(1)))
        .arg("-s")
        .arg(file.path())
        .arg(format!("{}{}", load.origin, load.prefix))
        .output()
        .context("wrk did not start: install it (Debian: apt install wrk)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let seen = parse(&text).with_context(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("wrk on {}{}: {text}{complaint}", load.origin, load.prefix)
    })?;
    ensure!(seen.requests > 100 * seen.failures(), "{}{}: too many failures: {seen:?}", load.origin, load.prefix);
    if let Ids::Fresh { available, .. } = load.ids {
        ensure!(
            seen.next_id <= available,
            "{}{}: {} ids were asked of {available}: an id came twice, so this was not cold; raise the number of ids",
            load.origin,
            load.prefix,
            seen.next_id
        );
    }
    Ok(seen)
}

/// The Lua that wrk runs: one thread, so that the counter is the only one.
fn script(load: &Load) -> Result<String> {
    let (first, next) = match load.ids {
        Ids::None => (0, String::new()),
        Ids::Cycle(count) => (0, format!("(next_id + 1) % {count}")),
        Ids::Fresh { from, .. } => (from, "next_id + 1".to_owned()),
        Ids::Skewed(count) => (0, format!("math.floor({count} * math.random() ^ 3)")),
    };
    let mut lua = String::new();
    if let Some(etag) = &load.if_none_match {
        writeln!(lua, "wrk.headers['If-None-Match'] = {etag:?}")?;
    }
    if !next.is_empty() {
        // Without this function wrk sends what it made of the address, and runs no Lua for a request.
        let prefix = &load.prefix;
        writeln!(lua, "function request()\n  local id = next_id\n  next_id = {next}")?;
        writeln!(lua, "  return wrk.format('GET', {prefix:?} .. id)\nend")?;
    }
    write!(
        lua,
        r#"next_id = {first}
function setup(t) thread = t end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{{"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%.1f,"p99_us":%.1f,"refused":%d,"broken":%d,"late":%d,"next_id":%d}}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write, e.timeout, thread:get('next_id')))
end
"#
    )?;
    Ok(lua)
}

/// Finds the script's line among what wrk prints for people.
fn parse(output: &str) -> Result<Seen> {
    let line = output.lines().find(|line| line.starts_with('{'));
    let line = line.context("wrk printed no figures")?;
    serde_json::from_str(line).with_context(|| format!("wrk's figures: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "Running 3s test @ http://127.0.0.1:21300\n  1 threads and 16 connections\n\
        \x20   Latency    12.12ms    8.93ms 150.97ms   97.52%\n  4246 requests in 3.01s, 244.25MB read\n\
        Requests/sec:   1410.66\n\
        {\"requests\":4246,\"duration_us\":3009928,\"bytes\":256114688,\"p50_us\":9882.0,\"p99_us\":52978.0,\
        \"refused\":0,\"broken\":2,\"late\":1,\"next_id\":6}\n";

    fn load(ids: Ids) -> Load {
        Load {
            origin: "http://127.0.0.1:1".into(),
            prefix: "/api/images/s".into(),
            ids,
            connections: 1,
            duration: Duration::from_secs(1),
            if_none_match: None,
        }
    }

    #[test]
    fn figures_are_found_among_the_words_of_wrk() {
        let seen = parse(OUTPUT).unwrap();
        assert_eq!((seen.requests, seen.failures(), seen.next_id), (4246, 3, 6));
        assert_eq!((seen.p50_us, seen.p99_us), (9882.0, 52978.0));
        assert!((seen.per_second() - 1410.66).abs() < 0.01);
    }

    #[test]
    fn output_without_figures_is_an_error() {
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused\n").is_err());
        assert!(parse("{\"requests\":1}\n").is_err());
    }

    #[test]
    fn fresh_ids_are_never_wrapped_and_a_cycle_is() {
        let fresh = script(&load(Ids::Fresh { from: 40, available: 50 })).unwrap();
        assert!(fresh.contains("next_id = 40\n") && fresh.contains("next_id = next_id + 1\n"));
        let cycle = script(&load(Ids::Cycle(20))).unwrap();
        assert!(cycle.contains("next_id = 0\n") && cycle.contains("next_id = (next_id + 1) % 20\n"));
    }

    #[test]
    fn a_load_without_ids_runs_no_lua_for_a_request() {
        let list = script(&load(Ids::None)).unwrap();
        assert!(!list.contains("function request"), "{list}");
    }

    #[test]
    fn an_entity_tag_is_quoted_for_lua() {
        let mut revalidation = load(Ids::Cycle(1));
        revalidation.if_none_match = Some("\"abc\"".into());
        let lua = script(&revalidation).unwrap();
        assert!(lua.starts_with(r#"wrk.headers['If-None-Match'] = "\"abc\"""#));
    }
}
