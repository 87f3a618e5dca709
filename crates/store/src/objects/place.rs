//! Where a bucket is: URLs, and the options by which it is reached.
//!
//! Options are named as each cloud's own tools name them, in either case; what is none of a cloud's is passed over, so that a
//! whole environment may be handed in.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use crate::Error;

/// Unless an option says otherwise: how long to wait for a connection, and for a whole answer.
const PATIENCE: [(&str, &str); 2] = [("connect_timeout", "3s"), ("timeout", "20s")];

/// What is said of a URL that names no bucket.
const SCHEMES: &str = "the URL must look like s3://bucket/prefix, gs://bucket/prefix or az://container/prefix";

/// A bucket and the prefix in it.
pub(super) fn open(url: &str, options: &[(String, String)]) -> Result<(Arc<dyn ObjectStore>, Path), Error> {
    let parsed = Url::parse(url).map_err(|error| invalid(url, &error))?;
    let (scheme, prefix) = ObjectStoreScheme::parse(&parsed).map_err(|_unknown| invalid(url, &SCHEMES))?;
    provide_tls();
    let mut all: Vec<(&str, &str)> = PATIENCE.to_vec();
    all.extend(options.iter().map(|(name, value)| (&**name, &**value)));
    // Whoever names an endpoint without TLS means it.
    let is_endpoint = |name: &str| name.to_ascii_uppercase().starts_with("AWS_ENDPOINT");
    if all.iter().any(|(name, value)| is_endpoint(name) && value.starts_with("http://")) {
        all.push(("aws_allow_http", "true"));
    }
    macro_rules! build {
        ($builder:ty) => {{
            let builder = <$builder>::new().with_url(url).with_retry(retry());
            let builder = all.iter().fold(builder, |builder, (name, value)| match name.to_ascii_lowercase().parse() {
                Ok(name) => builder.with_config(name, *value),
                Err(_) => builder,
            });
            Arc::new(builder.build().map_err(|error| invalid(url, &error))?)
        }};
    }
    let bucket: Arc<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::AmazonS3 => build!(AmazonS3Builder),
        ObjectStoreScheme::GoogleCloudStorage => build!(GoogleCloudStorageBuilder),
        ObjectStoreScheme::MicrosoftAzure => build!(MicrosoftAzureBuilder),
        _ => return Err(invalid(url, &SCHEMES)),
    };
    Ok((bucket, prefix))
}

/// A fault that passes is ridden out, and nobody waits for one that does not.
fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(50), max_backoff: Duration::from_secs(2), base: 2.0 };
    RetryConfig { backoff, max_retries: 4, retry_timeout: Duration::from_secs(20) }
}

/// The HTTP client has no provider of TLS of its own. Another one that was chosen before stays.
fn provide_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// An error that never shows what is in a URL's place for passwords.
fn invalid(url: &str, reason: &dyn std::fmt::Display) -> Error {
    let place = url.rsplit_once('@').map_or(url, |(_, place)| place);
    let reason = if url.is_empty() { reason.to_string() } else { reason.to_string().replace(url, place) };
    Error::Invalid(format!("{place} is no place for images: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn buckets_of_three_clouds_are_named_by_urls_with_a_prefix() {
        let azure = options(&[("AZURE_STORAGE_ACCOUNT_NAME", "a"), ("AZURE_STORAGE_ACCOUNT_KEY", "aGVu")]);
        let aws = options(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("PATH", "/bin")]);
        let google = options(&[("GOOGLE_SKIP_SIGNATURE", "true")]);
        for (url, options) in
            [("s3://bucket/some/where", aws), ("az://bucket/some/where/", azure), ("gs://bucket/some/where", google)]
        {
            let (_, prefix) = open(url, &options).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(prefix.as_ref(), "some/where", "{url}");
        }
    }

    #[test]
    fn what_is_no_bucket_is_refused_without_its_password() {
        for url in ["", "bucket", "ftp://me:secret@host/x", "s3://", "https://example.com/x", "s3://me:secret@"] {
            let error = open(url, &[]).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)) && !error.to_string().contains("secret"), "{url}: {error}");
        }
    }
}
