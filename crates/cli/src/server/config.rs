//! How a server listens and what it puts up with.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::tls::Files;

/// Where and how to listen.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Port 0 takes a free one.
    pub(crate) address: SocketAddr,
    /// Threads that answer requests; 0 takes one a core.
    pub(crate) threads: usize,
    /// HTTPS, if there is a certificate.
    pub(crate) tls: Option<Files>,
    pub(crate) limits: Limits,
}

/// What clients may ask for. None of it is ever without an end.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections at once; `None` takes as many as the process's open files allow.
    pub(crate) connections: Option<usize>,
    /// The bytes of a request's header.
    pub(crate) header_bytes: usize,
    /// From a connection's beginning, or a later header's, to the header's end. The TLS handshake has as long before.
    pub(crate) header_timeout: Duration,
    /// From the end of one request to the beginning of the next; by HTTP/2 to that of the first as well.
    pub(crate) idle_timeout: Duration,
    /// How long a client may take nothing of an answer, or give nothing of a request's body.
    pub(crate) stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Plain HTTP at an address, with the usual limits.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, threads: 0, tls: None, limits: Limits::default() }
    }

    /// Refuses what makes no sense, by the setting's name.
    pub(super) fn validate(&self) -> Result<()> {
        let Limits { connections, header_bytes, header_timeout, idle_timeout, stall_timeout } = &self.limits;
        ensure!(*connections != Some(0), "--max-connections must be at least 1");
        ensure!(*header_bytes >= 1024, "--max-header-bytes must be at least 1KiB: browsers send about that much");
        for (name, time) in [("header", header_timeout), ("idle", idle_timeout), ("stall", stall_timeout)] {
            ensure!(!time.is_zero(), "--{name}-timeout must be longer than 0");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_nothing_fits_into_is_refused_by_name() {
        let with = |change: fn(&mut Limits)| {
            let mut config = Config::at(([127, 0, 0, 1], 0).into());
            change(&mut config.limits);
            config.validate().map_err(|error| error.to_string())
        };
        assert!(with(|_| ()).is_ok());
        assert!(with(|limits| limits.connections = Some(0)).unwrap_err().contains("--max-connections"));
        assert!(with(|limits| limits.header_bytes = 10).unwrap_err().contains("--max-header-bytes"));
        assert!(with(|limits| limits.stall_timeout = Duration::ZERO).unwrap_err().contains("--stall-timeout"));
    }
}
