//! What a driver is: it knows what one kind of CDN wants to be asked, and nothing of sockets, waiting or trying again.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use jiff::Timestamp;
use orbit_model::{PurgeRequest, tags};

use crate::Error;

/// Puts purges into the words of one CDN.
pub(crate) trait Driver: Send + Sync + fmt::Debug {
    /// The word for it in receipts, as in `fastly`.
    fn kind(&self) -> &'static str;

    /// Its configured URL without what stands behind a `?`: what letters are addressed to.
    fn url(&self) -> &str;

    /// Whether it can mark copies as stale.
    fn can_soften(&self) -> bool {
        false
    }

    /// The requests by which it is told of a purge, one after the other. The same purge makes the same requests, but for what
    /// depends on the time; `is_repeat` says that it was confirmed before.
    ///
    /// # Errors
    /// Why it cannot be told that.
    fn compose(&self, purge: &PurgeRequest, is_repeat: bool, now: Timestamp) -> Result<Vec<Request<Bytes>>, String>;

    /// Whether an answer may be a yes.
    fn is_confirmed(&self, answer: &Answer) -> bool {
        answer.status.is_success()
    }

    /// Whether such an answer is one, and how much went where the CDN says it.
    ///
    /// # Errors
    /// What it says in place of a yes.
    fn read(&self, answer: &Answer) -> Result<Option<u64>, String> {
        let _ = answer;
        Ok(None)
    }

    /// What must not be shown.
    fn secret(&self) -> Option<&Secret> {
        None
    }

    /// Whether a refusal, an answer of 4xx, may turn into a yes by waiting.
    fn may_pass(&self, answer: &Answer) -> bool {
        let _ = answer;
        false
    }
}

/// What a CDN has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The beginning of its body.
    pub(crate) body: Bytes,
}

/// Why a purge was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may be in a while, or after the time that the CDN names.
    Passing { why: String, after: Option<Duration> },
    /// It will not be: somebody must change something first.
    Lasting(String),
}

/// A token: it goes to its CDN and never to a log.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A token as the environment has it; `None` where there is nothing in it.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The value of a field, behind a prefix; `name` is the variable that it came from.
    pub(super) fn field(&self, prefix: &str, name: &str) -> Result<HeaderValue, Error> {
        let field = HeaderValue::try_from(format!("{prefix}{}", self.0));
        // The source would show the value.
        let mut field = field.or(Err(Error::Invalid(format!("{name} is no token: it has odd characters"))))?;
        field.set_sensitive(true);
        Ok(field)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// The tags of what a purge names, each once.
pub(super) fn tags_of(purge: &PurgeRequest) -> Vec<String> {
    let ids = purge.ids.iter().map(ToString::to_string);
    let threads = purge.threads.iter().map(tags::of_thread);
    let mut all: Vec<String> =
        ids.chain(threads).chain(purge.tags.iter().map(|tag| tags::spelled(tag).into_owned())).collect();
    // What an operator calls a tag may be none that a header can carry: no answer has it.
    all.retain(|tag| !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
    all.sort_unstable();
    all.dedup();
    all
}
