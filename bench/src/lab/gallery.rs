//! Gallery: the pictures of others that `bench/pictures/fetch.sh` makes, as PNG and as JPEG.
//!
//! Photographs and illustrations come in turn, so that the first few are of both kinds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::results;

/// A picture of 1024 x 1024 pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// The name of its files, without the kind.
    pub(crate) name: String,
    /// Whether a camera made it.
    pub(crate) photograph: bool,
    /// It without loss.
    pub(crate) png: PathBuf,
    /// It at Pillow's quality 90.
    pub(crate) jpeg: PathBuf,
}

/// The first pictures, at most so many.
pub(crate) fn open(count: usize) -> Result<Vec<Picture>> {
    let folder = results::project().join("target/bench-pictures");
    let pictures = read(&folder).with_context(|| format!("{}: run bench/pictures/fetch.sh once", folder.display()))?;
    Ok(pictures.into_iter().take(count).collect())
}

fn read(folder: &Path) -> Result<Vec<Picture>> {
    let (mut photographs, mut illustrations) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let png = entry?.path();
        let stem = png.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let jpeg = png.with_extension("jpg");
        let pictures = match stem.split_once('-') {
            Some(("p", _)) => &mut photographs,
            Some(("i", _)) => &mut illustrations,
            _ => continue,
        };
        if png.extension().is_some_and(|end| end == "png") && jpeg.exists() {
            let (kind, name) = stem.split_at(2);
            pictures.push(Picture { name: name.to_owned(), photograph: kind == "p-", png, jpeg });
        }
    }
    for pictures in [&mut photographs, &mut illustrations] {
        ensure!(pictures.len() >= 6, "there are fewer than six of a kind");
        pictures.sort_by(|one, other| one.name.cmp(&other.name));
    }
    Ok(photographs.into_iter().zip(illustrations).flat_map(<[Picture; 2]>::from).collect())
}

#[cfg(test)]
impl Picture {
    /// A picture without files.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), photograph: false, png: PathBuf::new(), jpeg: PathBuf::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_of_both_kinds() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["p-a", "p-b", "p-c", "p-d", "p-e", "p-f", "i-t", "i-u", "i-v", "i-w", "i-x", "i-y"] {
            for end in ["png", "jpg"] {
                fs::write(folder.path().join(format!("{name}.{end}")), b"").unwrap();
            }
        }
        fs::create_dir(folder.path().join("packages")).unwrap();
        let pictures = read(folder.path()).unwrap();
        let first: Vec<_> = pictures[..4].iter().map(|picture| (&*picture.name, picture.photograph)).collect();
        assert_eq!(first, [("a", true), ("t", false), ("b", true), ("u", false)]);
        assert_eq!(pictures.len(), 12);
    }

    #[test]
    fn a_picture_without_its_jpeg_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("p-a.png"), b"").unwrap();
        assert!(read(folder.path()).is_err());
    }
}
