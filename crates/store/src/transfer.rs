//! Copying images from one blob store to another: from a disk to a bucket, and back.
//!
//! Called by whoever moves a store; it knows nothing of indexes, which are made again where images arrive. An image is there
//! with its manifest, which comes last, so that a copy may be stopped at any moment and begun again.

use std::collections::BTreeMap;

use bytes::Bytes;
use orbit_model::{BlobName, Digest, ImageId, Manifest};

use crate::blob::parse_manifest;
use crate::{BlobStore, Error, File, PutMode, blocking};

/// What became of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transferred {
    /// It was copied.
    Copied {
        /// How many files, the manifest included.
        files: u64,
        /// Their size.
        bytes: u64,
    },
    /// It was there already.
    There,
    /// It was there, and is another one; it was left alone.
    Differs,
    /// It has no manifest, or has none any more: there is no image.
    Unfinished,
}

/// What to do beyond copying what is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransferOptions {
    /// An image that is there and is another one is replaced.
    pub replace: bool,
    /// What is there already is read and compared with its digests, and copied again where it is damaged.
    pub verify: bool,
}

/// Copies an image; every blob is compared with its digest on the way.
///
/// # Errors
/// [`Error::Corrupt`] where what is to be copied is damaged: nothing of it is then visible there. [`Error::Conflict`] where
/// somebody else writes the same image. Those of the backends.
pub async fn transfer(
    from: &dyn BlobStore,
    to: &dyn BlobStore,
    id: &ImageId,
    options: TransferOptions,
) -> Result<Transferred, Error> {
    let manifest = match from.get(id, File::Manifest).await {
        Ok(json) => parse_manifest(id, &json)?,
        Err(Error::NotFound) => return Ok(Transferred::Unfinished),
        Err(error) => return Err(error),
    };
    let there = match to.get_manifest(id).await {
        Ok((json, version)) => Some((parse_manifest(id, &json).ok(), version)),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error),
    };
    match &there {
        None => {}
        Some((Some(found), _)) if is_same(found, &manifest) => {
            let whole = !options.verify || is_whole(to, found).await?;
            if whole {
                return Ok(Transferred::There);
            }
        }
        Some(_) if !options.replace => return Ok(Transferred::Differs),
        Some(_) => {}
    }
    let mut bytes = 0;
    let blobs: BTreeMap<&BlobName, &Digest> = manifest.blobs().collect();
    for (name, digest) in &blobs {
        let blob = read_whole(from, id, name, digest).await?;
        bytes += blob.len() as u64;
        to.put(id, File::Blob(name), blob, PutMode::Replace).await?;
    }
    let json = Bytes::from(manifest.to_json());
    bytes += json.len() as u64;
    let mode = there.as_ref().map_or(PutMode::Create, |(_, version)| PutMode::Swap(version));
    to.put(id, File::Manifest, json, mode).await?;
    if let Some((Some(old), _)) = &there {
        let gone: Vec<&BlobName> = old.files().filter(|name| !blobs.contains_key(name)).collect();
        to.discard(id, &gone).await?;
    }
    Ok(Transferred::Copied { files: blobs.len() as u64 + 1, bytes })
}

/// Whether two manifests are of the same picture, whatever was derived of it here or there.
fn is_same(one: &Manifest, other: &Manifest) -> bool {
    one.source.digest == other.source.digest
        && one.image.digest == other.image.digest
        && one.labels == other.labels
        && (other.source.evicted || !one.source.evicted)
}

async fn is_whole(store: &dyn BlobStore, manifest: &Manifest) -> Result<bool, Error> {
    for (name, digest) in manifest.blobs() {
        match read_whole(store, &manifest.id, name, digest).await {
            Ok(_) => {}
            Err(Error::Corrupt { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

async fn read_whole(store: &dyn BlobStore, id: &ImageId, name: &BlobName, digest: &Digest) -> Result<Bytes, Error> {
    let damaged = |reason: &str| Error::corrupt(format!("the image {id}"), format!("{name} {reason}"));
    let bytes = match store.get(id, File::Blob(name)).await {
        Err(Error::NotFound) => return Err(damaged("is not there")),
        bytes => bytes?,
    };
    let (expected, read) = (*digest, bytes.clone());
    if blocking::run(move || Ok(Digest::of(&read) == expected)).await? {
        return Ok(bytes);
    }
    Err(damaged("is not what was stored"))
}

#[cfg(test)]
mod tests;
