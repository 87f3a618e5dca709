//! How the client commands reach a server: address and token, one blocking agent, answers as values or failures.
//!
//! Every client command flattens [`Connection`] into its arguments and makes a [`Client`] of it. Any status that is
//! not a success becomes a [`Failure`] that knows its exit code. The token goes along where it means something; image
//! requests go without it, because a cache must not keep what it answers to one person.

mod events;
mod failure;
#[cfg(test)]
pub(crate) mod scripted;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::{Response, Uri};
use ureq::typestate::{WithBody, WithoutBody};
use ureq::{Agent, Body, RequestBuilder};

pub(crate) use events::{EventStream, Signal};
pub(crate) use failure::{Exit, Failure, is_cut};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may stay silent in the middle of an answer; encoding in a full queue takes a while.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);
/// The largest JSON answer that is read.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// Which server to talk to, and as whom.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The address of the server
    #[arg(long, env = "ORBIT_URL", default_value = "http://127.0.0.1:8000", value_name = "URL")]
    url: BaseUrl,
    /// The server's token, for writes and to see prompts
    #[arg(long, env = "ORBIT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<Token>,
}

impl Connection {
    /// The way to a server of this machine that asks for no token.
    pub(crate) fn local(address: std::net::SocketAddr) -> Self {
        Self { url: BaseUrl(format!("http://{address}")), token: None }
    }

    /// Prepares an agent; nothing is sent yet.
    pub(crate) fn client(&self) -> Client {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(SILENCE_TIMEOUT))
            .user_agent(concat!("orbit/", env!("CARGO_PKG_VERSION")));
        if self.url.is_loopback() {
            // A proxy of the environment would look for the server on its own machine.
            config = config.proxy(None);
        }
        let token = self.token.clone().filter(|token| !token.0.is_empty());
        Client { agent: config.build().new_agent(), base: self.url.clone(), token }
    }
}

/// The `http` or `https` address that paths are appended to, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl(String);

impl BaseUrl {
    /// Whether the server runs on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|error| format!("{error}; write it as in http://127.0.0.1:8000"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err("it must begin with http:// or https://, as in http://127.0.0.1:8000".to_owned());
        }
        if uri.query().is_some() {
            return Err("leave out the part from `?` on".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// A bearer token; its debug text does not show it.
#[derive(Clone)]
struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_token = text.bytes().all(|b| b.is_ascii_graphic());
        if is_token { Ok(Self(text.to_owned())) } else { Err("a token is visible ASCII without spaces") }
    }
}

/// Talks to one server; cheap to clone, and its clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: BaseUrl,
    token: Option<Token>,
}

impl Client {
    /// The address of the server.
    pub(crate) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The whole URL of a path on the server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Begins a GET in the name of the token's holder.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder<WithoutBody> {
        self.signed(self.anonymous(path))
    }

    /// Begins a GET as anybody would send it.
    pub(crate) fn anonymous(&self, path: &str) -> RequestBuilder<WithoutBody> {
        self.agent.get(self.url(path))
    }

    /// Begins a HEAD as anybody would send it.
    pub(crate) fn head(&self, path: &str) -> RequestBuilder<WithoutBody> {
        self.agent.head(self.url(path))
    }

    /// Begins a POST.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder<WithBody> {
        self.signed(self.agent.post(self.url(path)))
    }

    /// Begins a PUT.
    pub(crate) fn put(&self, path: &str) -> RequestBuilder<WithBody> {
        self.signed(self.agent.put(self.url(path)))
    }

    /// Begins a DELETE.
    pub(crate) fn delete(&self, path: &str) -> RequestBuilder<WithoutBody> {
        self.signed(self.agent.delete(self.url(path)))
    }

    /// Judges what came of a request that may end in any status: only a lost connection is a failure.
    pub(crate) fn any_status(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
        sent.map_err(|error| Failure::transport(&self.base, &error))
    }

    /// Judges what came of a request that ought to succeed.
    pub(crate) fn success(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
        let answer = self.any_status(sent)?;
        if answer.status().is_success() { Ok(answer) } else { Err(Failure::answer(&self.base, answer)) }
    }

    /// Judges what came of a request that ought to succeed with JSON, and reads it.
    pub(crate) fn json<T: DeserializeOwned>(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<T, Failure> {
        self.read_json(&mut self.success(sent)?)
    }

    /// Reads the JSON of a successful answer.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, answer: &mut Response<Body>) -> Result<T, Failure> {
        let read = answer.body_mut().with_config().limit(MAX_JSON_BYTES).read_json();
        read.map_err(|error| match error {
            ureq::Error::Json(error) => Failure::not_orbit(&self.base, &error.to_string()),
            other => Failure::transport(&self.base, &other),
        })
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {}", token.0)),
            None => request,
        }
    }
}

/// One header of an answer as text; empty where it is missing.
pub(crate) fn header<'a, T>(answer: &'a Response<T>, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Sixteen characters that no other run has, for names that must not meet.
pub(crate) fn unique_suffix() -> String {
    format!("{:016x}", unique_number())
}

/// A number that no other run has.
pub(crate) fn unique_number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::scripted::Scripted;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        connection: Connection,
    }

    fn parse(words: &[&str]) -> Result<Connection, clap::Error> {
        Line::try_parse_from([&["orbit"], words].concat()).map(|line| line.connection)
    }

    #[test]
    fn an_address_without_a_scheme_is_refused_with_an_example() {
        let error = parse(&["--url", "127.0.0.1:8000"]).unwrap_err();
        assert!(error.to_string().contains("http://127.0.0.1:8000"), "{error}");
        assert!(parse(&["--url", "http://h/?a=1"]).is_err());
        assert_eq!(parse(&["--url", "https://h/base/"]).unwrap().url, BaseUrl("https://h/base".to_owned()));
    }

    #[test]
    fn loopback_addresses_are_known() {
        for (url, expected) in [
            ("http://127.0.0.1:8000", true),
            ("http://[::1]:8000", true),
            ("http://localhost", true),
            ("http://localhost.example.org", false),
            ("https://10.0.0.1", false),
        ] {
            assert_eq!(url.parse::<BaseUrl>().unwrap().is_loopback(), expected, "{url}");
        }
    }

    #[test]
    fn a_token_shows_neither_in_debug_text_nor_in_image_requests() {
        let server = Scripted::start(|_| Scripted::answer("200 OK", "application/json", "{}"));
        let connection = parse(&["--url", server.url(), "--token", "s3cret"]).unwrap();
        assert!(!format!("{connection:?}").contains("s3cret"));
        let client = connection.client();
        client.success(client.get("/stats").call()).unwrap();
        client.success(client.anonymous("/api/images/fox").call()).unwrap();
        let requests = server.requests();
        assert_eq!(requests[0].header("authorization"), Some("Bearer s3cret"));
        assert_eq!(requests[1].header("authorization"), None);
    }

    #[test]
    fn a_token_with_a_line_break_is_refused() {
        assert!(parse(&["--token", "a\r\nx: y"]).is_err());
    }
}
