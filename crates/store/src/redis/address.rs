//! Where Redis is: `REDIS_URL` read, and how a link to it is made.
//!
//! Of the forms, `redis://`, `rediss://` and `unix://` name one server. `redis+cluster://` and `redis+sentinel://` (with
//! `rediss` for TLS) name several with commas between them; a user and a password before `@` are those of the servers,
//! and a sentinel's path begins with the name of its master.

use std::fmt;
use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisResult, TlsMode};

use super::link::Link;
use crate::Error;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// One of the ways to reach Redis; its `Debug` tells no password.
#[derive(Clone)]
pub(super) enum Address {
    One(Client),
    Cluster(Vec<String>),
    Sentinel { sentinels: Vec<String>, master: String, server: SentinelNodeConnectionInfo },
}

impl Address {
    /// Reads a URL; nothing is connected to.
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let url = url.trim();
        let Some((scheme, rest)) = url.split_once("://") else { return Err(invalid("it has no scheme")) };
        let plain = if scheme.starts_with("rediss") || scheme.starts_with("valkeys") { "rediss" } else { "redis" };
        match scheme {
            "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => {
                Client::open(url).map(Self::One).map_err(|error| refused(&error))
            }
            "redis+cluster" | "rediss+cluster" | "valkey+cluster" | "valkeys+cluster" => {
                let parts = Parts::split(rest)?;
                if parts.path.trim_matches('/').chars().any(|it| it != '0') {
                    return Err(invalid("a cluster has the database 0 alone"));
                }
                let nodes: Vec<String> = parts.servers(plain, parts.user).collect();
                ClusterClient::new(nodes.iter().map(String::as_str)).map_err(|error| refused(&error))?;
                Ok(Self::Cluster(nodes))
            }
            "redis+sentinel" | "rediss+sentinel" | "valkey+sentinel" | "valkeys+sentinel" => {
                Self::behind_sentinels(plain, &Parts::split(rest)?)
            }
            _ => Err(invalid(
                "its scheme must be redis, rediss, unix, redis+cluster, rediss+cluster, redis+sentinel or rediss+sentinel",
            )),
        }
    }

    fn behind_sentinels(plain: &str, parts: &Parts<'_>) -> Result<Self, Error> {
        let (master, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
        if master.is_empty() {
            return Err(invalid(
                "behind its sentinels stands the name of their master, as in redis+sentinel://a,b/master",
            ));
        }
        // Read as that of a server, for its user, password and database alone.
        let as_server = format!("{plain}://{}localhost/{database}", parts.user);
        let settings = as_server.as_str().into_connection_info().map_err(|error| refused(&error))?;
        let mut server =
            SentinelNodeConnectionInfo::default().set_redis_connection_info(settings.redis_settings().clone());
        if plain == "rediss" {
            server = server.set_tls_mode(TlsMode::Secure);
        }
        let address =
            Self::Sentinel { sentinels: parts.servers(plain, "").collect(), master: master.to_owned(), server };
        address.sentinel().map_err(|error| refused(&error))?;
        Ok(address)
    }

    /// Whether keys are spread over several servers.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Makes a link on which an answer may take `patience`; what drives it is spawned on the runtime that this runs on.
    pub(super) async fn connect(&self, patience: Duration) -> RedisResult<Link> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(patience));
        match self {
            Self::One(client) => {
                client.get_multiplexed_async_connection_with_config(&config).await.map(|link| Link::One(Box::new(link)))
            }
            Self::Cluster(nodes) => {
                let client = ClusterClient::builder(nodes.iter().map(String::as_str))
                    .connection_timeout(CONNECT_TIMEOUT)
                    .response_timeout(patience)
                    .retries(2)
                    .build()?;
                client.get_async_connection().await.map(Link::Cluster)
            }
            Self::Sentinel { .. } => {
                let link = self.sentinel()?.get_async_connection_with_config(&config).await?;
                Ok(Link::One(Box::new(link)))
            }
        }
    }

    fn sentinel(&self) -> RedisResult<SentinelClient> {
        let (sentinels, master, server) = match self {
            Self::Sentinel { sentinels, master, server } => (sentinels.clone(), master.as_str(), server.clone()),
            // Nobody asks these; an empty list is refused.
            Self::One(_) | Self::Cluster(_) => (Vec::new(), "", SentinelNodeConnectionInfo::default()),
        };
        SentinelClient::build(sentinels, master, Some(server), SentinelServerType::Master)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(_) => "One",
            Self::Cluster(_) => "Cluster",
            Self::Sentinel { .. } => "Sentinel",
        })
    }
}

/// What stands behind `://` where there are several servers.
struct Parts<'a> {
    /// With its `@`, or empty.
    user: &'a str,
    hosts: &'a str,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn split(rest: &'a str) -> Result<Self, Error> {
        // A password holds neither `/` nor `@` but as `%2F` and `%40`.
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        if hosts.split(',').any(|host| host.trim().is_empty()) {
            return Err(invalid("it must name servers with commas between them, as in a:6379,b:6379"));
        }
        Ok(Self { user, hosts, path })
    }

    fn servers(&self, scheme: &str, user: &str) -> impl Iterator<Item = String> {
        self.hosts.split(',').map(move |host| format!("{scheme}://{user}{}", host.trim()))
    }
}

fn refused(error: &redis::RedisError) -> Error {
    invalid(&error.to_string())
}

fn invalid(reason: &str) -> Error {
    Error::Invalid(format!("REDIS_URL is no address of a Redis: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        for (url, is_cluster) in [
            ("redis://127.0.0.1", false),
            ("redis://user:p%40ss@cache.example.com:6380/2", false),
            ("rediss://:pass@cache.example.com", false),
            ("unix:///run/redis.sock", false),
            ("redis+cluster://a:1,b:2,c:3", true),
            ("rediss+cluster://user:pass@a,b/0", true),
            ("redis+sentinel://a:26379,b:26379/master", false),
            ("rediss+sentinel://:pass@a/master/3", false),
        ] {
            let address = Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(address.is_cluster(), is_cluster, "{url}");
            assert!(!format!("{address:?}").contains("pass"), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason_and_without_the_password() {
        for url in [
            "",
            "localhost:6379",
            "http://a",
            "redis+cluster://",
            "redis+cluster://a,,b",
            "redis+cluster://a/1",
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+sentinel:///master",
            "redis://:secret@a:port",
        ] {
            let error = Address::parse(url).map(|_| ()).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)), "{url}");
            assert!(error.to_string().starts_with("REDIS_URL") && !error.to_string().contains("secret"), "{error}");
        }
    }
}
