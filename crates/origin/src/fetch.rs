//! Fetches an image by its URL, for uploads and for generators that answer with one, and lets nobody reach inside with it.
//!
//! 1. The URL is checked: its scheme, its host, an address that stands in it ([`rules`]).
//! 2. The host's name is looked up, once, and the addresses that may not be dialled are dropped.
//! 3. One of those that are left is dialled ([`dial`]): nothing is looked up again, so a name cannot change its mind.
//! 4. A redirect begins at 1 again; the third is the last.
//! 5. The body is counted while it comes.
//!
//! No proxy is taken from the environment, no body is decompressed, and connections are never shared.

mod address;
pub(crate) mod dial;
mod rules;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, LOCATION, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use url::Url;

use self::dial::Dialer;
use self::rules::Rules;
use crate::Error;

pub use rules::Allowed;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// What an operator may choose of fetches.
#[derive(Debug, Clone)]
pub struct Config {
    /// What may be fetched from beside the public internet.
    pub allow: Vec<Allowed>,
    /// How long a fetch may take, redirects and body included.
    pub timeout: Duration,
    /// The most bytes that a body may have.
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { allow: Vec::new(), timeout: Duration::from_secs(10), max_bytes: 32 << 20 }
    }
}

/// Fetches images from where they may be fetched from; clones share nothing that changes.
#[derive(Debug, Clone)]
pub struct Fetcher {
    rules: Rules,
    dialer: Dialer,
    timeout: Duration,
    max_bytes: u64,
}

impl Fetcher {
    /// A fetcher by these rules.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no time or no room, or where TLS cannot be set up.
    pub fn new(config: Config) -> Result<Self, Error> {
        let Config { allow, timeout, max_bytes } = config;
        if timeout.is_zero() || max_bytes == 0 {
            return Err(Error::Invalid(
                "a fetch needs some time and may bring some bytes: give more than 0".to_owned(),
            ));
        }
        Ok(Self { rules: Rules(allow), dialer: Dialer::new()?, timeout, max_bytes })
    }

    /// The same, allowed to fetch from one more place.
    #[must_use]
    pub(crate) fn allowing(&self, place: Allowed) -> Self {
        let mut this = self.clone();
        this.rules.0.push(place);
        this
    }

    /// Whether the operator has named this URL's host.
    pub(crate) fn names(&self, url: &Url) -> bool {
        self.rules.names(url)
    }

    /// What opens connections, for those who ask a server that the operator has chosen.
    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The bytes behind a URL.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the URL makes no sense or leads where nothing may be fetched from, [`Error::TooLarge`]
    /// beyond the limit, [`Error::Unavailable`] where the other side does not give an answer in time.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, Error> {
        let url = Url::parse(url).map_err(|error| Error::Invalid(format!("the URL cannot be read: {error}")))?;
        let late = || Err(Error::Unavailable(format!("the URL did not answer in full within {:?}", self.timeout)));
        tokio::time::timeout(self.timeout, self.follow(url)).await.unwrap_or_else(|_| late())
    }

    async fn follow(&self, mut url: Url) -> Result<Bytes, Error> {
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.ask(&url).await?;
            let Some(next) = redirect(&url, &answer)? else { return self.take(answer).await };
            url = next;
        }
        Err(Error::Invalid(format!("the URL redirects more than {MAX_REDIRECTS} times")))
    }

    /// One hop, to an address that was checked.
    async fn ask(&self, url: &Url) -> Result<Response<Incoming>, Error> {
        let addresses = self.rules.addresses(url).await?;
        let mut target = url.clone();
        target.set_fragment(None);
        let request = Request::get(target.as_str())
            .header(ACCEPT, "image/*")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("orbit/", env!("CARGO_PKG_VERSION")))
            .body(Full::default())
            .map_err(|error| Error::Invalid(format!("the URL cannot be asked for: {error}")))?;
        self.dialer.send(addresses, request).await.map_err(|error| {
            tracing::debug!(target: "orbit::origin", %error, "a fetch failed");
            Error::Unavailable("the URL's server could not be reached, or broke off before its answer".to_owned())
        })
    }

    /// The whole body of an answer.
    async fn take(&self, answer: Response<Incoming>) -> Result<Bytes, Error> {
        let too_large =
            || Error::TooLarge(format!("the URL's image is larger than the limit of {} bytes", self.max_bytes));
        if answer.status() != StatusCode::OK {
            return Err(Error::Unavailable(format!("the URL was answered with status {}", answer.status().as_u16())));
        }
        if is_encoded(answer.headers()) {
            return Err(Error::Unavailable("the URL was answered with a compressed body, unasked".to_owned()));
        }
        if answer.body().size_hint().lower() > self.max_bytes {
            return Err(too_large());
        }
        let limit = usize::try_from(self.max_bytes).unwrap_or(usize::MAX);
        match Limited::new(answer.into_body(), limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_) => Err(Error::Unavailable("the URL's answer broke off before its end".to_owned())),
        }
    }
}

/// Where an answer leads on to.
fn redirect(url: &Url, answer: &Response<Incoming>) -> Result<Option<Url>, Error> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let next = location.and_then(|location| url.join(location).ok());
    next.map(Some).ok_or_else(|| Error::Unavailable("the URL redirects without saying where".to_owned()))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests;
