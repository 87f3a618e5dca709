//! What is done in one image's folder, each step whole or not at all, with plain blocking calls.
//!
//! A file is written under a temporary name and synced before it gets its own; a folder leaves by one rename into the
//! trash and is removed there. Called by [`FileSystem`](super::FileSystem) alone, never by two writers of one image.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use orbit_model::{BlobName, ImageId};

use super::root::{Root, sync_folder};
use crate::error::at;
use crate::{Deleted, Error, Version};

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
pub(super) fn put(root: &Root, id: &ImageId, name: &str, bytes: &[u8], may_replace: bool) -> Result<(), Error> {
    let temporary = Temporary::write(root.temporary(), bytes)?;
    let folder = find_or_make(root, id)?;
    let path = folder.join(name);
    if may_replace {
        fs::rename(&temporary.0, &path).map_err(at("write", &path))?;
    } else {
        // A link fails where the name is taken, which a rename does not.
        fs::hard_link(&temporary.0, &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Conflict(format!("{id} has a file of that name already")),
            _ => at("write", &path)(error),
        })?;
    }
    sync_folder(&folder)
}

/// Puts a file in the place of one that is still as it was read.
pub(super) fn swap(root: &Root, id: &ImageId, name: &str, bytes: &[u8], seen: &Version) -> Result<(), Error> {
    let temporary = Temporary::write(root.temporary(), bytes)?;
    let changed = || Error::Conflict(format!("{id} has changed since it was read"));
    let folder = find(root, id).map_err(|error| if matches!(error, Error::NotFound) { changed() } else { error })?;
    let path = folder.join(name);
    let _swapping = root.swap.lock();
    match read(&folder, name) {
        Ok(now) if Version::of(&now) == *seen => {}
        Ok(_) | Err(Error::NotFound) => return Err(changed()),
        Err(error) => return Err(error),
    }
    fs::rename(&temporary.0, &path).map_err(at("write", &path))?;
    sync_folder(&folder)
}

/// 1. give another image's file a temporary name, 2. give that its own, 3. sync the folder.
///
/// Where the disk gives a file no more names, its bytes are copied.
pub(super) fn link(root: &Root, from: (&ImageId, &BlobName), to: (&ImageId, &BlobName)) -> Result<(), Error> {
    let (source, name) = (find(root, from.0)?, from.1.as_str());
    let Some(temporary) = Temporary::link(root, &source.join(name))? else {
        return put(root, to.0, to.1.as_str(), &read(&source, name)?, true);
    };
    let folder = find_or_make(root, to.0)?;
    let path = folder.join(to.1.as_str());
    fs::rename(&temporary.0, &path).map_err(at("write", &path))?;
    sync_folder(&folder)
}

/// Counts the names of a file.
pub(super) fn references(folder: &Path, name: &str) -> Result<u64, Error> {
    let path = folder.join(name);
    fs::symlink_metadata(&path).map(|file| file.nlink()).map_err(or_not_found("look at", &path))
}

/// Removes files by their names.
pub(super) fn discard(root: &Root, id: &ImageId, names: &[BlobName]) -> Result<(), Error> {
    let folder = match find(root, id) {
        Err(Error::NotFound) => return Ok(()),
        folder => folder?,
    };
    for name in names {
        match remove(root, &folder.join(name.as_str())) {
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes the files that are neither the manifest nor in `keep`.
pub(super) fn retain(root: &Root, id: &ImageId, keep: &[BlobName]) -> Result<Deleted, Error> {
    let folder = match find(root, id) {
        Err(Error::NotFound) => return Ok(Deleted::default()),
        folder => folder?,
    };
    let mut deleted = Deleted::default();
    for path in files_in(&folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name != BlobName::MANIFEST && keep.iter().all(|keep| keep.as_str() != name) {
            deleted.files += 1;
            deleted.bytes += remove(root, &path)?;
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
    let mut deleted = Deleted::default();
    for path in files_in(&trash)? {
        deleted.files += 1;
        deleted.bytes += remove(root, &path)?;
    }
    fs::remove_dir_all(&trash).map_err(at("empty", &trash))?;
    Ok(deleted)
}

/// Removes a name of a file; tells the bytes that this freed, which are none where the file has another name.
fn remove(root: &Root, path: &Path) -> Result<u64, Error> {
    let _names = root.names.lock();
    let file = fs::symlink_metadata(path).map_err(or_not_found("look at", path))?;
    if file.is_dir() {
        fs::remove_dir_all(path).map_err(at("remove", path))?;
        return Ok(0);
    }
    fs::remove_file(path).map_err(at("remove", path))?;
    Ok(if file.nlink() == 1 { file.len() } else { 0 })
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

/// The entries of a folder.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(at("list", folder))?;
    entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>().map_err(at("list", folder))
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

    /// Another name of a file that is there; `None` where the disk gives it no more names.
    fn link(root: &Root, source: &Path) -> Result<Option<Self>, Error> {
        use io::ErrorKind::{CrossesDevices, NotFound, PermissionDenied, TooManyLinks, Unsupported};
        let temporary = Self(root.temporary());
        let linked = {
            let _names = root.names.lock();
            fs::hard_link(source, &temporary.0)
        };
        match linked.map_err(|error| (error.kind(), error)) {
            Ok(()) => {}
            Err((NotFound, _)) => return Err(Error::NotFound),
            Err((CrossesDevices | PermissionDenied | TooManyLinks | Unsupported, _)) => return Ok(None),
            Err((_, error)) => return Err(at("link", source)(error)),
        }
        // A symbolic link is linked itself and not what it leads to.
        let kind = fs::symlink_metadata(&temporary.0).map_err(at("look at", &temporary.0))?;
        if kind.is_file() { Ok(Some(temporary)) } else { Err(Error::corrupt("a blob", "it is no plain file")) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already after a rename; what stays after a failure is swept at the next start.
        let _ = fs::remove_file(&self.0);
    }
}
