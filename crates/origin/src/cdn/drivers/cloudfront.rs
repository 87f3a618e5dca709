//! CloudFront: invalidations by path, each image with `*` behind its name, for its variants are queries of that path.
//!
//! Fifteen such paths may be in progress at once, so no request names more; what is too many is told again later. The same
//! request has the same `CallerReference`: one whose answer was lost makes no second invalidation, which would cost twice.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request};
use jiff::Timestamp;
use orbit_model::{Digest, PurgeRequest};

use super::super::driver::{Answer, Driver, Secret};
use super::sigv4::{self, AwsKeys};
use crate::Error;

/// Paths with `*` that may be in progress at once.
const MAX_PATHS: usize = 15;
/// References within this time are the same purge, not one that somebody asks for once more later.
const SAME_PURGE_SECONDS: i64 = 3600;

#[derive(Debug)]
pub(super) struct CloudFront {
    url: String,
    /// The server, and the path of the invalidations there.
    api: String,
    host: HeaderValue,
    target: String,
    /// What images' names stand behind.
    prefix: String,
    keys: AwsKeys,
}

impl CloudFront {
    pub(super) fn new(
        url: String,
        distribution: &str,
        api: &str,
        prefix: String,
        keys: AwsKeys,
    ) -> Result<Self, Error> {
        let authority = super::uri(api)?.authority().map(|authority| HeaderValue::try_from(authority.as_str()));
        let Some(Ok(host)) = authority else { return Err(Error::Invalid(format!("`{api}` names no host"))) };
        let target = format!("/2020-05-31/distribution/{distribution}/invalidation");
        Ok(Self { url, api: api.to_owned(), host, target, prefix, keys })
    }

    fn request(&self, paths: &[String], is_repeat: bool, now: Timestamp) -> Result<Request<Bytes>, String> {
        let items: String = paths.iter().map(|path| format!("<Path>{path}</Path>")).collect();
        let moment = now.as_second() / SAME_PURGE_SECONDS;
        let reference = Digest::of(format!("{items} {is_repeat} {moment}").as_bytes()).hex();
        let body = Bytes::from(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
             <Paths><Quantity>{}</Quantity><Items>{items}</Items></Paths>\
             <CallerReference>orbit-{reference}</CallerReference></InvalidationBatch>",
            paths.len()
        ));
        let request = Request::post(format!("{}{}", self.api, self.target))
            .header(HOST, self.host.clone())
            .header(CONTENT_TYPE, "text/xml")
            .body(body);
        let mut request = request.map_err(|error| error.to_string())?;
        sigv4::sign(&mut request, &self.keys, "us-east-1", "cloudfront", now)?;
        Ok(request)
    }
}

impl Driver for CloudFront {
    fn kind(&self) -> &'static str {
        "cloudfront"
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn compose(&self, purge: &PurgeRequest, is_repeat: bool, now: Timestamp) -> Result<Vec<Request<Bytes>>, String> {
        let paths: Vec<String> = match purge.all {
            true => vec![format!("{}*", self.prefix)],
            // An id has nothing in it that XML or a path would read as anything else.
            false => purge.ids.iter().map(|id| format!("{}{id}*", self.prefix)).collect(),
        };
        paths.chunks(MAX_PATHS).map(|paths| self.request(paths, is_repeat, now)).collect()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(self.keys.secret())
    }

    fn may_pass(&self, answer: &Answer) -> bool {
        let body = String::from_utf8_lossy(&answer.body);
        ["TooManyInvalidationsInProgress", "Throttling", "RequestLimitExceeded"].iter().any(|code| body.contains(code))
    }
}
