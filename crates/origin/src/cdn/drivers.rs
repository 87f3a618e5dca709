//! The kinds of CDNs, each from its URL: `fastly://SERVICE_ID`, `cloudflare://ZONE_ID`, `cloudfront://DISTRIBUTION_ID`,
//! `varnish+xkey://HOST:PORT`, `ban://HOST:PORT`, `purge://HOST:PORT`.
//!
//! What stands behind a `?` are choices: `api=URL` for another server than the documented one, `path=PREFIX` for those that are told paths,
//! `by=files` for Cloudflare. What a kind does not know is refused. Tokens come from the environment alone.

mod cloudflare;
mod cloudfront;
mod fastly;
mod own_cache;
mod sigv4;

use std::collections::BTreeMap;

use http::Uri;
use url::Url;

use self::cloudflare::Cloudflare;
use self::cloudfront::CloudFront;
use self::fastly::Fastly;
use self::own_cache::{OwnCache, Way};
use super::driver::{Driver, Secret};
use crate::Error;

pub use sigv4::AwsKeys;

/// Where images are asked for.
const PATH: &str = "/api/images/";
const KINDS: &str = "fastly://SERVICE_ID, cloudflare://ZONE_ID, cloudfront://DISTRIBUTION_ID, varnish+xkey://HOST:PORT, \
                     ban://HOST:PORT or purge://HOST:PORT";

/// The tokens of CDNs.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// `FASTLY_API_TOKEN`.
    pub fastly: Option<Secret>,
    /// `CLOUDFLARE_API_TOKEN`.
    pub cloudflare: Option<Secret>,
    /// `AWS_ACCESS_KEY_ID` and those that go with it.
    pub aws: Option<AwsKeys>,
}

/// The drivers of these URLs.
///
/// # Errors
/// [`Error::Invalid`], naming the URL and what it should be.
pub(super) fn of(urls: &[String], secrets: &Secrets, public_base: &str) -> Result<Vec<Box<dyn Driver>>, Error> {
    let mut drivers: Vec<Box<dyn Driver>> = Vec::new();
    // An environment variable without anything in it names none.
    for text in urls.iter().filter(|text| !text.is_empty()) {
        let driver = driver(text, secrets, public_base).map_err(|why| match why {
            Error::Invalid(why) => Error::Invalid(format!("the CDN `{}`: {why}", without_choices(text))),
            other => other,
        })?;
        if drivers.iter().any(|known| known.url() == driver.url()) {
            return Err(Error::Invalid(format!("the CDN `{}` is named twice", driver.url())));
        }
        drivers.push(driver);
    }
    Ok(drivers)
}

fn driver(text: &str, secrets: &Secrets, public_base: &str) -> Result<Box<dyn Driver>, Error> {
    let invalid = |why: &str| Error::Invalid(why.to_owned());
    let url = Url::parse(text).ok().ok_or_else(|| Error::Invalid(format!("it must be {KINDS}")))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let host = url.host_str().filter(|host| !host.is_empty() && plain && matches!(url.path(), "" | "/"));
    let host = host.ok_or_else(|| Error::Invalid(format!("it must be {KINDS}; tokens come from the environment")))?;
    let mut choices: Choices = Choices(url.query_pairs().into_owned().collect());
    let to = without_choices(text).to_owned();
    let driver: Box<dyn Driver> = match url.scheme() {
        "fastly" => {
            let token = secrets.fastly.clone().ok_or_else(|| invalid("set FASTLY_API_TOKEN in the environment"))?;
            let api = choices.api("https://api.fastly.com")?;
            Box::new(Fastly::new(to, name(host)?, api, token)?)
        }
        "cloudflare" => {
            let token = secrets.cloudflare.clone();
            let token = token.ok_or_else(|| invalid("set CLOUDFLARE_API_TOKEN in the environment"))?;
            let api = choices.api("https://api.cloudflare.com/client/v4")?;
            let files = match choices.0.remove("by").as_deref() {
                None | Some("tags") => None,
                Some("files") if public_base.is_empty() => return Err(invalid("by=files needs --public-base-url")),
                Some("files") => Some(public_base.to_owned()),
                Some(_) => return Err(invalid("`by` is tags or files")),
            };
            Box::new(Cloudflare::new(to, name(host)?, api, token, files)?)
        }
        "cloudfront" => {
            let keys = secrets.aws.clone();
            let keys =
                keys.ok_or_else(|| invalid("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"))?;
            let api = choices.api("https://cloudfront.amazonaws.com")?;
            Box::new(CloudFront::new(to, name(host)?, &api, choices.path()?, keys)?)
        }
        scheme @ ("varnish+xkey" | "ban" | "purge") => {
            let way = match scheme {
                "varnish+xkey" => Way::Xkey,
                "ban" => Way::Ban,
                _ => Way::Purge { path: choices.path()? },
            };
            let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            Box::new(OwnCache::new(to, &authority, way)?)
        }
        _ => return Err(Error::Invalid(format!("it must be {KINDS}"))),
    };
    match choices.0.keys().next() {
        Some(unknown) => Err(Error::Invalid(format!("it knows no choice `{unknown}`"))),
        None => Ok(driver),
    }
}

/// What stands behind the `?`, without what was looked at.
struct Choices(BTreeMap<String, String>);

impl Choices {
    fn api(&mut self, usual: &str) -> Result<String, Error> {
        let api = self.0.remove("api").unwrap_or_else(|| usual.to_owned());
        let is_url = Url::parse(&api).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_url || api.ends_with('/') {
            return Err(Error::Invalid("`api` must be http(s)://HOST without a / at the end".to_owned()));
        }
        Ok(api)
    }

    fn path(&mut self) -> Result<String, Error> {
        let path = self.0.remove("path").unwrap_or_else(|| PATH.to_owned());
        let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
        if !path.starts_with('/') || !path.ends_with('/') || !is_plain {
            return Err(Error::Invalid("`path` must be as in /api/images/".to_owned()));
        }
        Ok(path)
    }
}

fn without_choices(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// The name of a service, zone or distribution, as a segment of a path.
fn name(host: &str) -> Result<&str, Error> {
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_name { Ok(host) } else { Err(Error::Invalid("its id has letters and digits only".to_owned())) }
}

/// The URI of a request.
fn uri(text: &str) -> Result<Uri, Error> {
    text.parse().ok().ok_or_else(|| Error::Invalid(format!("`{text}` is no URL")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets { fastly: Secret::new("f"), cloudflare: Secret::new("c"), aws: AwsKeys::new("id", "secret", None) }
    }

    fn kinds(urls: &[&str], secrets: &Secrets, base: &str) -> Result<Vec<&'static str>, String> {
        let urls: Vec<String> = urls.iter().map(|&url| url.to_owned()).collect();
        let drivers = of(&urls, secrets, base).map_err(|error| error.to_string())?;
        Ok(drivers.iter().map(|driver| driver.kind()).collect())
    }

    #[test]
    fn each_kind_has_its_scheme() {
        let urls = [
            "fastly://SU1Z0isxPaozGVKXdv0eY",
            "cloudflare://023e105f4ecef8ad9ca31a8372d0c353?by=files",
            "cloudfront://EDFDVBD6EXAMPLE?path=/img/",
            "varnish+xkey://127.0.0.1:6081",
            "ban://[::1]:80",
            "purge://cache.internal?path=/img/",
        ];
        let all = kinds(&urls, &secrets(), "https://cdn.example.com");
        assert_eq!(all.unwrap(), ["fastly", "cloudflare", "cloudfront", "varnish+xkey", "ban", "purge"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right_and_without_a_token() {
        let refused = |url: &str, secrets: &Secrets| kinds(&[url], secrets, "").unwrap_err();
        let none = Secrets::default();
        assert!(refused("fastly://s", &none).contains("FASTLY_API_TOKEN"));
        assert!(refused("cloudflare://z", &none).contains("CLOUDFLARE_API_TOKEN"));
        assert!(refused("cloudfront://d", &none).contains("AWS_ACCESS_KEY_ID"));
        assert!(refused("cloudflare://z?by=files", &secrets()).contains("--public-base-url"));
        assert!(refused("cloudflare://z?by=magic", &secrets()).contains("tags or files"));
        assert!(refused("fastly://s?color=1", &secrets()).contains("`color`"));
        assert!(refused("fastly://s?api=ftp://x", &secrets()).contains("`api`"));
        assert!(refused("purge://h?path=img", &secrets()).contains("`path`"));
        for wrong in ["fastly", "akamai://x", "fastly://", "fastly://a.b", "fastly://s/t", "https://x"] {
            assert!(!refused(wrong, &secrets()).is_empty(), "{wrong}");
        }
        let secret = refused("fastly://user:hunter2@s", &secrets());
        assert!(secret.contains("tokens come from the environment"), "{secret}");
        assert!(kinds(&["ban://a", "ban://a"], &secrets(), "").unwrap_err().contains("twice"));
    }
}
