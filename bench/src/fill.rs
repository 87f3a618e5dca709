//! Fill: puts one picture under many ids into a store, without encoding and writing it as often.
//!
//! The first goes in through the server. The others are folders beside it, as the store lays them out: a manifest with
//! another id, and the same files as hard links, so that 100,000 images cost no disk but their manifests, and no time of
//! the encoder. Where lists are asked for, `orbit reindex` makes the index from the manifests, as after a restored backup.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::orbit::Orbit;

/// So many ids share a file; one in ext4 has at most 65,000 names.
const LINKED: u64 = 10_000;

/// Puts `png` under `PREFIX0` and so on, `count` ids in all, into a new store; only the first is in the index.
pub(crate) fn store(store: &Path, logs: &Path, prefix: &str, png: &[u8], count: u64) -> Result<()> {
    store_of(store, logs, prefix, (&[png.to_vec()], count))
}

/// The same with several pictures in turn, which are in the index once each.
pub(crate) fn store_of(store: &Path, logs: &Path, prefix: &str, (pngs, count): (&[Vec<u8>], u64)) -> Result<()> {
    let id = |n: u64| format!("{prefix}{n}");
    let serve = Orbit::serve(store, logs)?;
    for (n, png) in (0..).zip(pngs) {
        serve.put(&id(n), png)?;
    }
    drop(serve);
    let images = store.join("images");
    let pictures = pngs.len() as u64;
    for n in pictures..count {
        // The first of those that share a file is a copy of what was uploaded, and the others are links to it.
        let (picture, group) = (n % pictures, n / pictures / LINKED);
        let first = group * pictures * LINKED + picture;
        let (from, files): (_, Duplicate) = if first == n {
            (id(picture), |from, to| fs::copy(from, to).map(|_| ()))
        } else {
            (id(first), |from, to| fs::hard_link(from, to))
        };
        copy(&images, &from, &id(n), files).with_context(|| format!("copying {from} as {}", id(n)))?;
    }
    settle(store)
}

/// Makes the index of a filled store and returns how long that took.
pub(crate) fn index(store: &Path) -> Result<Duration> {
    let since = Instant::now();
    Orbit::reindex(store)?;
    let took = since.elapsed();
    settle(store)?;
    Ok(took)
}

/// Writes to disk what else would be written while something is measured.
fn settle(store: &Path) -> Result<()> {
    ensure!(Command::new("sync").arg("-f").arg(store).status()?.success(), "sync failed");
    Ok(())
}

type Duplicate = fn(&Path, &Path) -> std::io::Result<()>;

/// Makes the folder of `id` from that of `first`, its files by `duplicate`.
fn copy(images: &Path, first: &str, id: &str, duplicate: Duplicate) -> Result<()> {
    let [from, to] = [first, id].map(|id| images.join(shard(id)).join(id));
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(&from)? {
        let entry = entry?;
        if entry.file_name() != "manifest.json" {
            duplicate(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    let mut manifest: Value = serde_json::from_slice(&fs::read(from.join("manifest.json"))?)?;
    *manifest.get_mut("id").context("the manifest has no id")? = id.into();
    fs::write(to.join("manifest.json"), serde_json::to_vec_pretty(&manifest)?)?;
    Ok(())
}

/// The folder that an image's folder lies in.
fn shard(id: &str) -> String {
    blake3::hash(id.as_bytes()).to_hex()[..2].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_differs_in_its_id_alone() {
        let images = tempfile::tempdir().unwrap();
        let from = images.path().join(shard("s0")).join("s0");
        fs::create_dir_all(&from).unwrap();
        fs::write(from.join("image-abc.webp"), b"pixels").unwrap();
        fs::write(from.join("manifest.json"), br#"{"version":1,"id":"s0","style":null}"#).unwrap();
        copy(images.path(), "s0", "s1", |from, to| fs::hard_link(from, to)).unwrap();
        let to = images.path().join(shard("s1")).join("s1");
        assert_eq!(fs::read(to.join("image-abc.webp")).unwrap(), b"pixels");
        let manifest: Value = serde_json::from_slice(&fs::read(to.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest, serde_json::json!({"version": 1, "id": "s1", "style": null}));
    }
}
