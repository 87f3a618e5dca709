//! `Objects`: the blob store in a bucket of S3, of Google's or of Azure's, for as many processes as like.
//!
//! ```text
//! {prefix}/images/{2 hex digits of blake3(id)}/{id}/manifest.json, image-….webp, source-….png
//! ```
//!
//! The layout is that of [`FileSystem`](crate::FileSystem), so that one can be copied to the other. No lock is held: the
//! manifest is made and changed by conditional writes (`If-None-Match`, `If-Match`), which [`Objects::open`] tries out, for
//! there are servers that pass over them. Everything else is named by manifests. A blob that none names may belong to a change
//! under way, of whatever process, and stays for [`GRACE`].
//!
//! `place` knows URLs and settings, `keys` the layout, `large` files in parts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutOptions, UpdateVersion};
use orbit_model::{BlobName, Clock, ImageId, Manifest};

use crate::{BlobStore, Deleted, Error, File, PutMode, Version};

mod keys;
mod large;
mod place;
mod probe;

use keys::Keys;

/// How long a blob stays that no manifest names: longer than any change takes, retries included.
pub(crate) const GRACE: Duration = Duration::from_secs(3600);
/// How many objects are removed at once.
const AT_ONCE: usize = 16;

/// Images in a bucket; clones are handles of the same.
#[derive(Debug, Clone)]
pub struct Objects {
    bucket: Arc<dyn ObjectStore>,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl Objects {
    /// Opens `s3://bucket/prefix`, `gs://…` or `az://…`, with options as their own tools name them, as in
    /// `AWS_ENDPOINT_URL`, and makes sure that conditions on writes are kept there.
    ///
    /// # Errors
    /// [`Error::Invalid`] where URL or options are none, or the bucket passes over conditions; [`Error::Unavailable`].
    pub async fn open(url: &str, options: &[(String, String)], clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let (bucket, prefix) = place::open(url, options)?;
        let objects = Self::new(bucket, prefix, clock);
        probe::conditions(objects.bucket.as_ref(), &objects.keys.probe()?).await?;
        Ok(objects)
    }

    pub(crate) fn new(bucket: Arc<dyn ObjectStore>, prefix: Path, clock: Arc<dyn Clock>) -> Self {
        Self { bucket, keys: Keys::below(prefix), clock }
    }

    /// Everything that lies under an image's name.
    async fn objects_of(&self, id: &ImageId) -> Result<Vec<ObjectMeta>, Error> {
        self.bucket.list(Some(&self.keys.folder(id))).try_collect().await.map_err(fault)
    }

    async fn remove(&self, key: &Path) -> Result<(), Error> {
        match self.bucket.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(fault(error)),
        }
    }

    async fn remove_all(&self, keys: Vec<Path>) -> Result<(), Error> {
        let removals = stream::iter(keys).map(|key| async move { self.remove(&key).await });
        let ended: Vec<Result<(), Error>> = removals.buffer_unordered(AT_ONCE).collect().await;
        ended.into_iter().collect()
    }

    /// Whether no change that is under way can have written this.
    fn is_old(&self, object: &ObjectMeta) -> bool {
        let written = Timestamp::from_second(object.last_modified.timestamp()).unwrap_or(Timestamp::MAX);
        let age = Duration::try_from(self.clock.now().duration_since(written)).unwrap_or_default();
        age > GRACE
    }

    /// Removes the objects of which `goes` says so by their name.
    async fn sweep(
        &self,
        objects: Vec<ObjectMeta>,
        goes: impl Fn(&ObjectMeta, &str) -> bool,
    ) -> Result<Deleted, Error> {
        let gone: Vec<ObjectMeta> = objects
            .into_iter()
            .filter(|object| object.location.filename().is_some_and(|name| goes(object, name)))
            .collect();
        let deleted = Deleted { files: gone.len() as u64, bytes: gone.iter().map(|object| object.size).sum() };
        self.remove_all(gone.into_iter().map(|object| object.location).collect()).await?;
        Ok(deleted)
    }
}

#[async_trait]
impl BlobStore for Objects {
    async fn put(&self, id: &ImageId, file: File<'_>, bytes: Bytes, mode: PutMode<'_>) -> Result<(), Error> {
        let key = self.keys.file(id, file);
        let mode = match mode {
            PutMode::Replace if bytes.len() > large::PART_BYTES => {
                return large::put(self.bucket.as_ref(), &key, bytes).await.map_err(fault);
            }
            PutMode::Replace => object_store::PutMode::Overwrite,
            PutMode::Create => object_store::PutMode::Create,
            PutMode::Swap(seen) => {
                object_store::PutMode::Update(UpdateVersion { e_tag: seen.e_tag.clone(), version: seen.number.clone() })
            }
        };
        match self.bucket.put_opts(&key, bytes.into(), PutOptions::from(mode)).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                Err(Error::Conflict(format!("{id} has a file of that name already")))
            }
            Err(object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. }) => {
                Err(Error::Conflict(format!("{id} has changed since it was read")))
            }
            Err(error) => Err(fault(error)),
        }
    }

    async fn get(&self, id: &ImageId, file: File<'_>) -> Result<Bytes, Error> {
        let found = self.bucket.get(&self.keys.file(id, file)).await.map_err(fault)?;
        found.bytes().await.map_err(fault)
    }

    async fn get_manifest(&self, id: &ImageId) -> Result<(Bytes, Version), Error> {
        let found = self.bucket.get(&self.keys.file(id, File::Manifest)).await.map_err(fault)?;
        let version = Version { e_tag: found.meta.e_tag.clone(), number: found.meta.version.clone() };
        Ok((found.bytes().await.map_err(fault)?, version))
    }

    fn has_other_writers(&self) -> bool {
        true
    }

    async fn discard(&self, id: &ImageId, names: &[&BlobName]) -> Result<(), Error> {
        self.remove_all(names.iter().map(|name| self.keys.file(id, File::Blob(name))).collect()).await
    }

    async fn retain(&self, id: &ImageId, keep: &[&BlobName]) -> Result<Deleted, Error> {
        let objects = self.objects_of(id).await?;
        let is_kept = |name: &str| name == BlobName::MANIFEST || keep.iter().any(|keep| keep.as_str() == name);
        self.sweep(objects, |object, name| !is_kept(name) && self.is_old(object)).await
    }

    /// 1. a look at all there is, 2. the manifest, by which the image is gone, 3. what that named, and what is old.
    async fn delete_image(&self, id: &ImageId) -> Result<Deleted, Error> {
        let objects = self.objects_of(id).await?;
        let manifest = match self.get(id, File::Manifest).await {
            Ok(json) => Some(Manifest::from_json(&json).ok()),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        let key = self.keys.file(id, File::Manifest);
        if manifest.is_some() {
            self.remove(&key).await?;
        }
        let goes = |object: &ObjectMeta, name: &str| match &manifest {
            // Nobody could change an image whose manifest cannot be read: nothing here is under way.
            Some(None) => true,
            Some(Some(manifest)) if manifest.files().any(|file| file.as_str() == name) => true,
            Some(Some(_)) if name == BlobName::MANIFEST => true,
            _ => name != BlobName::MANIFEST && self.is_old(object),
        };
        // Of a change that ended between the two looks too.
        let listed = |name: &BlobName| objects.iter().any(|it| it.location.filename() == Some(name.as_str()));
        let named = manifest.iter().flatten().flat_map(Manifest::files);
        let late: Vec<BlobName> = named.filter(|name| !listed(name)).cloned().collect();
        self.discard(id, &late.iter().collect::<Vec<_>>()).await?;
        self.sweep(objects, goes).await
    }

    async fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        let folder = self.keys.images();
        let mut objects = match after {
            None => self.bucket.list(Some(&folder)),
            Some(after) => self.bucket.list_with_offset(Some(&folder), &self.keys.behind(after)),
        };
        // In pages, and no further than is asked for: keys come in order, and all of an image's one after the other.
        let mut ids: Vec<ImageId> = Vec::new();
        while ids.len() <= limit {
            let Some(object) = objects.next().await else { break };
            let id = self.keys.image(&object.map_err(fault)?.location);
            ids.extend(id.filter(|id| ids.last() != Some(id)));
        }
        ids.truncate(limit);
        Ok(ids)
    }

    async fn link(&self, from: (&ImageId, &BlobName), to: (&ImageId, &BlobName)) -> Result<(), Error> {
        let (from, to) = (self.keys.file(from.0, File::Blob(from.1)), self.keys.file(to.0, File::Blob(to.1)));
        // A copy onto itself is refused.
        if from == to { self.bucket.head(&from).await.map(|_| ()) } else { self.bucket.copy(&from, &to).await }
            .map_err(fault)
    }

    async fn references(&self, id: &ImageId, name: &BlobName) -> Result<u64, Error> {
        self.bucket.head(&self.keys.file(id, File::Blob(name))).await.map(|_| 1).map_err(fault)
    }
}

/// What an error of the bucket means for us: a request that it refuses is for the operator, the rest may pass.
fn fault(error: object_store::Error) -> Error {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => Error::NotFound,
        E::Generic { .. } | E::JoinError { .. } => {
            // The text that is fit for everybody says no more than that.
            tracing::warn!(target: "orbit::store", %error, "the bucket does not answer");
            Error::Unavailable("the bucket does not answer; try again in a moment".to_owned())
        }
        error => Error::internal(error),
    }
}

#[cfg(test)]
mod tests;
