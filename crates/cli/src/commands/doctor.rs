//! `orbit doctor`: looks for what keeps images from loading, from the settings to the removal of a test image.
//!
//! Checks come in the order in which one failure explains the next: this machine (`local`), the server (`server`), the
//! way of a tiny image through origin and edge (`trip`). Each is a [`Finding`] that says what to do. The tiny image is
//! removed in any case. What is right is judged by headers and bytes alone, as a browser would.

mod local;
mod server;
mod trip;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use ureq::http::Response;
use ureq::{Body, RequestBuilder, typestate::WithoutBody};

use crate::client::{Client, Connection, Exit, Failure};
use crate::{flags, output};

/// The longest time for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Check settings, folders, server, origin, edge and events, with a tiny image that is removed again
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// The server's data folder [default: the platform's]
    #[arg(long, env = "ORBIT_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print a JSON array of findings
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Failed,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    detail: String,
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, state: State::Ok, detail: detail.into(), advice: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Warning, detail: detail.into(), advice: Some(advice.into()) }
    }

    fn failed(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Failed, detail: detail.into(), advice: Some(advice.into()) }
    }

    /// A request that came to nothing.
    fn broken(check: &'static str, failure: &Failure) -> Self {
        Self::failed(check, failure.to_string(), failure.advice().unwrap_or("The server's log has the cause."))
    }

    /// Failed where there are faults, all of them named.
    fn judge(check: &'static str, faults: &[String], detail: impl Into<String>, advice: &str) -> Self {
        if faults.is_empty() { Self::ok(check, detail) } else { Self::failed(check, faults.join("; "), advice) }
    }

    fn lines(&self) -> Vec<String> {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
        };
        let mut lines = vec![format!("{state:8} {:14} {}", self.check, self.detail)];
        lines.extend(self.advice.iter().map(|advice| format!("{:23} -> {advice}", "")));
        lines
    }
}

impl Doctor {
    /// Runs every check; `is_known` tells whether a name of the environment is a setting of this version.
    pub(crate) fn run(self, is_known: impl Fn(&str) -> bool) -> anyhow::Result<ExitCode> {
        let client = self.connection.client();
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let mut findings = vec![local::configuration(names, is_known)];
        if self.data_dir.is_some() || client.base().is_loopback() {
            let folder = self.data_dir.unwrap_or_else(flags::default_data_dir);
            findings.extend(local::data_folder(&folder));
        }
        findings.extend(examine(&client)?);
        if self.json {
            output::json(&findings)?;
        } else {
            for line in findings.iter().flat_map(Finding::lines) {
                output::line(&output::plain(&line))?;
            }
        }
        let mut failed = findings.iter().filter(|finding| finding.state == State::Failed);
        Ok(match failed.next_back() {
            None => ExitCode::SUCCESS,
            // Without a server that answers this is the last check, and the code is that of any client command.
            Some(last) if last.check == server::ALIVE => Exit::Unreachable.into(),
            Some(_) => Exit::Failed.into(),
        })
    }
}

/// The checks over the network; without a server that answers the first is also the last.
fn examine(client: &Client) -> anyhow::Result<Vec<Finding>> {
    let alive = server::alive(client);
    if alive.state == State::Failed {
        return Ok(vec![alive]);
    }
    let (identity, role) = server::identity(client);
    let mut findings = vec![alive, server::ready(client), identity, server::events(client)];
    findings.extend(trip::round_trip(client, role)?);
    Ok(findings)
}

/// Sends a request that may end in any status, within a time.
fn ask(client: &Client, request: RequestBuilder<WithoutBody>) -> Result<Response<Body>, Failure> {
    client.any_status(request.config().timeout_global(Some(TIMEOUT)).build().call())
}

#[cfg(test)]
mod tests;
