//! Fastly: purges by surrogate keys, up to 256 in a request, soft where that is asked for; or all of a service.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request};
use jiff::Timestamp;
use orbit_model::PurgeRequest;
use serde_json::json;

use super::super::driver::{Driver, Secret, tags_of};
use crate::Error;

/// Keys that one request may name.
const MAX_KEYS: usize = 256;
const FASTLY_KEY: HeaderName = HeaderName::from_static("fastly-key");
const SOFT_PURGE: HeaderName = HeaderName::from_static("fastly-soft-purge");

#[derive(Debug)]
pub(super) struct Fastly {
    url: String,
    /// Where its service is purged, without the last word.
    service: String,
    token: Secret,
    key: HeaderValue,
}

impl Fastly {
    pub(super) fn new(url: String, service: &str, api: String, token: Secret) -> Result<Self, Error> {
        let key = token.field("", "FASTLY_API_TOKEN")?;
        let service = format!("{api}/service/{service}");
        super::uri(&service)?;
        Ok(Self { url, service, token, key })
    }

    fn request(&self, action: &str, is_soft: bool, body: Bytes) -> Result<Request<Bytes>, String> {
        let mut request = Request::post(format!("{}/{action}", self.service))
            .header(FASTLY_KEY, self.key.clone())
            .header(ACCEPT, "application/json");
        if is_soft {
            request = request.header(SOFT_PURGE, "1");
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(body).map_err(|error| error.to_string())
    }
}

impl Driver for Fastly {
    fn kind(&self) -> &'static str {
        "fastly"
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn can_soften(&self) -> bool {
        true
    }

    fn compose(&self, purge: &PurgeRequest, _: bool, _: Timestamp) -> Result<Vec<Request<Bytes>>, String> {
        if purge.all {
            return Ok(vec![self.request("purge_all", false, Bytes::new())?]);
        }
        let keys = tags_of(purge);
        let body = |keys: &[String]| Bytes::from(json!({ "surrogate_keys": keys }).to_string());
        keys.chunks(MAX_KEYS).map(|keys| self.request("purge", purge.soft, body(keys))).collect()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.token)
    }
}
