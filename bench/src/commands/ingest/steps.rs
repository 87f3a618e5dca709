//! Steps: where the time of one upload goes, one picture after the other on one thread.
//!
//! The codec has a stopwatch for each of its own steps. What the store does is timed as a whole, on the disk under the
//! temporary folder: both blobs and the manifest written and synced, and the row in the index.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use orbit_codec::{Encoded, Quality, Terms};
use orbit_model::{BlobName, Digest, Format, Labels, Manifest, Rendition, Source};
use orbit_store::{Committed, Expect, Store};
use serde::Serialize;

use crate::table::{Table, figure};

/// Milliseconds of each step, the mean of all pictures.
#[derive(Debug, Default, Serialize)]
pub(super) struct Steps {
    pictures: usize,
    decode: f64,
    colour: f64,
    placeholder: f64,
    encode: f64,
    store: f64,
}

/// Encodes the pictures and stores them in a new store in `folder`.
pub(super) fn measure(pictures: &[Vec<u8>], folder: &Path) -> Result<Steps> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = runtime.block_on(Store::open(folder))?;
    let mut steps = Steps { pictures: pictures.len(), ..Steps::default() };
    let mean = |time: Duration| time.as_secs_f64() * 1000.0 / pictures.len() as f64;
    for (number, source) in pictures.iter().enumerate() {
        let encoded = orbit_codec::encode(source, Quality::default(), &Terms::default())?;
        let timings = encoded.timings;
        steps.decode += mean(timings.decode);
        steps.colour += mean(timings.colour);
        steps.placeholder += mean(timings.placeholder);
        steps.encode += mean(timings.encode);
        let (manifest, blobs) = describe(number, source, encoded)?;
        let since = Instant::now();
        let committed = runtime.block_on(store.commit(manifest, blobs, Expect::New))?;
        steps.store += mean(since.elapsed());
        ensure!(committed == Committed::Created, "picture {number} was there already");
    }
    Ok(steps)
}

impl Steps {
    /// A row for each step, with its share of the sum.
    pub(super) fn table(&self) -> Table {
        let steps = [
            ("decode", self.decode),
            ("orientation and colour", self.colour),
            ("placeholder", self.placeholder),
            ("encode WebP", self.encode),
            ("store: write, sync, index", self.store),
        ];
        let sum: f64 = steps.iter().map(|(_, ms)| ms).sum();
        let mut table = Table::new(&["step of one upload", "ms", "share"]);
        for (name, ms) in steps.into_iter().chain([("all", sum)]) {
            table.push(vec![name.to_owned(), figure(ms), format!("{:.0}%", 100.0 * ms / sum)]);
        }
        table
    }
}

/// The manifest and the blobs that a server would store.
#[expect(clippy::disallowed_methods, reason = "a stored image bears the time at which it was stored")]
fn describe(number: usize, source: &[u8], encoded: Encoded) -> Result<(Manifest, Vec<(BlobName, Bytes)>)> {
    let (digest, format) = (Digest::of(source), encoded.source_format);
    let webp = Bytes::from(encoded.webp);
    let webp_digest = Digest::of(&webp);
    let manifest = Manifest {
        version: Manifest::VERSION,
        revision: 1,
        id: format!("step_{number}").parse()?,
        labels: Labels::default(),
        created_at: jiff::Timestamp::now(),
        source: Source {
            file: BlobName::for_content("source", &digest, format),
            format,
            bytes: source.len() as u64,
            digest,
            evicted: false,
        },
        recipe: None,
        image: Rendition {
            file: BlobName::for_content("image", &webp_digest, Format::Webp),
            format: Format::Webp,
            quality: Quality::default().get(),
            width: encoded.width,
            height: encoded.height,
            bytes: webp.len() as u64,
            digest: webp_digest,
        },
        refined: false,
        placeholder: encoded.placeholder,
        variants: Vec::new(),
        used_at: None,
    };
    let blobs =
        vec![(manifest.source.file.clone(), Bytes::copy_from_slice(source)), (manifest.image.file.clone(), webp)];
    Ok((manifest, blobs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture;

    #[test]
    fn every_step_takes_time_and_the_shares_are_of_the_whole() {
        let pictures = [picture::png(64, 4.0, 1).unwrap(), picture::png(64, 4.0, 2).unwrap()];
        let folder = tempfile::tempdir().unwrap();
        let steps = measure(&pictures, folder.path()).unwrap();
        for ms in [steps.decode, steps.colour, steps.placeholder, steps.encode, steps.store] {
            assert!(ms > 0.0, "{steps:?}");
        }
        let table = steps.table();
        assert_eq!(table.rows.last().unwrap()[2], "100%");
    }
}
