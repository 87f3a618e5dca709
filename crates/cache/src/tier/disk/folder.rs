//! The folder: where an entry's file lies and who may use the folder, with plain blocking calls.
//!
//! ```text
//! {dir}/lock     held for as long as a process uses the folder
//! {dir}/v1/ab/{32 digits of the key's hash}-{16 of its selecting fields'}    entries, in 256 shards made as needed;
//!                those of a path and all its queries begin with the same 16 digits, so they lie in one shard
//! {dir}/tmp/     files being written; emptied at the start
//! {dir}/trash/   shards that a purge of everything took away; swept bit by bit
//! ```
//!
//! Nothing is synced when it is written: a copy may be lost, and a record that is not whole is known as such. What a purge
//! removes is synced, for it must not come back. Called by the tier's threads; knows nothing of the index.

use std::fmt;
use std::fs::{self, DirBuilder, File, ReadDir, TryLockError};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::HeaderName;
use orbit_model::CacheKey;

use super::Error;
use super::record::{MARK_AT, SOFT_PURGED};
use crate::policy::vary::Vary;
use crate::purge::before_query;
use crate::room::Room;

/// How many shards there are.
pub(super) const SHARDS: usize = 256;

/// The name of an entry's file: hashes of what it answers, so that any key makes a name.
///
/// BLAKE3, because keys come from clients: nobody finds two of the same hash. The key in the file is compared all the same.
/// In order, all of a key come one after the other, and so do all of a path, with any query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// Of the key; its upper half is of the path alone.
    pub(super) key: u128,
    /// Of the selecting fields; 0 where there are none.
    pub(super) vary: u64,
}

impl Name {
    /// The name of the entry under `key` with these selecting fields.
    pub(super) fn new(key: &CacheKey, vary: &Vary) -> Self {
        Self { key: hash_key(key), vary: hash_vary(vary) }
    }

    /// The shard that it lies in.
    pub(super) fn shard(self) -> usize {
        shard_of(self.key)
    }

    /// The names that there may be under a key.
    pub(super) fn of_key(key: u128) -> RangeInclusive<Self> {
        Self { key, vary: 0 }..=Self { key, vary: u64::MAX }
    }

    /// The names that there may be under the path of a key, with any query.
    pub(super) fn of_path(key: u128) -> RangeInclusive<Self> {
        Self { key: key & PATH, vary: 0 }..=Self { key: key | !PATH, vary: u64::MAX }
    }

    fn parse(text: &str) -> Option<Self> {
        let (key, vary) = text.split_once('-').filter(|(key, vary)| key.len() == 32 && vary.len() == 16)?;
        let name = Self { key: u128::from_str_radix(key, 16).ok()?, vary: u64::from_str_radix(vary, 16).ok()? };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{:016x}", self.key, self.vary)
    }
}

/// The bits of a key's hash that are of its path alone.
const PATH: u128 = (u64::MAX as u128) << 64;

/// The hash of a key; that of what stands before its query is the upper half.
pub(super) fn hash_key(key: &CacheKey) -> u128 {
    let hash = |text: &str| {
        let hash = blake3::hash(text.as_bytes());
        hash.as_bytes().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
    };
    let whole = hash(key.as_str());
    before_query(key).map_or(whole, |path| hash(path) & PATH | whole & !PATH)
}

/// The hash of a key's path alone.
pub(super) fn hash_of_path(key: u128) -> u64 {
    u64::try_from(key >> PATH.trailing_zeros()).unwrap_or(u64::MAX)
}

/// The hash of selecting fields, values included; 0 where there are none.
pub(super) fn hash_vary(vary: &Vary) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (name, value) in vary.fields() {
        hash_text(&mut hasher, name.as_str().as_bytes());
        hash_text(&mut hasher, value);
    }
    if vary.is_empty() { 0 } else { short(&hasher) }
}

/// The hash of the names alone.
pub(super) fn hash_names<'a>(names: impl Iterator<Item = &'a HeaderName>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    names.for_each(|name| hash_text(&mut hasher, name.as_str().as_bytes()));
    short(&hasher)
}

fn hash_text(hasher: &mut blake3::Hasher, text: &[u8]) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text);
}

fn short(hasher: &blake3::Hasher) -> u64 {
    hasher.finalize().as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The shard of a key's hash.
pub(super) fn shard_of(key: u128) -> usize {
    usize::from(key.to_be_bytes()[0])
}

/// What files are made and opened on; tests put one in that is full or broken.
pub(super) trait Medium: Send + Sync + fmt::Debug {
    /// Makes a file that must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write>>;

    /// Opens a file to read it, or a folder to sync it.
    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    /// Lists a folder.
    fn list(&self, path: &Path) -> io::Result<ReadDir> {
        fs::read_dir(path)
    }
}

/// The file system as it is.
#[derive(Debug)]
pub(super) struct Plain;

impl Medium for Plain {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write>> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(file))
    }
}

/// An open folder; its lock is released when the last user drops it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    medium: Arc<dyn Medium>,
    /// Numbers files in `tmp`, which starts empty and where no other process writes.
    next: AtomicU64,
    _lock: File,
}

impl Folder {
    /// 1. make the folder, 2. lock it, 3. make its parts, 4. remove what was being written when the last user ended.
    pub(super) fn open(path: &Path, medium: Arc<dyn Medium>) -> Result<Self, Error> {
        make_all(path).map_err(Error::at("make", path))?;
        let lock = lock(path)?;
        for part in ["v1", "tmp", "trash"] {
            let part = path.join(part);
            make_all(&part).map_err(Error::at("make", &part))?;
        }
        let tmp = path.join("tmp");
        for leftover in fs::read_dir(&tmp).map_err(Error::at("list", &tmp))? {
            let leftover = leftover.map_err(Error::at("list", &tmp))?.path();
            fs::remove_file(&leftover).map_err(Error::at("remove", &leftover))?;
        }
        Ok(Self { path: path.to_owned(), medium, next: AtomicU64::new(0), _lock: lock })
    }

    /// The path, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that nobody finds yet; where that fails, nothing of it stays.
    pub(super) fn write(&self, parts: [&[u8]; 3]) -> io::Result<Temporary> {
        let path = self.path.join(format!("tmp/{}", self.next.fetch_add(1, Ordering::Relaxed)));
        let mut file = self.medium.create(&path)?;
        let temporary = Temporary { path, is_published: false };
        parts.iter().try_for_each(|part| file.write_all(part))?;
        Ok(temporary)
    }

    /// Gives a written file its name, in place of an older one.
    pub(super) fn publish(&self, mut temporary: Temporary, name: Name) -> io::Result<()> {
        let path = self.file(name);
        match fs::rename(&temporary.path, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_all(&self.shard(name.shard()))?;
                fs::rename(&temporary.path, &path)?;
            }
            renamed => renamed?,
        }
        temporary.is_published = true;
        Ok(())
    }

    /// Reads a file that should be no longer than `max_len`; one that is longer is cut there, and so no record.
    pub(super) fn read(&self, name: Name, max_len: u64) -> io::Result<Bytes> {
        let file = self.medium.open(&self.file(name))?;
        let len = file.metadata()?.len().min(max_len);
        let mut bytes = Room::of(usize::try_from(len).unwrap_or_default());
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes.close())
    }

    /// Opens a file to read a part of it, and tells how long it is.
    pub(super) fn open_file(&self, name: Name) -> io::Result<(File, u64)> {
        let file = self.medium.open(&self.file(name))?;
        let len = file.metadata()?.len();
        Ok((file, len))
    }

    /// Sets the mark of a soft purge in an entry's file.
    pub(super) fn mark(&self, name: Name) -> io::Result<()> {
        mark(&self.file(name))
    }

    /// Removes an entry's file; one that is not there is removed already.
    pub(super) fn remove(&self, name: Name) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Makes the removals in a shard durable.
    pub(super) fn sync_shard(&self, shard: usize) -> io::Result<()> {
        match self.sync(&self.shard(shard)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced,
        }
    }

    /// The names in a shard; what bears no name of ours is left alone.
    pub(super) fn list(&self, shard: usize) -> io::Result<Vec<Name>> {
        let entries = match self.medium.list(&self.shard(shard)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_str().and_then(Name::parse).filter(|name| name.shard() == shard);
            match (name, entry.file_type()) {
                (Some(name), Ok(kind)) if kind.is_file() => names.push(name),
                (Some(_), Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(names)
    }

    /// Takes all entries away by one rename, durably; `sweep` frees their room.
    pub(super) fn clear(&self) -> io::Result<()> {
        let from = self.path.join("v1");
        let mut number = 0;
        let to = loop {
            let to = self.path.join(format!("trash/{number}"));
            if !to.try_exists()? {
                break to;
            }
            number += 1;
        };
        fs::rename(&from, &to)?;
        make_all(&from)?;
        self.sync(&self.path)
    }

    /// Removes one shard's worth of the trash; `false` once there is none.
    pub(super) fn sweep(&self) -> io::Result<bool> {
        let Some(taken) = self.medium.list(&self.path.join("trash"))?.next() else { return Ok(false) };
        let taken = taken?.path();
        match fs::read_dir(&taken)?.next() {
            Some(shard) => fs::remove_dir_all(shard?.path())?,
            None => fs::remove_dir(&taken)?,
        }
        Ok(true)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.medium.open(path)?.sync_all()
    }

    fn shard(&self, number: usize) -> PathBuf {
        self.path.join(format!("v1/{number:02x}"))
    }

    /// The path of an entry's file.
    pub(super) fn file(&self, name: Name) -> PathBuf {
        self.path.join(format!("v1/{:02x}/{name}", name.shard()))
    }
}

/// A file in `tmp` that goes when it is dropped, unless it was published.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    is_published: bool,
}

impl Temporary {
    /// Sets the mark of a soft purge before it is published.
    pub(super) fn mark(&self) -> io::Result<()> {
        mark(&self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_published {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn mark(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.write_all_at(&[SOFT_PURGED], MARK_AT)
}

fn make_all(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let options = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = options.map_err(Error::at("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { dir: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::at("lock", &path)(error)),
    }
}
