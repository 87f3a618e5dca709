//! `size`: how much smaller Orbit's WebP is than the photographs of `tests/fixtures/photos/` that it is made from.
//!
//! A lossless PNG and a JPEG that has lost already are different starts, so that each format has its own sum.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use orbit_codec::{Quality, Terms};
use serde::Serialize;

use crate::commands::publish;
use crate::results::{self, Measurement};
use crate::table::Table;

#[derive(Debug, Serialize)]
struct Photograph {
    file: String,
    format: String,
    width: u32,
    height: u32,
    source_bytes: usize,
    webp_bytes: usize,
}

/// Encodes every photograph, prints and saves.
pub(crate) fn run() -> Result<()> {
    let mut photographs = Vec::new();
    for path in files(&results::project().join("tests/fixtures/photos"))? {
        photographs.push(encode(&path)?);
    }
    ensure!(!photographs.is_empty(), "tests/fixtures/photos holds no photograph");
    let table = table(&photographs);
    publish(&Measurement::new("size", [("size", table)], &photographs)?, false)
}

/// The PNG and JPEG files directly in `folder`, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        paths.push(entry?.path());
    }
    let wanted = |path: &PathBuf| path.extension().is_some_and(|end| end == "png" || end == "jpg" || end == "jpeg");
    paths.retain(wanted);
    paths.sort();
    Ok(paths)
}

fn encode(path: &Path) -> Result<Photograph> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = fs::read(path)?;
    let encoded = orbit_codec::encode(&bytes, Quality::default(), &Terms::default()).context(file.clone())?;
    Ok(Photograph {
        format: encoded.source_format.extension().to_owned(),
        width: encoded.width,
        height: encoded.height,
        source_bytes: bytes.len(),
        webp_bytes: encoded.webp.len(),
        file,
    })
}

/// A row for each photograph, then one for each format's sum.
fn table(photographs: &[Photograph]) -> Table {
    let mut table = Table::new(&["source", "pixels", "KB", "WebP KB", "smaller by"]);
    let mut sums: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let row = |name: String, pixels: String, source: usize, webp: usize| {
        let smaller = 100.0 * (1.0 - webp as f64 / source as f64);
        let kilobytes = |bytes: usize| format!("{:.1}", bytes as f64 / 1000.0);
        vec![name, pixels, kilobytes(source), kilobytes(webp), format!("{smaller:.0}%")]
    };
    for one in photographs {
        let pixels = format!("{}x{}", one.width, one.height);
        table.push(row(one.file.clone(), pixels, one.source_bytes, one.webp_bytes));
        let sum = sums.entry(&one.format).or_default();
        *sum = (sum.0 + one.source_bytes, sum.1 + one.webp_bytes);
    }
    for (format, (source, webp)) in sums {
        table.push(row(format!("all {format}"), String::new(), source, webp));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_its_own_sum() {
        let one = |file: &str, format: &str, source_bytes, webp_bytes| Photograph {
            file: file.into(),
            format: format.into(),
            width: 2,
            height: 1,
            source_bytes,
            webp_bytes,
        };
        let table =
            table(&[one("a.png", "png", 3000, 1000), one("b.png", "png", 1000, 1000), one("c.jpg", "jpg", 2000, 500)]);
        let last: Vec<_> = table.rows[3..].iter().map(|row| (row[0].as_str(), row[4].as_str())).collect();
        assert_eq!(last, [("all jpg", "75%"), ("all png", "50%")]);
    }
}
