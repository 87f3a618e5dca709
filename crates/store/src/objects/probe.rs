//! Whether a bucket keeps the conditions on writes that the safety of several writers rests on.
//!
//! A server that does not know `If-None-Match` or `If-Match` does not say so: it writes. So each is tried on an object of its
//! own, once at the start.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error as Fault, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutResult, UpdateVersion};

use super::fault;
use crate::Error;

/// Tries both conditions and removes what that wrote.
pub(super) async fn conditions(bucket: &dyn ObjectStore, key: &Path) -> Result<(), Error> {
    let outcome = attempt(bucket, key).await;
    // What stays after a failure is one tiny object.
    let _ = bucket.delete(key).await;
    outcome
}

async fn attempt(bucket: &dyn ObjectStore, key: &Path) -> Result<(), Error> {
    let put = async |text: &'static str, mode: PutMode| -> Result<PutResult, Fault> {
        bucket.put_opts(key, Bytes::from_static(text.as_bytes()).into(), PutOptions::from(mode)).await
    };
    let first = put("first", PutMode::Create).await.map_err(refused)?;
    if !matches!(put("second", PutMode::Create).await, Err(Fault::AlreadyExists { .. })) {
        return Err(passed_over("If-None-Match"));
    }
    let seen = UpdateVersion { e_tag: first.e_tag, version: first.version };
    put("third", PutMode::Update(seen.clone())).await.map_err(refused)?;
    match put("fourth", PutMode::Update(seen)).await {
        Err(Fault::Precondition { .. } | Fault::NotModified { .. }) => Ok(()),
        _ => Err(passed_over("If-Match")),
    }
}

fn passed_over(condition: &str) -> Error {
    Error::Invalid(format!(
        "the bucket passes over the condition {condition} on writes, so several writers would lose each other's changes; use \
         a store that keeps it"
    ))
}

/// What an operator can do about a first write that fails.
fn refused(error: Fault) -> Error {
    match error {
        Fault::NotFound { .. } => Error::Invalid("there is no such bucket; make it first".to_owned()),
        Fault::PermissionDenied { .. } | Fault::Unauthenticated { .. } => {
            Error::Invalid("the bucket refuses to be written with these credentials".to_owned())
        }
        Fault::NotImplemented { .. } | Fault::NotSupported { .. } => passed_over("If-Match"),
        error => fault(error),
    }
}
