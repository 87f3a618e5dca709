//! Why an exchange with an upstream brought no answer, and what follows from it.

use std::error::Error as StdError;
use std::io;

use hyper_util::client::legacy;
use rustls::{CertificateError, Error as TlsError};

use super::dial::Answered;

/// An exchange without an answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection came about: nothing was sent.
    Connect(String),
    /// The connection was closed before the whole header of an answer had come.
    Closed {
        /// Whether an earlier answer had come over it: then it may simply have been idle for too long.
        reused: bool,
        /// What the client said.
        message: String,
    },
    /// No answer came in time.
    Timeout,
    /// What came is no HTTP.
    Nonsense(String),
    /// The request itself is at fault: the client's body broke off.
    Request(String),
}

impl Failure {
    /// What an error of the client means.
    pub(super) fn of(error: &legacy::Error) -> Self {
        let message = with_causes(error);
        if error.is_connect() {
            return Self::Connect(with_advice(error, message));
        }
        match causes(error).find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
            // Asked first: the cause of a body that broke off is a connection that was closed, but the client's.
            Some(http) if http.is_user() => return Self::Request(message),
            Some(http) if http.is_parse() => return Self::Nonsense(message),
            _ if !closed(error) => return Self::Nonsense(message),
            _ => {}
        }
        let mut extras = http::Extensions::new();
        if let Some(connection) = error.connect_info() {
            connection.get_extras(&mut extras);
        }
        Self::Closed { reused: extras.get::<Answered>().is_some_and(Answered::is_noted), message }
    }

    /// Whether a request that may be repeated may be sent again at once.
    pub(super) fn may_be_retried(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Closed { .. })
    }

    /// Whether the connection was closed for having been idle, as far as one can tell.
    pub(super) fn was_idle(&self) -> bool {
        matches!(self, Self::Closed { reused: true, .. })
    }

    /// Whether it speaks against the server.
    pub(super) fn blames_the_server(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Timeout | Self::Nonsense(_) | Self::Closed { reused: false, .. } => true,
            Self::Closed { reused: true, .. } | Self::Request(_) => false,
        }
    }

    /// What the caller of the pool is told.
    pub(super) fn told_of(self, server: &str) -> orbit_cache::Error {
        match self {
            Self::Timeout => orbit_cache::Error::Timeout,
            Self::Connect(message)
            | Self::Closed { message, .. }
            | Self::Nonsense(message)
            | Self::Request(message) => orbit_cache::Error::Unavailable(format!("{server}: {message}")),
        }
    }
}

/// An error's message with those of its causes, which is where a client error says what went wrong.
fn with_causes(error: &dyn StdError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

/// Says what to do where a server's certificate is of an authority that nobody has named.
fn with_advice(error: &legacy::Error, message: String) -> String {
    let unknown = |error: &TlsError| matches!(error, TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
    match causes(error).any(|cause| tls_error(cause).is_some_and(unknown)) {
        true => format!("{message}; if its certificate is of an authority of your own, name that one's PEM file as CA"),
        false => message,
    }
}

/// Whether a connection ended under an exchange.
fn closed(error: &legacy::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    let gone = [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof];
    causes(error).any(|cause| {
        let http = cause.downcast_ref::<hyper::Error>();
        let io = cause.downcast_ref::<io::Error>();
        http.is_some_and(|error| error.is_canceled() || error.is_closed() || error.is_incomplete_message())
            || io.is_some_and(|error| gone.contains(&error.kind()))
    })
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// The TLS error in an error: an I/O error may be around it, and another around that.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    if let Some(error) = error.downcast_ref::<TlsError>() {
        return Some(error);
    }
    tls_error(error.downcast_ref::<io::Error>()?.get_ref()?)
}
