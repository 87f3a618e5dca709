//! Caches of one's own that take commands as requests: Varnish with xkey, any that takes BAN, any that takes PURGE.
//!
//! - xkey: `PURGE /` with the tags in `xkey-purge` or `xkey-softpurge`, parted by spaces; `xkey-purge-all: 1` for everything.
//! - ban: `BAN /` with a pattern for `Cache-Tag` in `x-cache-tags`; `.*` for everything.
//! - purge: `PURGE` of each image's path, with and without `.webp`. Such a cache drops what is named and nothing else: variants, whose
//!   queries nobody here knows, stay until they are no longer fresh.
//!
//! `deploy/orbit.vcl` understands all three.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use jiff::Timestamp;
use orbit_model::PurgeRequest;

use super::super::driver::{Answer, Driver, tags_of};
use crate::Error;

/// How long a field with tags may be, in bytes: Varnish takes 8 KiB a field.
const MAX_FIELD: usize = 4 << 10;
const XKEY: HeaderName = HeaderName::from_static("xkey-purge");
const XKEY_SOFT: HeaderName = HeaderName::from_static("xkey-softpurge");
const XKEY_ALL: HeaderName = HeaderName::from_static("xkey-purge-all");
const PATTERN: HeaderName = HeaderName::from_static("x-cache-tags");
/// In an answer: how many copies went.
const GONE: &str = "n-gone";

/// How the cache is told.
#[derive(Debug)]
pub(super) enum Way {
    Xkey,
    Ban,
    Purge { path: String },
}

#[derive(Debug)]
pub(super) struct OwnCache {
    url: String,
    base: Uri,
    way: Way,
}

impl OwnCache {
    pub(super) fn new(url: String, authority: &str, way: Way) -> Result<Self, Error> {
        Ok(Self { url, base: super::uri(&format!("http://{authority}"))?, way })
    }

    fn request(&self, method: &str, path: &str, field: Option<(HeaderName, String)>) -> Result<Request<Bytes>, String> {
        let fault = |error: &dyn std::fmt::Display| error.to_string();
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| fault(&error))?;
        let uri = Uri::builder().scheme("http").path_and_query(path);
        let uri = self.base.authority().cloned().map_or(Uri::builder(), |authority| uri.authority(authority));
        let uri = uri.build().map_err(|error| fault(&error))?;
        let mut request =
            Request::builder().method(method).uri(uri).body(Bytes::new()).map_err(|error| fault(&error))?;
        if let Some((name, text)) = field {
            request.headers_mut().insert(name, HeaderValue::try_from(text).map_err(|error| fault(&error))?);
        }
        Ok(request)
    }

    fn by_xkey(&self, purge: &PurgeRequest) -> Result<Vec<Request<Bytes>>, String> {
        if purge.all {
            return Ok(vec![self.request("PURGE", "/", Some((XKEY_ALL, "1".to_owned())))?]);
        }
        let name = if purge.soft { XKEY_SOFT } else { XKEY };
        let fields = joined(tags_of(purge), " ");
        fields.into_iter().map(|tags| self.request("PURGE", "/", Some((name.clone(), tags)))).collect()
    }

    fn by_ban(&self, purge: &PurgeRequest) -> Result<Vec<Request<Bytes>>, String> {
        if purge.all {
            return Ok(vec![self.request("BAN", "/", Some((PATTERN, ".*".to_owned())))?]);
        }
        let escaped = tags_of(purge).into_iter().map(|tag| escape(&tag)).collect();
        let patterns = joined(escaped, "|").into_iter().map(|tags| format!("(^|,)({tags})(,|$)"));
        patterns.map(|pattern| self.request("BAN", "/", Some((PATTERN, pattern)))).collect()
    }

    fn by_purge(&self, purge: &PurgeRequest, path: &str) -> Result<Vec<Request<Bytes>>, String> {
        if purge.all {
            return Err("a cache that takes PURGE alone cannot be told to drop everything".to_owned());
        }
        let paths = purge.ids.iter().flat_map(|id| [format!("{path}{id}"), format!("{path}{id}.webp")]);
        paths.map(|path| self.request("PURGE", &path, None)).collect()
    }
}

impl Driver for OwnCache {
    fn kind(&self) -> &'static str {
        match self.way {
            Way::Xkey => "varnish+xkey",
            Way::Ban => "ban",
            Way::Purge { .. } => "purge",
        }
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn can_soften(&self) -> bool {
        matches!(self.way, Way::Xkey)
    }

    fn compose(&self, purge: &PurgeRequest, _: bool, _: Timestamp) -> Result<Vec<Request<Bytes>>, String> {
        match &self.way {
            Way::Xkey => self.by_xkey(purge),
            Way::Ban => self.by_ban(purge),
            Way::Purge { path } => self.by_purge(purge, path),
        }
    }

    fn read(&self, answer: &Answer) -> Result<Option<u64>, String> {
        let gone = answer.headers.get(GONE).and_then(|value| value.to_str().ok());
        Ok(gone.and_then(|text| text.parse().ok()))
    }

    /// Caches that have no copy of a path say 404 to its PURGE: that is what is wanted.
    fn is_confirmed(&self, answer: &Answer) -> bool {
        answer.status.is_success() || (answer.status == 404 && matches!(self.way, Way::Purge { .. }))
    }
}

/// Words in as few fields as they fit in.
fn joined(words: Vec<String>, separator: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for word in words {
        match fields.last_mut().filter(|field| field.len() + word.len() < MAX_FIELD) {
            Some(field) => {
                field.push_str(separator);
                field.push_str(&word);
            }
            None => fields.push(word),
        }
    }
    fields
}

/// A tag as a regular expression that means itself.
fn escape(tag: &str) -> String {
    let mut text = String::with_capacity(tag.len());
    for c in tag.chars() {
        if !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | ':' | '~' | '@') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tags_go_in_several_fields_and_none_is_cut() {
        let words: Vec<String> = (0..2000).map(|number| format!("tag-{number:04}")).collect();
        let fields = joined(words.clone(), " ");
        assert!(fields.len() > 1 && fields.iter().all(|field| field.len() <= MAX_FIELD));
        assert_eq!(fields.join(" ").split(' ').collect::<Vec<_>>(), words);
    }

    #[test]
    fn a_tag_in_a_pattern_means_itself() {
        assert_eq!(escape("thread:a.b(c)*"), "thread:a\\.b\\(c\\)\\*");
    }
}
