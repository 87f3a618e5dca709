//! Fill: puts one picture under many ids into a store, without encoding and writing it as often.
//!
//! The first goes in through the server. The others are folders beside it, as the store lays them out: the same files
//! as hard links, and a manifest with another id. `orbit reindex` then makes the index from the manifests, as after a
//! backup. So 100,000 images cost no disk but their manifests, and no time of the encoder.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::orbit::Orbit;

/// Puts `png` under `PREFIX0` and so on, `count` ids in all, into a new store.
pub(crate) fn store(store: &Path, logs: &Path, prefix: &str, png: &[u8], count: u64) -> Result<()> {
    let first = format!("{prefix}0");
    let serve = Orbit::serve(store, logs)?;
    serve.put(&first, png)?;
    drop(serve);
    let images = store.join("images");
    for n in 1..count {
        copy(&images, &first, &format!("{prefix}{n}")).with_context(|| format!("copying {first} as {prefix}{n}"))?;
    }
    Orbit::reindex(store)
}

/// Makes the folder of `id` from that of `first`.
fn copy(images: &Path, first: &str, id: &str) -> Result<()> {
    let [from, to] = [first, id].map(|id| images.join(shard(id)).join(id));
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(&from)? {
        let entry = entry?;
        if entry.file_name() != "manifest.json" {
            fs::hard_link(entry.path(), to.join(entry.file_name()))?;
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
        copy(images.path(), "s0", "s1").unwrap();
        let to = images.path().join(shard("s1")).join("s1");
        assert_eq!(fs::read(to.join("image-abc.webp")).unwrap(), b"pixels");
        let manifest: Value = serde_json::from_slice(&fs::read(to.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest, serde_json::json!({"version": 1, "id": "s1", "style": null}));
    }
}
