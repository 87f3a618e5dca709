//! `Cache-Status`, the header by which a cache says how it handled a request (RFC 9211).
//!
//! The edge fills in a [`CacheStatus`] once a request and appends it; members of caches further up are kept before it.

use std::fmt;

/// Why a request went on to the upstream (RFC 9211 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Forward {
    /// The cache was told not to handle this request.
    Bypass,
    /// The method is not one that the cache answers.
    Method,
    /// Nothing is stored under the URI.
    UriMiss,
    /// What is stored under the URI answers other requests.
    VaryMiss,
    /// The request asked for it.
    Request,
    /// What is stored is stale.
    Stale,
}

impl Forward {
    /// The token of RFC 9211.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

/// One member of a `Cache-Status` list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Why the request was forwarded; `None` is a hit.
    pub forward: Option<Forward>,
    /// The status that the upstream answered.
    pub forward_status: Option<u16>,
    /// Seconds of freshness left; negative once stale.
    pub ttl_seconds: Option<i64>,
    /// The response was stored by this cache.
    pub stored: bool,
    /// The request shared another's fetch.
    pub collapsed: bool,
    /// The tier that answered, or another short token.
    pub detail: Option<&'static str>,
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("orbit-edge")?;
        match self.forward {
            None => f.write_str("; hit")?,
            Some(reason) => write!(f, "; fwd={}", reason.as_str())?,
        }
        if let Some(status) = self.forward_status {
            write!(f, "; fwd-status={status}")?;
        }
        if let Some(ttl) = self.ttl_seconds {
            write!(f, "; ttl={ttl}")?;
        }
        if self.stored {
            f.write_str("; stored")?;
        }
        if self.collapsed {
            f.write_str("; collapsed")?;
        }
        match self.detail {
            Some(detail) => write!(f, "; detail={detail}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_as_a_structured_field() {
        let hit = CacheStatus { ttl_seconds: Some(3500), detail: Some("memory"), ..CacheStatus::default() };
        assert_eq!(hit.to_string(), "orbit-edge; hit; ttl=3500; detail=memory");
        let miss = CacheStatus {
            forward: Some(Forward::UriMiss),
            forward_status: Some(200),
            stored: true,
            collapsed: true,
            ..CacheStatus::default()
        };
        assert_eq!(miss.to_string(), "orbit-edge; fwd=uri-miss; fwd-status=200; stored; collapsed");
    }
}
