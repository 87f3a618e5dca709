//! What may be fetched from: the public internet, and what the operator names.
//!
//! A URL is judged twice, as it is written and by the addresses of its name; what is refused is told without a word of what
//! was found there.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

use super::address::is_public;
use crate::Error;

/// A place that may be fetched from though it is not public: `HOST`, `HOST:PORT` or a network as in `10.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A name or an address as a URL writes it, at one port or at any.
    Host(Host, Option<u16>),
    Network(IpNet),
}

impl FromStr for Allowed {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(network) = text.parse() {
            return Ok(Self(Place::Network(network)));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(Place::Network(address.into())));
        }
        let explain = || {
            Error::Invalid(format!(
                "`{text}` is no place to fetch from: give HOST, HOST:PORT or a network as in 10.0.0.0/8"
            ))
        };
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, Some(port.parse().ok().ok_or_else(explain)?)),
            _ => (text, None),
        };
        if host.is_empty() || host.contains(['/', '@']) {
            return Err(explain());
        }
        Ok(Self(Place::Host(Host::parse(host).ok().ok_or_else(explain)?, port)))
    }
}

impl Allowed {
    /// The host and port of a URL; `None` where it has no host.
    pub(crate) fn origin_of(url: &Url) -> Option<Self> {
        Some(Self(Place::Host(url.host()?.to_owned(), url.port_or_known_default())))
    }

    fn names(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        let same_host = |name: &Host| match (name, host) {
            (Host::Domain(name), Host::Domain(host)) => name == host,
            (Host::Ipv4(name), Host::Ipv4(host)) => name == host,
            (Host::Ipv6(name), Host::Ipv6(host)) => name == host,
            _ => false,
        };
        match &self.0 {
            Place::Host(name, at) => same_host(name) && at.is_none_or(|at| Some(at) == port),
            Place::Network(network) => match host {
                Host::Domain(_) => false,
                Host::Ipv4(address) => network.contains(&IpAddr::V4(*address)),
                Host::Ipv6(address) => network.contains(&IpAddr::V6(*address)),
            },
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        matches!(&self.0, Place::Network(network) if network.contains(&address))
    }
}

/// What may be fetched from beside the public internet.
#[derive(Debug, Clone)]
pub(super) struct Rules(pub(super) Vec<Allowed>);

impl Rules {
    /// Whether the operator has named a URL's host, or a network that its address is in.
    pub(super) fn names(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| self.0.iter().any(|place| place.names(&host, url.port_or_known_default())))
    }

    /// The addresses that may be dialled for a URL; never none.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it may not be fetched, [`Error::Unavailable`] where its name is unknown.
    pub(super) async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Error> {
        let (host, port) = self.check(url)?;
        let found: Vec<SocketAddr> = match host {
            Host::Ipv4(address) => vec![(address, port).into()],
            Host::Ipv6(address) => vec![(address, port).into()],
            Host::Domain(name) => {
                let unknown = |_| Error::Unavailable(format!("the URL's host `{name}` is not known"));
                tokio::net::lookup_host((name, port)).await.map_err(unknown)?.collect()
            }
        };
        self.filter(url, found)
    }

    /// Of the addresses that a name has, those that may be dialled.
    fn filter(&self, url: &Url, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        if self.names(url) {
            return Ok(found);
        }
        let may =
            |address: &SocketAddr| is_public(address.ip()) || self.0.iter().any(|place| place.holds(address.ip()));
        let kept: Vec<_> = found.into_iter().filter(may).collect();
        if kept.is_empty() { Err(inside()) } else { Ok(kept) }
    }

    /// Judges a URL as it is written; no name is looked up for one that is refused here.
    fn check<'a>(&self, url: &'a Url) -> Result<(Host<&'a str>, u16), Error> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::Invalid("only URLs that begin with http:// or https:// are fetched".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Invalid("a URL that is fetched may have no user and no password in it".to_owned()));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Error::Invalid("the URL names no host".to_owned()));
        };
        let named = self.names(url);
        match host {
            Host::Domain(name) if name.ends_with('.') => {
                Err(Error::Invalid("write the URL's host without a dot at its end".to_owned()))
            }
            Host::Domain(name) if !named && is_local(name) => Err(inside()),
            Host::Ipv4(address) => self.filter(url, vec![(address, port).into()]).map(|_| (host, port)),
            Host::Ipv6(address) => self.filter(url, vec![(address, port).into()]).map(|_| (host, port)),
            Host::Domain(_) => Ok((host, port)),
        }
    }
}

/// The one answer to everything that leads inside, so that it tells nothing of what there is.
fn inside() -> Error {
    Error::Invalid(
        "the URL leads to a host that nothing may be fetched from; --fetch-allow names exceptions".to_owned(),
    )
}

/// Names that mean this machine or its network whatever a resolver says (RFC 6761, RFC 8375, ICANN's `internal`).
fn is_local(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    matches!(last, "localhost" | "local" | "internal") || name == "home.arpa" || name.ends_with(".home.arpa")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str]) -> Rules {
        Rules(allow.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn check(allow: &[&str], url: &str) -> Result<(), String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        rules(allow).check(&url).map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_inside_is_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "127.1",
            "0",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "127.0.0.1.",
            "169.254.169.254",
            "[fd00::]",
            "[fe80::]",
            "100.64.0.1",
            "[2002:7f00:1::]",
            "[64:ff9b::7f00:1]",
            "metadata.google.internal",
            "printer.local",
            "１２７.0.0.1",
            "ⓛocalhost",
            "user@example.com",
            "user:password@example.com",
            "example.com@127.0.0.1",
            "example.com.",
        ] {
            for url in [format!("http://{host}/a.png"), format!("https://{host}:8443/a.png")] {
                check(&[], &url).expect_err(&url);
            }
        }
    }

    #[test]
    fn only_http_is_fetched() {
        for url in
            ["//evil", "\\\\evil", "data:image/png;base64,aGk", "file:///etc/passwd", "ftp://example.com/", "http://"]
        {
            check(&["0.0.0.0/0"], url).expect_err(url);
        }
        for url in ["http://example.com/a", "https://EXAMPLE.com:8443/a?b#c", "http://allowed.evil/"] {
            check(&[], url).expect(url);
        }
    }

    #[test]
    fn a_name_whose_addresses_are_inside_is_refused_and_of_a_mixed_one_the_public_are_left() {
        let url = Url::parse("http://rebound.example/").unwrap();
        let found = |all: &[&str]| all.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 80)).collect::<Vec<_>>();
        let (mixed, inside) = (found(&["10.0.0.1", "1.1.1.1", "::1"]), found(&["10.0.0.1", "::1"]));
        assert_eq!(rules(&[]).filter(&url, mixed.clone()).unwrap(), found(&["1.1.1.1"]));
        rules(&[]).filter(&url, inside.clone()).unwrap_err();
        assert_eq!(rules(&["10.0.0.0/8"]).filter(&url, inside).unwrap(), found(&["10.0.0.1"]));
        assert_eq!(rules(&["rebound.example"]).filter(&url, mixed.clone()).unwrap(), mixed);
    }

    #[test]
    fn what_the_operator_names_is_opened_and_nothing_beside_it() {
        check(&["127.0.0.0/8"], "http://127.0.0.1:9/").unwrap();
        check(&["127.0.0.1"], "http://2130706433/").unwrap();
        check(&["127.0.0.1"], "http://127.0.0.2/").unwrap_err();
        check(&["127.0.0.1:8188"], "http://127.0.0.1:8188/").unwrap();
        check(&["127.0.0.1:8188"], "http://127.0.0.1:8189/").unwrap_err();
        check(&["LocalHost"], "http://localhost:3000/").unwrap();
        check(&["[::1]:80"], "http://[::1]/").unwrap();
        check(&["::1"], "http://[::1]:81/").unwrap();
        check(&["localhost"], "http://evil.localhost/").unwrap_err();
        for text in ["", "a/b", "http://a", "a:b", "user@a", ":80", "10.0.0.0/33"] {
            text.parse::<Allowed>().expect_err(text);
        }
    }
}
