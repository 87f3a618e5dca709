//! HTTP as tests see it: every status is an answer, bodies are whole, no proxy and no redirect is followed.

use std::io::Read as _;
use std::net::SocketAddr;

use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, BodyReader};

use super::DEADLINE;

/// One server, one pool of connections; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// An answer whose body is read as it comes; dropped before its end, it cuts the connection.
pub(crate) struct Flow {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: BodyReader<'static>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(DEADLINE));
        Self { agent: config.build().new_agent(), base: format!("http://{address}"), token: None }
    }

    /// The same client as the bearer of a token.
    pub(crate) fn bearing(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Sends any request; `None` is no body at all.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let answer = self.try_send(method, path, headers, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same, where the connection may break.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let mut response = match body {
            Some(body) => self.agent.run(self.request(method, path, headers).body(body)?)?,
            None => self.agent.run(self.request(method, path, headers).body(())?)?,
        };
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }

    /// Opens an answer whose body goes on.
    pub(crate) fn open(&self, path: &str, headers: &[(&str, &str)]) -> ureq::http::Response<ureq::Body> {
        self.agent.run(self.request("GET", path, headers).body(()).unwrap()).unwrap()
    }

    /// The same, to be read as it comes.
    pub(crate) fn flow(&self, path: &str, headers: &[(&str, &str)]) -> Flow {
        let (parts, body) = self.open(path, headers).into_parts();
        Flow { status: parts.status.as_u16(), headers: parts.headers, body: body.into_reader() }
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> ureq::http::request::Builder {
        let token = self.token.iter().map(|token| ("authorization", format!("Bearer {token}")));
        let headers = headers.iter().map(|&(name, value)| (name, value.to_owned())).chain(token);
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        headers.fold(request, |request, (name, value)| request.header(name, value))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, None)
    }

    pub(crate) fn head(&self, path: &str) -> Answer {
        self.send("HEAD", path, &[], None)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    /// Uploads raw bytes; `path` is `/images` with labels in its query.
    pub(crate) fn upload(&self, path: &str, bytes: &[u8]) -> Answer {
        self.send("POST", path, &[("content-type", "application/octet-stream")], Some(bytes))
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> Answer {
        self.send("PUT", path, &[("content-type", "image/png")], Some(bytes))
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
    }
}

impl Flow {
    /// The next bytes, as many as are asked for.
    pub(crate) fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.body.read_exact(&mut bytes).unwrap_or_else(|error| panic!("{length} bytes more: {error}"));
        bytes
    }

    /// What is still to come.
    pub(crate) fn into_reader(self) -> BodyReader<'static> {
        self.body
    }

    /// All that comes to the end, or the error that it ends with.
    pub(crate) fn rest(mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.body.read_to_end(&mut rest).map(|_| rest)
    }

    /// A header as text; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Answer {
    /// A header as text; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The answer, after a check of its status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Checks that this is an error as all errors are: problem+json, safe to show, never kept by a cache.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        self.expect_any_problem();
        assert_eq!(self.json()["code"], code, "{}", self.text());
    }

    /// The same with any status and code.
    #[track_caller]
    pub(crate) fn expect_any_problem(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text());
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert!(self.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(self.header("cache-control"), "no-store");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["title"].is_string() && problem["detail"].as_str().is_some_and(|detail| detail.len() > 5));
    }
}
