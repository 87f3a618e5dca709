//! Where images are kept: in the data folder, or at a URL.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use orbit_store::redis::{Connection, SharedIndex};
use orbit_store::{BlobStore, FileSystem, ImageIndex, Objects, Store};

use crate::clock::SystemClock;

/// What the options of a cloud begin with.
const CLOUDS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Opens the store and mends what a crash left behind.
///
/// With a Redis, the index is there, and the data folder has what this node owes to it.
pub(crate) async fn open(data_dir: &Path, blobs: Option<&str>, redis: Option<&Connection>) -> Result<Store> {
    let explain = || format!("the data folder {}", data_dir.display());
    let store = match (blobs, redis) {
        (None, None) => Store::open(data_dir).await.with_context(explain)?,
        (Some(url), None) => Store::beside(data_dir, open_blobs(url).await?).await.with_context(explain)?,
        (None, Some(redis)) => {
            let blobs: Arc<dyn BlobStore> = Arc::new(FileSystem::open(data_dir).await.with_context(explain)?);
            let index = shared_index(redis, data_dir, Arc::clone(&blobs)).await.with_context(explain)?;
            Store::new(blobs, index)
        }
        (Some(url), Some(redis)) => {
            let open = |blobs| shared_index(redis, data_dir, blobs);
            Store::with_index(data_dir, open_blobs(url).await?, open).await.with_context(explain)?
        }
    };
    let recovered = store.recover().await.with_context(explain)?;
    if recovered.kept + recovered.removed > 0 {
        tracing::warn!(kept = recovered.kept, removed = recovered.removed, "mended what the last run left unfinished");
    }
    for id in &recovered.corrupt {
        tracing::error!(%id, "this image's manifest cannot be read; purge the image or restore its folder");
    }
    Ok(store)
}

/// The index in Redis, with its notes in the data folder, which is locked already.
async fn shared_index(
    redis: &Connection,
    data_dir: &Path,
    blobs: Arc<dyn BlobStore>,
) -> Result<Arc<dyn ImageIndex>, orbit_store::Error> {
    Ok(Arc::new(SharedIndex::open(redis.clone(), blobs, &data_dir.join("owed.sqlite")).await?))
}

/// Opens what a URL names; options of clouds come from the environment, under the names that their own tools use.
pub(crate) async fn open_blobs(url: &str) -> Result<Arc<dyn BlobStore>> {
    if let Some(folder) = folder_of(url)? {
        let blobs = FileSystem::open(&folder).await.with_context(|| format!("the folder {}", folder.display()))?;
        return Ok(Arc::new(blobs));
    }
    let named =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let options: Vec<_> = named.filter(|(name, _)| CLOUDS.iter().any(|cloud| name.starts_with(cloud))).collect();
    let blobs = Objects::open(url, &options, Arc::new(SystemClock)).await;
    Ok(Arc::new(blobs.with_context(|| format!("--blobs {}", without_password(url)))?))
}

/// The folder that a `file:` URL names.
fn folder_of(url: &str) -> Result<Option<PathBuf>> {
    match url.strip_prefix("file://") {
        None => Ok(None),
        Some(path) if path.starts_with('/') && !path.contains('%') => Ok(Some(PathBuf::from(path))),
        Some(_) => bail!("{url} names no folder: it must look like file:///var/lib/orbit, without %"),
    }
}

fn without_password(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_three_slashes() {
        assert_eq!(folder_of("file:///var/lib/orbit").unwrap(), Some(PathBuf::from("/var/lib/orbit")));
        assert_eq!(folder_of("s3://bucket/file:///x").unwrap(), None);
        assert!(folder_of("file://host/x").is_err() && folder_of("file:///a%20b").is_err());
    }
}
