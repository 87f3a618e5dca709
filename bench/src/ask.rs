//! Ask: single HTTP requests, to fill a server, to wait for it, and to see what it answers before a load.
//!
//! Nothing here is timed: the loads are wrk's.

use anyhow::{Context, Result};
use serde::Deserialize;
use ureq::Agent;
use ureq::http::Response;

/// What the benches look at in an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// `X-Cache`, empty if there is none.
    pub(crate) cache: String,
    /// `ETag`, if there is one.
    pub(crate) etag: Option<String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Whether `url` answers 200.
pub(crate) fn is_up(url: &str) -> bool {
    get(url, None).is_ok_and(|answer| answer.status == 200)
}

/// Asks for `url`, if its entity tag is no longer `if_none_match`.
pub(crate) fn get(url: &str, if_none_match: Option<&str>) -> Result<Answer> {
    let mut request = agent().get(url);
    if let Some(etag) = if_none_match {
        request = request.header("If-None-Match", etag);
    }
    let mut response = request.call().with_context(|| url.to_owned())?;
    Ok(Answer {
        status: response.status().as_u16(),
        cache: header(&response, "x-cache").unwrap_or_default(),
        etag: header(&response, "etag"),
        body: response.body_mut().with_config().limit(u64::MAX).read_to_vec()?,
    })
}

/// Asks for JSON.
pub(crate) fn json<T: for<'a> Deserialize<'a>>(url: &str) -> Result<T> {
    let answer = get(url, None)?;
    serde_json::from_slice(&answer.body).with_context(|| format!("{url} answered {}", answer.status))
}

/// Uploads a PNG with PUT or POST and returns the status code.
pub(crate) fn upload(method: &str, url: &str, png: &[u8]) -> Result<u16> {
    upload_by(&agent(), method, url, png)
}

/// The same over the connections of an agent, to the end of the answer.
pub(crate) fn upload_by(agent: &Agent, method: &str, url: &str, png: &[u8]) -> Result<u16> {
    let request = if method == "PUT" { agent.put(url) } else { agent.post(url) };
    let mut response = request.header("Content-Type", "image/png").send(png).with_context(|| url.to_owned())?;
    response.body_mut().read_to_vec()?;
    Ok(response.status().as_u16())
}

/// A new agent, and so new connections, each time; a 404 is an answer and no error.
pub(crate) fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().into()
}

fn header<B>(response: &Response<B>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}
