//! The layout of the root folder: where an image lies, who may use the root, and in what order images are listed.
//!
//! Every name below the root is made here, of checked ids and of numbers. What is done inside an image's folder is
//! the work of `folder`.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use orbit_model::ImageId;
use parking_lot::Mutex;

use crate::Error;
use crate::blob::shard_of;
use crate::error::at;

/// An open root folder; its lock is released when the last user drops it.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    /// Numbers files in `tmp` and folders in `trash`. Both start empty and no other process writes there, so that a
    /// number is enough of a name.
    next: AtomicU64,
    /// Held while a blob gets another name or loses one, so that of all who remove its names one sees the last.
    pub(super) names: Mutex<()>,
    /// Held from the look at a file to its replacement, so that of all who have read the same one replaces it.
    pub(super) swap: Mutex<()>,
    /// Locked for as long as this process uses the root; `None` where it only reads.
    lock: Option<File>,
}

impl Root {
    /// 1. make the root, 2. lock it, 3. make its folders, 4. sweep what a crash left.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        make_root(path)?;
        let path = path.canonicalize().map_err(at("find", path))?;
        let lock = lock(&path.join("lock"))?;
        let root =
            Self { path, next: AtomicU64::new(0), names: Mutex::default(), swap: Mutex::default(), lock: Some(lock) };
        for name in ["images", "tmp", "trash"] {
            make_folder(&root.path.join(name))?;
        }
        // All shards are made and synced now: a write then never depends on another's not yet synced shard.
        for shard in 0..=u8::MAX {
            make_folder(&root.shard(shard))?;
        }
        sync_folder(&root.path.join("images"))?;
        sync_folder(&root.path)?;
        for name in ["tmp", "trash"] {
            empty(&root.path.join(name))?;
        }
        Ok(root)
    }

    /// Opens a root that another process may be using, and changes nothing in it.
    pub(super) fn open_to_read(path: &Path) -> Result<Self, Error> {
        let path = path.canonicalize().map_err(at("find", path))?;
        if !path.join("images").is_dir() {
            return Err(Error::Invalid("the folder holds no images/, so it is no data folder".to_owned()));
        }
        Ok(Self { path, next: AtomicU64::new(0), names: Mutex::default(), swap: Mutex::default(), lock: None })
    }

    /// Refuses a change where the root was opened to be read.
    pub(super) fn may_change(&self) -> Result<(), Error> {
        match &self.lock {
            Some(_) => Ok(()),
            None => Err(Error::Invalid("the data folder was opened to be read".to_owned())),
        }
    }

    /// The folder of an image; nothing says that it exists.
    pub(super) fn image(&self, id: &ImageId) -> PathBuf {
        let mut path = self.shard(shard_of(id));
        path.push(id.as_str());
        path
    }

    /// A name in `tmp` that nothing else has.
    pub(super) fn temporary(&self) -> PathBuf {
        self.path.join(format!("tmp/{}", self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// A name in `trash` that nothing else has.
    pub(super) fn trash(&self) -> PathBuf {
        self.path.join(format!("trash/{}", self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// Names the images past `after`, shard by shard and by name within a shard.
    pub(super) fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        let mut ids = Vec::new();
        for shard in after.map_or(0, shard_of)..=u8::MAX {
            if ids.len() >= limit {
                break;
            }
            // One that is only read may lack some.
            let folder = self.shard(shard);
            let mut found = if self.lock.is_some() || folder.is_dir() { folders_in(&folder)? } else { Vec::new() };
            found.retain(|id| after.is_none_or(|after| shard != shard_of(after) || id > after));
            found.sort_unstable();
            ids.extend(found);
        }
        ids.truncate(limit);
        Ok(ids)
    }

    fn shard(&self, number: u8) -> PathBuf {
        self.path.join(format!("images/{number:02x}"))
    }
}

/// Makes a folder for its owner alone, and those above it.
pub(crate) fn make_root(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at("make", path))
}

/// Locks a file for as long as it is open.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(at("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(
            "another process uses this data folder; stop it, or ask it over HTTP in place of opening its files"
                .to_owned(),
        )),
        Err(TryLockError::Error(error)) => Err(at("lock", path)(error)),
    }
}

/// Makes a folder unless it is there, and refuses a link or a file in its place.
fn make_folder(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let kind = fs::symlink_metadata(path).map_err(at("look at", path))?;
            if kind.is_dir() {
                return Ok(());
            }
            Err(Error::Invalid("the data folder holds a link or a file where a folder must be".to_owned()))
        }
        made => made.map_err(at("make", path)),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(at("sync", path))
}

fn empty(path: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(path).map_err(at("list", path))? {
        let entry = entry.map_err(at("list", path))?;
        let path = entry.path();
        let is_folder = entry.file_type().map_err(at("look at", &path))?.is_dir();
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(at("remove", &path))?;
    }
    Ok(())
}

/// The images in a shard; links, files and names that are no ids are passed over.
fn folders_in(shard: &Path) -> Result<Vec<ImageId>, Error> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(shard).map_err(at("list", shard))? {
        let entry = entry.map_err(at("list", shard))?;
        let is_folder = entry.file_type().map_err(at("look at", shard))?.is_dir();
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        ids.extend(id.filter(|_| is_folder));
    }
    Ok(ids)
}
