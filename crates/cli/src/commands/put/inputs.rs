//! What `orbit put` is to send: names of the command line become a list of files.
//!
//! A file is taken whatever its name says; in folders only names with an image's extension are. Links to folders are
//! not followed, so no loop can be walked.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::client::{Exit, Failure};

pub(in crate::commands) const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "gif"];

/// One image to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// The whole content.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::File(path) => fs::read(path),
            Self::Stdin => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// Lists what the names stand for, in their order and folders in that of the alphabet.
///
/// # Errors
/// Where a name is not there, and where nothing is left to send.
pub(super) fn gather(names: &[String]) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    for name in names {
        if name == "-" {
            if !inputs.contains(&Input::Stdin) {
                inputs.push(Input::Stdin);
            }
            continue;
        }
        let path = Path::new(name);
        let found = fs::metadata(path).and_then(|metadata| {
            let files = if metadata.is_dir() { images(path)? } else { vec![path.to_owned()] };
            inputs.extend(files.into_iter().map(Input::File));
            Ok(())
        });
        found.map_err(|error| {
            let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
            Failure::new(exit, format!("{name}: {error}"))
        })?;
    }
    if inputs.is_empty() {
        let names = names.join(", ");
        return Err(Failure::new(Exit::NotFound, format!("no images in {names}"))
            .with_advice(format!("Folders are searched for names that end in {}.", EXTENSIONS.join(", "))));
    }
    Ok(inputs)
}

/// The images in a folder and the folders in it, in the order of the alphabet.
pub(in crate::commands) fn images(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    search(folder, &mut found)?;
    Ok(found)
}

fn search(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            search(&path, found)?;
        } else if is_image(&path) && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_images_in_order_and_files_are_taken_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        for name in ["b.JPG", "a.png", "notes.txt", "deep/c.webp"] {
            fs::write(at(name), b"x").unwrap();
        }
        let names = [folder.path().display().to_string(), at("notes.txt").display().to_string(), "-".to_owned()];
        let expected: Vec<_> = ["a.png", "b.JPG", "deep/c.webp", "notes.txt"].map(|name| Input::File(at(name))).into();
        assert_eq!(gather(&names).unwrap(), [expected, vec![Input::Stdin]].concat());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_its_own_folder_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.png"), b"x").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        assert_eq!(gather(&[folder.path().display().to_string()]).unwrap().len(), 1);
    }

    #[test]
    fn nothing_to_send_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let empty = gather(&[folder.path().display().to_string()]).unwrap_err();
        assert_eq!(empty.exit(), Exit::NotFound);
        assert!(empty.advice().unwrap().contains("webp"));
        assert_eq!(gather(&["/no/such/fox.png".to_owned()]).unwrap_err().exit(), Exit::NotFound);
    }
}
