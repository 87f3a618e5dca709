//! The methods that a backend need not write are held to the laws too.

use async_trait::async_trait;
use bytes::Bytes;
use orbit_model::{BlobName, ImageId};
use tempfile::TempDir;

use super::conformance::blob_store_laws;
use crate::{BlobStore, Deleted, Error, File, FileSystem, PutMode};

/// A backend that does what it must and no more.
#[derive(Debug)]
struct Plain(FileSystem);

#[async_trait]
impl BlobStore for Plain {
    async fn put(&self, id: &ImageId, file: File<'_>, bytes: Bytes, mode: PutMode<'_>) -> Result<(), Error> {
        self.0.put(id, file, bytes, mode).await
    }

    async fn get(&self, id: &ImageId, file: File<'_>) -> Result<Bytes, Error> {
        self.0.get(id, file).await
    }

    async fn discard(&self, id: &ImageId, names: &[&BlobName]) -> Result<(), Error> {
        self.0.discard(id, names).await
    }

    async fn retain(&self, id: &ImageId, keep: &[&BlobName]) -> Result<Deleted, Error> {
        self.0.retain(id, keep).await
    }

    async fn delete_image(&self, id: &ImageId) -> Result<Deleted, Error> {
        self.0.delete_image(id).await
    }

    async fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        self.0.list(after, limit).await
    }
}

async fn open() -> (Plain, TempDir) {
    let root = TempDir::new().unwrap();
    (Plain(FileSystem::open(root.path()).await.unwrap()), root)
}

blob_store_laws!(open);
