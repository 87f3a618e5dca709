//! Large files in parts, so that a slow line or a broken one costs a part and not the whole.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, Result};

/// What is larger than this goes in parts of this size; S3 takes no smaller ones than 5 MiB.
pub(super) const PART_BYTES: usize = 8 << 20;
/// Parts under way at once.
const AT_ONCE: usize = 4;

/// Writes a file in parts; it is there with the last step, or not at all.
pub(super) async fn put(bucket: &dyn ObjectStore, key: &Path, bytes: Bytes) -> Result<()> {
    let mut upload = bucket.put_multipart(key).await?;
    let starts = (0..bytes.len()).step_by(PART_BYTES);
    let parts: Vec<_> =
        starts.map(|start| upload.put_part(bytes.slice(start..bytes.len().min(start + PART_BYTES)).into())).collect();
    let written = stream::iter(parts).buffer_unordered(AT_ONCE).try_collect::<()>().await;
    let ended = match written {
        Ok(()) => upload.complete().await.map(|_| ()),
        Err(error) => Err(error),
    };
    if ended.is_err() {
        // The first error is the one to report; parts that stay are for the bucket's own rule on unfinished uploads.
        let _ = upload.abort().await;
    }
    ended
}
