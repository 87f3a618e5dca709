//! JSON bodies of requests that are not uploads: bounded in size and in time (T-DOS-3).

use axum::extract::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

use crate::{Error, Origin};

/// The largest body, in bytes.
const MAX_BYTES: usize = 8 << 20;

impl Origin {
    /// Reads the body of a request as JSON; `what` names it in errors.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, request: Request, what: &str) -> Result<T, Error> {
        let reading = Limited::new(request.into_body(), MAX_BYTES).collect();
        let body: Bytes = match tokio::time::timeout(self.config().body_timeout, reading).await {
            Ok(Ok(collected)) => collected.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(Error::TooLarge(format!("{what} may be at most {} MiB long", MAX_BYTES >> 20)));
            }
            Ok(Err(error)) => return Err(Error::Invalid(format!("{what} broke off: {error}"))),
            Err(_) => return Err(Error::Timeout),
        };
        serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("{what}: {error}")))
    }
}
