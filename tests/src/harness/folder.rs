//! A data folder as it lies on the disk: which images have files, and whether anything else is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use orbit_model::Manifest;
use tempfile::TempDir;

/// A data folder of its own, gone with the test.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// In memory, where the machine can: for tests that write more than a disk syncs in time.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self(tempfile::tempdir_in(memory).unwrap()) } else { Self::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The folder of each image, by its id.
    pub(crate) fn images(&self) -> BTreeMap<String, PathBuf> {
        let shards = entries(&self.path().join("images"));
        let images = shards.iter().flat_map(|shard| entries(shard));
        images.map(|image| (image.file_name().unwrap().to_str().unwrap().to_owned(), image)).collect()
    }

    /// The manifest of an image.
    pub(crate) fn manifest(&self, id: &str) -> Manifest {
        let folder = self.images().remove(id).unwrap_or_else(|| panic!("{id} has no folder"));
        Manifest::from_json(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
    }

    /// The bytes of an image's source.
    pub(crate) fn source(&self, id: &str) -> Vec<u8> {
        let file = self.manifest(id).source.file;
        fs::read(self.images()[id].join(file.as_str())).unwrap()
    }

    /// Every file that no manifest names: of an image that is half there, or left in `tmp` or `trash`.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let mut leftovers: Vec<PathBuf> =
            ["tmp", "trash"].iter().flat_map(|name| entries(&self.path().join(name))).collect();
        for folder in self.images().into_values() {
            let manifest =
                fs::read(folder.join("manifest.json")).ok().and_then(|bytes| Manifest::from_json(&bytes).ok());
            let mut named: Vec<String> = vec!["manifest.json".to_owned()];
            named.extend(manifest.iter().flat_map(Manifest::files).map(ToString::to_string));
            let is_named = |file: &PathBuf| manifest.is_some() && named.iter().any(|name| file.ends_with(name));
            leftovers.extend(entries(&folder).into_iter().filter(|file| !is_named(file)));
        }
        leftovers
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
