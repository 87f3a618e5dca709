//! Flags of CDNs: which there are, what they are told, and what they need to obey.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use orbit_origin::cdn::{AwsKeys, Config, Secret, Secrets};

/// Caches of others in front of the edges.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "CDN")]
#[group(skip)]
pub(crate) struct Cdn {
    /// A CDN that is told of purges: fastly://SERVICE_ID, cloudflare://ZONE_ID, cloudfront://DISTRIBUTION_ID, varnish+xkey://HOST:PORT,
    /// ban://HOST:PORT or purge://HOST:PORT; more than one by repeating it. Tokens are FASTLY_API_TOKEN, CLOUDFLARE_API_TOKEN, AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY
    #[arg(long = "cdn", env = "ORBIT_CDN", value_delimiter = ',', value_name = "URL")]
    pub(crate) cdns: Vec<String>,
    /// How long caches that act for the origin may keep images: CDN-Cache-Control and s-maxage; without it as long as browsers, an hour
    #[arg(long, env = "ORBIT_CDN_MAX_AGE", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) cdn_max_age: Option<Duration>,
    /// How long a purge waits for CDNs to confirm; what takes longer goes on behind
    #[arg(long, env = "ORBIT_CDN_WAIT", default_value = "5s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) cdn_wait: Duration,
    /// How long after its confirmation a CDN is told of a purge once more, for what was on its way into it meanwhile; 0s never
    #[arg(long, env = "ORBIT_CDN_REPEAT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) cdn_repeat: Duration,
}

impl Cdn {
    /// What the origin is to know of them; the tokens are those of the environment.
    pub(crate) fn config(&self, public_base_url: &str) -> Result<Config> {
        let aws = match (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?) {
            (Some(id), Some(secret)) => AwsKeys::new(&id, &secret, variable("AWS_SESSION_TOKEN")?.as_deref()),
            _ => None,
        };
        let secret = |name| -> Result<Option<Secret>> { Ok(variable(name)?.as_deref().and_then(Secret::new)) };
        Ok(Config {
            urls: self.cdns.clone(),
            secrets: Secrets { fastly: secret("FASTLY_API_TOKEN")?, cloudflare: secret("CLOUDFLARE_API_TOKEN")?, aws },
            public_base_url: public_base_url.to_owned(),
            wait: self.cdn_wait,
            again_after: self.cdn_repeat,
        })
    }
}

fn variable(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{name} is no token: it is no text"),
    }
}
