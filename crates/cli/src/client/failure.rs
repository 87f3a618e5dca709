//! Failures of client commands: what happened, what to do next, and the exit code that scripts can tell them by.
//!
//! Made here from what the agent or the server said. A server of ours answers errors with a problem document; any
//! other answer is named as such, since the usual cause is an address that leads to something else.

use std::fmt;
use std::io;
use std::process::ExitCode;

use orbit_model::Problem;
use ureq::http::{Response, StatusCode};
use ureq::{Body, Timeout};

use super::BaseUrl;

/// The largest problem document that is read.
const MAX_PROBLEM_BYTES: u64 = 64 << 10;

/// What the exit code of a client command means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did not work.
    Failed = 1,
    /// The command line asks for something that makes no sense.
    Usage = 2,
    /// What was named is not there.
    NotFound = 3,
    /// The name is taken by something else.
    Conflict = 4,
    /// No server answered.
    Unreachable = 5,
    /// The server does not let the caller do that.
    Refused = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<StatusCode> for Exit {
    fn from(status: StatusCode) -> Self {
        match status.as_u16() {
            401 | 403 => Self::Refused,
            404 | 410 => Self::NotFound,
            409 | 412 => Self::Conflict,
            _ => Self::Failed,
        }
    }
}

/// Why a client command did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    status: Option<StatusCode>,
    message: String,
    advice: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// A failure that this side finds.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, status: None, message: message.into(), advice: None }
    }

    /// The same with what to do next.
    #[must_use]
    pub(crate) fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// What the exit code says.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The status of the answer, where there was one.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// What to do next.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// The connection was not made, or was lost.
    pub(crate) fn transport(base: &BaseUrl, error: &ureq::Error) -> Self {
        let start = "Is `orbit serve` running? Start it, or name another server with --url.";
        match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Self::new(Exit::Unreachable, format!("nothing listens on {base}")).with_advice(start)
            }
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) | ureq::Error::ConnectionFailed => {
                Self::new(Exit::Unreachable, format!("{base} does not take connections")).with_advice(start)
            }
            ureq::Error::Timeout(_) => Self::new(Exit::Unreachable, format!("{base} stopped answering"))
                .with_advice("`orbit doctor` tells which part of it works."),
            ureq::Error::Io(error) if is_cut(error) => {
                Self::new(Exit::Unreachable, format!("{base} cut the connection: {error}"))
                    .with_advice("`orbit doctor` tells which part of it works.")
            }
            ureq::Error::Io(_) | ureq::Error::HostNotFound => {
                Self::new(Exit::Unreachable, format!("cannot reach {base}: {error}"))
                    .with_advice("Check the address in --url or ORBIT_URL.")
            }
            other => Self::not_orbit(base, &other.to_string()),
        }
    }

    /// The answer makes no sense coming from an Orbit server.
    pub(crate) fn not_orbit(base: &BaseUrl, reason: &str) -> Self {
        Self::new(Exit::Failed, format!("{base} does not answer as Orbit does: {reason}"))
            .with_advice("Check that --url leads to an Orbit server of this version.")
    }

    /// The server answered, and not with success.
    pub(crate) fn answer(base: &BaseUrl, mut answer: Response<Body>) -> Self {
        let status = answer.status();
        let wait = super::header(&answer, "retry-after").parse::<u64>().ok();
        let read = answer.body_mut().with_config().limit(MAX_PROBLEM_BYTES).read_json::<Problem>();
        let failure = match read {
            Ok(problem) => Self {
                exit: status.into(),
                status: Some(status),
                message: format!("{} ({})", problem.detail, problem.code),
                advice: advice(&problem.code, wait),
            },
            Err(_) => Self::not_orbit(base, &format!("status {status} without a problem document")),
        };
        Self { exit: status.into(), status: Some(status), ..failure }
    }
}

/// Whether the other side ended a connection that was there.
pub(crate) fn is_cut(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// What to do about a problem, by its stable code.
fn advice(code: &str, wait_seconds: Option<u64>) -> Option<String> {
    let text = match code {
        "unauthorized" => "Give the server's token with --token or ORBIT_TOKEN.",
        "forbidden" => "Give the server a token (ORBIT_TOKEN) and use the same one here.",
        "not_found" => "`orbit ls` lists what is stored.",
        "too_large" => "Make it smaller, or raise the server's limit.",
        "unsupported" => "PNG, JPEG, WebP and GIF are taken.",
        "internal" => "The server's log has the cause.",
        "busy" | "timeout" => {
            let when = wait_seconds.map_or("later".to_owned(), |seconds| format!("in {seconds} s"));
            return Some(format!("Try again {when}."));
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::client::scripted::{Scripted, client, problem};

    fn ask(client: &Client) -> Failure {
        client.success(client.get("/x").call()).unwrap_err()
    }

    #[test]
    fn each_status_has_its_exit_code() {
        for (status, exit) in [(400, 1), (401, 6), (403, 6), (404, 3), (409, 4), (412, 4), (413, 1), (500, 1), (503, 1)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            let server = Scripted::start(move |_| problem(status, "code", "why"));
            let failure = ask(&client(&server));
            assert_eq!(failure.exit() as u8, exit, "{status}");
            assert_eq!(failure.to_string(), "why (code)");
        }
    }

    #[test]
    fn a_busy_server_says_when_to_come_again() {
        let server = Scripted::start(|_| {
            let busy = String::from_utf8(problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "full")).unwrap();
            busy.replacen("\r\n", "\r\nRetry-After: 3\r\n", 1).into_bytes()
        });
        assert_eq!(ask(&client(&server)).advice(), Some("Try again in 3 s."));
    }

    #[test]
    fn an_error_page_of_another_server_is_named_as_such() {
        let server = Scripted::start(|_| Scripted::answer("404 Not Found", "text/html", "<h1>nginx</h1>"));
        let failure = ask(&client(&server));
        assert!(failure.to_string().contains("does not answer as Orbit does"), "{failure}");
        assert_eq!(failure.exit(), Exit::NotFound);
    }

    #[test]
    fn a_port_without_a_server_is_unreachable_and_the_advice_says_how_to_start_one() {
        let server = Scripted::start(|_| Vec::new());
        let client = client(&server);
        drop(server);
        let failure = ask(&client);
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(failure.advice().unwrap().contains("orbit serve"), "{failure:?}");
    }
}
