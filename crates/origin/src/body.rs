//! Bodies of requests that are not uploads: bounded in size and in time (T-DOS-3), and those that nobody wants.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

use crate::{Error, Origin};

/// The largest body, in bytes.
const MAX_BYTES: usize = 8 << 20;

/// How much of a refused body is read, in bytes, and for how long.
const MAX_DRAINED: u64 = 1 << 20;
const DRAIN_TIME: Duration = Duration::from_millis(200);

/// Reads the rest of a small body that is refused: a client that is still sending when the connection closes may never see
/// the answer that says why. A large one is broken off.
pub(crate) async fn drain(body: Body) {
    let size = body.size_hint();
    if size.lower() > MAX_DRAINED || body.is_end_stream() {
        return;
    }
    let limit = usize::try_from(MAX_DRAINED).unwrap_or(usize::MAX);
    let mut rest = Limited::new(body, limit);
    let reading = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Too slow or too much: the answer is given all the same.
    let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
}

impl Origin {
    /// Reads the body of a request as JSON; `what` names it in errors.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, request: Request, what: &str) -> Result<T, Error> {
        let body = self.read_bytes(request, what).await?;
        serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("{what}: {error}")))
    }

    /// The same where no body at all means the usual.
    pub(crate) async fn read_json_or_nothing<T>(&self, request: Request, what: &str) -> Result<T, Error>
    where
        T: DeserializeOwned + Default,
    {
        let body = self.read_bytes(request, what).await?;
        if body.is_empty() {
            return Ok(T::default());
        }
        serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("{what}: {error}")))
    }

    async fn read_bytes(&self, request: Request, what: &str) -> Result<Bytes, Error> {
        let reading = Limited::new(request.into_body(), MAX_BYTES).collect();
        match tokio::time::timeout(self.config().body_timeout, reading).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                Err(Error::TooLarge(format!("{what} may be at most {} MiB long", MAX_BYTES >> 20)))
            }
            Ok(Err(error)) => Err(Error::Invalid(format!("{what} broke off: {error}"))),
            Err(_) => Err(Error::Timeout),
        }
    }
}
