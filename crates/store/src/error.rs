//! What can go wrong with the truth, named by what a caller can do about it.
//!
//! `Display` is fit for the public: it holds no path and no SQL. Those are in the error's source, for the log.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing has that name.
    #[error("there is no such image")]
    NotFound,
    /// Something else has that name, or it changed in the meantime.
    #[error("{0}")]
    Conflict(String),
    /// The request contradicts itself, or the store was made by another release.
    #[error("{0}")]
    Invalid(String),
    /// What is stored is damaged.
    #[error("{what} is damaged: {reason}")]
    Corrupt {
        /// What is damaged, as in "the manifest of fox".
        what: String,
        /// How it shows, and what to do where something can be done.
        reason: String,
    },
    /// Another process or a crowd is at it; try again later.
    #[error("{0}")]
    Busy(String),
    /// A server that keeps what all nodes share does not answer; what was asked for needs it. Try again soon.
    #[error("{0}")]
    Unavailable(String),
    /// The disk or the quota is full.
    #[error("no space is left for images; free some or purge images")]
    Full(#[source] Source),
    /// The disk, the index or the process failed.
    #[error("the store failed; its log says why")]
    Internal(#[source] Source),
}

type Source = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    pub(crate) fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }

    pub(crate) fn corrupt(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), reason: reason.into() }
    }
}

/// An I/O error with what was tried on which path.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
struct At {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Adds the action and the path to an I/O error, and tells a full disk from other failures.
pub(crate) fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| {
        let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let source = Box::new(At { action, path: path.to_owned(), source });
        if full { Error::Full(source) } else { Error::Internal(source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures_and_paths_stay_private() {
        let path = Path::new("/secret/place");
        let full = at("write", path)(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, Error::Full(_)));
        let other = at("write", path)(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(matches!(other, Error::Internal(_)));
        for error in [full, other] {
            assert!(!error.to_string().contains("secret"));
            assert!(std::error::Error::source(&error).unwrap().to_string().contains("cannot write /secret/place"));
        }
    }
}
