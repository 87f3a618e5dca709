//! What an operator may choose of a pool of upstreams: the image backend (`--upstream`) or the web app (`--app`).

use std::path::PathBuf;
use std::time::Duration;

use http::uri::PathAndQuery;

use super::address::Address;
use crate::Error;

/// Servers that give the same answers, and how they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstreams {
    /// Where they are: `http://HOST[:PORT]` or `https://HOST[:PORT]`, without a path. Requests go to each in turn.
    pub urls: Vec<String>,
    /// A PEM file with certificates of authorities that `https://` upstreams may have theirs from, beside the public ones.
    pub ca: Option<PathBuf>,
    /// The path that an upstream must answer with a status below 400 to be given requests; without one, any answer to
    /// `HEAD /` but 502, 503 and 504 will do.
    pub health_path: Option<String>,
    /// How often the upstreams are checked; zero never. A single one is checked only while it fails.
    pub health_interval: Duration,
    /// How long an upstream may take to begin its answer, once a request has no more body to send.
    pub timeout: Duration,
}

impl Default for Upstreams {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            ca: None,
            health_path: None,
            health_interval: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }
}

impl Upstreams {
    /// One server with the default settings.
    #[must_use]
    pub fn one(url: &str) -> Self {
        Self { urls: vec![url.to_owned()], ..Self::default() }
    }

    /// Checks that the settings make sense together.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting and what it must be.
    pub fn validate(&self) -> Result<(), Error> {
        if self.timeout.is_zero() {
            return Err(Error::Invalid("the upstream timeout must be longer than 0".to_owned()));
        }
        if let Some(path) = &self.health_path
            && (!path.starts_with('/') || path.parse::<PathAndQuery>().is_err())
        {
            return Err(Error::Invalid(format!("the health path `{path}` must be a path, as in /healthz")));
        }
        self.addresses().map(drop)
    }

    /// The addresses, each of them once and at least one.
    pub(super) fn addresses(&self) -> Result<Vec<Address>, Error> {
        if self.urls.is_empty() {
            return Err(Error::Invalid("name at least one upstream, as in http://HOST:PORT".to_owned()));
        }
        let mut addresses: Vec<Address> = Vec::with_capacity(self.urls.len());
        for url in &self.urls {
            let address = Address::parse(url)?;
            if addresses.contains(&address) {
                return Err(Error::Invalid(format!("the upstream {address} is named twice; name each once")));
            }
            addresses.push(address);
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let one = || Upstreams::one("http://a");
        let twice = ["http://a:1", "http://A:1/"].map(str::to_owned).to_vec();
        for (settings, word) in [
            (Upstreams::default(), "at least one upstream"),
            (Upstreams { urls: twice, ..one() }, "named twice"),
            (Upstreams::one("a.example"), "must begin with http://"),
            (Upstreams { timeout: Duration::ZERO, ..one() }, "timeout"),
            (Upstreams { health_path: Some("healthz".to_owned()), ..one() }, "health path `healthz`"),
            (Upstreams { health_path: Some("/a b".to_owned()), ..one() }, "health path `/a b`"),
        ] {
            let error = settings.validate().unwrap_err().to_string();
            assert!(error.contains(word), "{word}: {error}");
        }
        let good =
            Upstreams { health_path: Some("/healthz?deep".to_owned()), health_interval: Duration::ZERO, ..one() };
        assert!(good.validate().is_ok());
    }
}
