//! Why there is no response.

/// Why a request brought no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The upstream could not be reached, or broke off.
    #[error("the upstream is unavailable: {0}")]
    Unavailable(String),
    /// The upstream did not answer in time.
    #[error("the upstream did not answer in time")]
    Timeout,
    /// The request wants a stored response, and none may answer it (`only-if-cached`, RFC 9111 section 5.2.1.7).
    #[error("nothing is stored that may answer this request, and it asks for nothing else")]
    NotCached,
    /// A tier's folder cannot be used.
    #[error("{0}")]
    Invalid(String),
}
