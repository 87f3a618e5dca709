//! The address of an upstream, as an operator writes it: `http://HOST[:PORT]` or `https://HOST[:PORT]`.
//!
//! No path (a request brings its own) and no user name or password (nothing would be sent of them, and addresses are
//! shown in logs and statistics).

use std::fmt;

use http::Uri;
use http::uri::{Authority, InvalidUriParts, Parts, PathAndQuery, Scheme};

use crate::Error;

/// A server's scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the text is anything but that, saying what to write.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        if text.contains('@') {
            // Not repeated in the message: it may hold a password.
            let reason = "an upstream's address must not have a user name or password; write http://HOST:PORT";
            return Err(Error::Invalid(reason.to_owned()));
        }
        let refuse = |reason: &str| {
            Error::Invalid(format!("the upstream `{text}` {reason}; write http://HOST:PORT or https://HOST:PORT"))
        };
        let uri: Uri = text.parse().ok().ok_or_else(|| refuse("is not a URL"))?;
        let scheme = uri.scheme().filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme)).cloned();
        let scheme = scheme.ok_or_else(|| refuse("must begin with http:// or https://"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refuse("must not have a path"));
        }
        match uri.authority() {
            Some(authority) if !authority.host().is_empty() => Ok(Self { scheme, authority: authority.clone() }),
            _ => Err(refuse("has no host")),
        }
    }

    /// The host and port, as `Host` has them.
    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The URI of a path and query on this server.
    ///
    /// # Errors
    /// Where the path does not begin with a slash.
    pub(super) fn uri(&self, path: Option<PathAndQuery>) -> Result<Uri, InvalidUriParts> {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.unwrap_or(PathAndQuery::from_static("/")));
        Uri::from_parts(parts)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_port() {
        for good in ["http://localhost:8000", "http://10.0.0.1", "http://[::1]:8000", "https://a.example:8443"] {
            let address = Address::parse(good).unwrap();
            assert_eq!(address.to_string(), good);
            assert_eq!(address.uri(None).unwrap().to_string(), format!("{good}/"));
        }
        assert_eq!(Address::parse("http://[::1]:8000/").unwrap().authority(), "[::1]:8000");
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for bad in ["", "localhost:8000", "ftp://x", "http://", "http://x/images", "https://x?y", "http://:80"] {
            let error = Address::parse(bad).unwrap_err().to_string();
            assert!(error.contains("write http://HOST:PORT or https://HOST:PORT"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let error = Address::parse("https://me:secret@x").unwrap_err().to_string();
        assert!(error.contains("must not have a user name") && !error.contains("secret"), "{error}");
    }
}
