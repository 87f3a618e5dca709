//! Reading without waiting: what the kernel has in memory is read at once, on the caller's own thread.
//!
//! A cold image at the edge is mostly a warm one on disk, and the way to a blocking thread and back costs more than reading
//! it. `openat2` with `RESOLVE_CACHED` opens only what needs no disk, `preadv2` with `RWF_NOWAIT` reads only what is in
//! the page cache; where either would wait, or the kernel is too old to know, the answer is `None` and a blocking thread
//! reads as ever. Called by [`FileSystem`](super::FileSystem) alone.

use std::io::IoSliceMut;
use std::os::fd::OwnedFd;
use std::path::Path;

use bytes::Bytes;
use orbit_model::{BlobName, ImageId, Manifest};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

use super::root::Root;
use crate::blob::parse_manifest;

/// The largest file that is read like this: more would keep the caller's thread for too long, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// Reads a manifest and the image that it names; `None` where that is not possible at once, whatever the cause.
pub(super) fn read_image(root: &Root, id: &ImageId) -> Option<(Manifest, Bytes)> {
    let folder = root.image(id);
    let manifest = parse_manifest(id, &read(&folder.join(BlobName::MANIFEST))?).ok()?;
    let bytes = read(&folder.join(manifest.image.file.as_str()))?;
    (bytes.len() as u64 == manifest.image.bytes).then_some((manifest, bytes))
}

/// Reads a manifest alone.
pub(super) fn read_manifest(root: &Root, id: &ImageId) -> Option<Bytes> {
    read(&root.image(id).join(BlobName::MANIFEST))
}

fn read(path: &Path) -> Option<Bytes> {
    // The root's own path has no links; below it none is followed.
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS;
    let file = openat2(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), resolve).ok()?;
    let stat = fstat(&file).ok()?;
    let length = usize::try_from(stat.st_size).ok().filter(|length| *length <= MAX_BYTES)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut bytes = vec![0; length];
    (read_at_once(&file, &mut bytes)? == length).then(|| bytes.into())
}

fn read_at_once(file: &OwnedFd, bytes: &mut [u8]) -> Option<usize> {
    preadv2(file, &mut [IoSliceMut::new(bytes)], 0, ReadWriteFlags::NOWAIT).ok()
}
