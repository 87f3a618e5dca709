//! Cloudflare: purges by cache tags or by the URLs of files, up to 100 in a request; or all of a zone.
//!
//! A file is one URL with its query, and nobody here knows with which queries an image was asked for: by files, only the image itself goes.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use jiff::Timestamp;
use orbit_model::PurgeRequest;
use serde_json::{Value, json};

use super::super::driver::{Answer, Driver, Secret, tags_of};
use crate::Error;

/// What one request may name.
const MAX_NAMES: usize = 100;

#[derive(Debug)]
pub(super) struct Cloudflare {
    url: String,
    purge: String,
    token: Secret,
    authorization: HeaderValue,
    /// What stands before `/api/images/`, where it is told files.
    files: Option<String>,
}

impl Cloudflare {
    pub(super) fn new(
        url: String,
        zone: &str,
        api: String,
        token: Secret,
        files: Option<String>,
    ) -> Result<Self, Error> {
        let authorization = token.field("Bearer ", "CLOUDFLARE_API_TOKEN")?;
        let purge = format!("{api}/zones/{zone}/purge_cache");
        super::uri(&purge)?;
        Ok(Self { url, purge, token, authorization, files })
    }

    fn request(&self, body: &Value) -> Result<Request<Bytes>, String> {
        Request::post(&self.purge)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .map_err(|error| error.to_string())
    }
}

impl Driver for Cloudflare {
    fn kind(&self) -> &'static str {
        "cloudflare"
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn compose(&self, purge: &PurgeRequest, _: bool, _: Timestamp) -> Result<Vec<Request<Bytes>>, String> {
        if purge.all {
            return Ok(vec![self.request(&json!({ "purge_everything": true }))?]);
        }
        let (field, names) = match &self.files {
            None => ("tags", tags_of(purge)),
            Some(base) => {
                let urls = purge.ids.iter().map(|id| id.url(base));
                ("files", urls.flat_map(|url| [format!("{url}.webp"), url]).collect())
            }
        };
        names.chunks(MAX_NAMES).map(|names| self.request(&json!({ field: names }))).collect()
    }

    /// A status of 200 may say no: `success` counts.
    fn read(&self, answer: &Answer) -> Result<Option<u64>, String> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if said["success"] == json!(true) {
            return Ok(None);
        }
        let errors: Vec<&str> = said["errors"].as_array().into_iter().flatten().filter_map(message).collect();
        Err(format!("it answered {} without success: {}", answer.status.as_u16(), errors.join("; ")))
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.token)
    }
}

fn message(error: &Value) -> Option<&str> {
    error["message"].as_str()
}
