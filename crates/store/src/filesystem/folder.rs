//! What is done in one image's folder, each step whole or not at all, with plain blocking calls.
//!
//! A file is written under a temporary name and synced before it gets its own; a folder leaves by one rename into the
//! trash and is removed there. Called by [`FileSystem`](super::FileSystem) alone, never by two writers of one image.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use orbit_model::{BlobName, ImageId};

use super::root::{Root, sync_folder};
use crate::error::at;
use crate::{Deleted, Error, PutMode};

/// Finds the folder of an image.
pub(super) fn find(root: &Root, id: &ImageId) -> Result<PathBuf, Error> {
    let path = root.image(id);
    let kind = fs::symlink_metadata(&path).map_err(or_not_found("look at", &path))?;
    if kind.is_dir() { Ok(path) } else { Err(Error::corrupt(format!("the image {id}"), "its folder is none")) }
}

/// Reads a file of a folder that was found.
pub(super) fn read(folder: &Path, name: &str) -> Result<Bytes, Error> {
    let path = folder.join(name);
    let kind = fs::symlink_metadata(&path).map_err(or_not_found("look at", &path))?;
    if !kind.is_file() {
        return Err(Error::corrupt(name, "it is no plain file"));
    }
    fs::read(&path).map(Bytes::from).map_err(or_not_found("read", &path))
}

/// 1. write under a temporary name, 2. sync, 3. give it its name, 4. sync the folder.
pub(super) fn put(root: &Root, id: &ImageId, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), Error> {
    let temporary = Temporary::write(root.temporary(), bytes)?;
    let folder = find_or_make(root, id)?;
    let path = folder.join(name);
    match mode {
        PutMode::Replace => fs::rename(&temporary.0, &path).map_err(at("write", &path))?,
        // A link fails where the name is taken, which a rename does not.
        PutMode::Create => fs::hard_link(&temporary.0, &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Conflict(format!("{id} has a file of that name already")),
            _ => at("write", &path)(error),
        })?,
    }
    sync_folder(&folder)
}

/// Removes the files that are neither the manifest nor in `keep`.
pub(super) fn retain(root: &Root, id: &ImageId, keep: &[BlobName]) -> Result<Deleted, Error> {
    let folder = match find(root, id) {
        Err(Error::NotFound) => return Ok(Deleted::default()),
        folder => folder?,
    };
    let mut deleted = Deleted::default();
    for (path, bytes) in files_in(&folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name != BlobName::MANIFEST && keep.iter().all(|keep| keep.as_str() != name) {
            fs::remove_file(&path).map_err(at("remove", &path))?;
            deleted.files += 1;
            deleted.bytes += bytes;
        }
    }
    Ok(deleted)
}

/// 1. rename the folder into the trash, 2. sync, 3. remove it there.
pub(super) fn delete(root: &Root, id: &ImageId) -> Result<Deleted, Error> {
    let folder = match find(root, id) {
        Err(Error::NotFound) => return Ok(Deleted::default()),
        folder => folder?,
    };
    let trash = root.trash();
    fs::rename(&folder, &trash).map_err(at("remove", &folder))?;
    if let Some(shard) = folder.parent() {
        sync_folder(shard)?;
    }
    let files = files_in(&trash)?;
    fs::remove_dir_all(&trash).map_err(at("empty", &trash))?;
    Ok(Deleted { files: files.len() as u64, bytes: files.iter().map(|(_, bytes)| bytes).sum() })
}

fn find_or_make(root: &Root, id: &ImageId) -> Result<PathBuf, Error> {
    let folder = root.image(id);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {
            if let Some(shard) = folder.parent() {
                sync_folder(shard)?;
            }
            Ok(folder)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => find(root, id),
        Err(error) => Err(at("make", &folder)(error)),
    }
}

/// The entries of a folder with their sizes.
fn files_in(folder: &Path) -> Result<Vec<(PathBuf, u64)>, Error> {
    let entries = fs::read_dir(folder).map_err(at("list", folder))?;
    let sizes = entries.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.metadata()?.len()))));
    sizes.collect::<io::Result<_>>().map_err(at("list", folder))
}

fn or_not_found<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound,
        _ => at(action, path)(error),
    }
}

/// A file in `tmp` that goes when it is dropped, unless it was renamed; a full disk then keeps nothing half written.
struct Temporary(PathBuf);

impl Temporary {
    fn write(path: PathBuf, bytes: &[u8]) -> Result<Self, Error> {
        let mut options = fs::File::options();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&path).map_err(at("make", &path))?;
        let temporary = Self(path);
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at("write", &temporary.0))?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already after a rename; what stays after a failure is swept at the next start.
        let _ = fs::remove_file(&self.0);
    }
}
