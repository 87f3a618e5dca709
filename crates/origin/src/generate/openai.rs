//! The `openai` backend: any server that speaks the OpenAI Images interface, at any base URL.
//!
//! 1. [`ask`] makes the request: JSON to `/images/generations`, or a form to `/images/edits` where there are inputs.
//! 2. It is sent over a connection of its own; dropping the future closes that, and so cancels the work.
//! 3. [`refusal`] reads what is no picture: who is at fault, and when to try again.
//! 4. [`answer`] reads the picture, whole or as a stream with previews; one that is named by a URL is fetched under the rules
//!    of [`crate::fetch`], with the backend's own host and port allowed.
//!
//! The base URL is the operator's word and is not judged. The key is in the `Authorization` field and nowhere else.

mod answer;
mod ask;
mod refusal;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use url::{Host, Url};

use super::{Error, Generator, Picture, Preview, Request};
use crate::Fetcher;
use crate::fetch::Allowed;

/// The model that is asked where neither the operator nor the caller names one.
const USUAL_MODEL: &str = "gpt-image-1";

/// What an operator may choose of the backend.
#[derive(Debug, Clone)]
pub struct Config {
    /// What stands before `/images/generations`, as in `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, for servers that want one.
    pub key: Option<Key>,
    /// The models, the usual one first; where none is named, any name is handed on.
    pub models: Vec<String>,
    /// How long a picture may take.
    pub timeout: Duration,
    /// The most bytes that a picture may have.
    pub max_bytes: u64,
}

/// A secret: it goes to the backend and never to a log.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// A key as the environment has it.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(secret.trim().to_owned())
    }

    fn field(&self) -> Result<HeaderValue, crate::Error> {
        let field = HeaderValue::try_from(format!("Bearer {}", self.0));
        // The source would show the value.
        let mut field =
            field.or(Err(crate::Error::Invalid("OPENAI_API_KEY is no key: it has odd characters".to_owned())))?;
        field.set_sensitive(true);
        Ok(field)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// Has pictures drawn by another server.
#[derive(Debug, Clone)]
pub struct OpenAi {
    base: Url,
    models: Vec<String>,
    takes_any: bool,
    key: Option<Key>,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    max_bytes: u64,
    fetcher: Fetcher,
}

impl OpenAi {
    /// A backend at a base URL.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] where the URL is none, or where the key is missing and the server is neither on this machine nor
    /// among those that the fetcher is allowed.
    pub fn new(config: Config, fetcher: &Fetcher) -> Result<Self, crate::Error> {
        let invalid = |text: String| Err(crate::Error::Invalid(text));
        let Config { base_url, key, mut models, timeout, max_bytes } = config;
        let base =
            Url::parse(base_url.trim_end_matches('/')).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some((base, own)) = base.and_then(|url| Some((url.clone(), Allowed::origin_of(&url)?))) else {
            return invalid("the base URL of the openai backend must be as in https://api.openai.com/v1".to_owned());
        };
        if !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some()
        {
            return invalid(
                "the base URL of the openai backend is a host and a path only; the key is OPENAI_API_KEY".to_owned(),
            );
        }
        let key = key.filter(|key| !key.0.is_empty());
        if key.is_none() && !is_here(&base) && !fetcher.names(&base) {
            let host = base.host_str().unwrap_or_default();
            return invalid(format!(
                "{host} needs a key: set OPENAI_API_KEY in the environment; for a server of your own that needs none, give --fetch-allow {host}"
            ));
        }
        if timeout.is_zero() {
            return invalid("a picture takes some time: the generation timeout must be more than 0s".to_owned());
        }
        let takes_any = models.is_empty();
        if takes_any {
            models.push(USUAL_MODEL.to_owned());
        }
        let authorization = key.as_ref().map(Key::field).transpose()?;
        let fetcher = fetcher.allowing(own);
        Ok(Self { base, models, takes_any, key, authorization, timeout, max_bytes, fetcher })
    }

    async fn draw(&self, request: Request, previews: mpsc::Sender<Preview>) -> Result<Picture, Error> {
        let answer = self.send(ask::compose(&request)).await?;
        if !answer.status().is_success() {
            return Err(refusal::read(answer, self.key.as_ref().map(|key| &*key.0)).await);
        }
        let shown = answer::read(answer, self.max_bytes, previews).await?;
        let bytes = match shown.source {
            answer::Source::Bytes(bytes) => bytes,
            answer::Source::Url(url) => {
                self.fetcher.fetch(&url).await.map_err(|error| Error::Failed(error.to_string()))?
            }
        };
        if bytes.len() as u64 > self.max_bytes {
            return Err(answer::too_large(self.max_bytes));
        }
        Ok(Picture { bytes, revised_prompt: shown.revised_prompt })
    }

    async fn send(&self, asked: ask::Asked) -> Result<Response<Incoming>, Error> {
        let failed = |error: &dyn fmt::Display| {
            tracing::warn!(target: "orbit::origin", %error, "the openai backend gave no answer");
            Error::Failed("the backend could not be reached, or broke off before its answer".to_owned())
        };
        let url = format!("{}{}", self.base.as_str().trim_end_matches('/'), asked.path);
        let mut request = http::Request::post(url)
            .header(CONTENT_TYPE, asked.media_type)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(USER_AGENT, concat!("orbit/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(asked.body)).map_err(|error| failed(&error))?;
        let host = (self.base.host_str().unwrap_or_default(), self.base.port_or_known_default().unwrap_or_default());
        // `lookup_host` wants an IPv6 address without its brackets.
        let host = (host.0.trim_start_matches('[').trim_end_matches(']'), host.1);
        let addresses = tokio::net::lookup_host(host).await.map_err(|error| failed(&error))?.collect();
        self.fetcher.dialer().send(addresses, request).await.map_err(|error| failed(&describe(&error)))
    }
}

/// An error with what caused it.
fn describe(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", describe(cause)))
}

/// Whether a URL's host is this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[async_trait]
impl Generator for OpenAi {
    fn models(&self) -> &[String] {
        &self.models
    }

    fn takes_any_model(&self) -> bool {
        self.takes_any
    }

    async fn generate(&self, request: Request, previews: mpsc::Sender<Preview>) -> Result<Picture, Error> {
        let drawing = tokio::time::timeout(self.timeout, self.draw(request, previews));
        drawing.await.unwrap_or(Err(Error::Timeout(self.timeout)))
    }
}

/// The bytes that a backend wrote in base64, bare or as a `data:` URI.
fn decode(text: &str) -> Result<Bytes, Error> {
    let decoded = crate::upload::decode(text).ok().filter(|bytes| !bytes.is_empty());
    decoded.ok_or_else(|| Error::Failed("the backend's picture is not base64".to_owned()))
}

#[cfg(test)]
mod tests;
