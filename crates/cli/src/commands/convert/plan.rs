//! Which file becomes which, and every reason not to begin: said before a byte is written.
//!
//! Nothing that is read is ever written over, and no two files become one.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use orbit_model::Variant;

use crate::client::{Exit, Failure};
use crate::commands::put::inputs;

/// A file, and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    /// Where it lies in the folder that was named.
    pub(super) name: String,
}

/// Lists what is to be done, in the order of the names, and in folders in that of the alphabet.
///
/// # Errors
/// Where a name is not there or holds no image, where two files would become one, and where a file is in the way.
pub(super) fn plan(names: &[PathBuf], out: &Path, variant: &Variant, force: bool) -> Result<Vec<Pair>, Failure> {
    let extension = variant.format().map_or("thumbhash", orbit_model::Format::extension);
    let mut pairs: Vec<Pair> = Vec::new();
    for name in names {
        for (from, inside) in find(name, out).map_err(|error| missing(name, &error))? {
            let to = out.join(&inside).with_extension(extension);
            if !pairs.iter().any(|pair| pair.from == from) {
                pairs.push(Pair { from, to, name: inside.display().to_string() });
            }
        }
    }
    if pairs.is_empty() {
        return Err(Failure::new(Exit::NotFound, "there are no images in what was named")
            .with_advice(format!("Folders are searched for names that end in {}.", inputs::EXTENSIONS.join(", "))));
    }
    check_distinct(&pairs)?;
    check_inputs(&pairs)?;
    if !force {
        check_free(&pairs)?;
    }
    Ok(pairs)
}

/// The files that a name stands for, each with its place inside. What was made before is not found again.
fn find(name: &Path, out: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    if !fs::metadata(name)?.is_dir() {
        let inside = name.file_name().map(PathBuf::from).unwrap_or_default();
        return Ok(vec![(name.to_owned(), inside)]);
    }
    let (whole, out) = (fs::canonicalize(name)?, fs::canonicalize(out).ok());
    let inner = out.filter(|out| out.starts_with(&whole) && *out != whole);
    let mut found = Vec::new();
    for from in inputs::images(name)? {
        let inside = from.strip_prefix(name).unwrap_or(&from).to_owned();
        if !inner.as_ref().is_some_and(|inner| whole.join(&inside).starts_with(inner)) {
            found.push((from, inside));
        }
    }
    Ok(found)
}

fn check_distinct(pairs: &[Pair]) -> Result<(), Failure> {
    let mut sources: HashMap<&Path, &Path> = HashMap::new();
    for Pair { from, to, .. } in pairs {
        if let Some(other) = sources.insert(to, from) {
            let (one, two, to) = (other.display(), from.display(), to.display());
            return Err(Failure::new(Exit::Usage, format!("{one} and {two} would both become {to}"))
                .with_advice("Convert them apart, into two folders."));
        }
    }
    Ok(())
}

fn check_inputs(pairs: &[Pair]) -> Result<(), Failure> {
    let sources: Vec<PathBuf> = pairs.iter().filter_map(|pair| fs::canonicalize(&pair.from).ok()).collect();
    for Pair { to, .. } in pairs {
        if fs::canonicalize(to).is_ok_and(|to| sources.contains(&to)) {
            let message = format!("{} is one of the files to convert, and would be written over", to.display());
            return Err(Failure::new(Exit::Usage, message).with_advice("Name another folder with --out."));
        }
    }
    Ok(())
}

fn check_free(pairs: &[Pair]) -> Result<(), Failure> {
    let taken: Vec<_> = pairs.iter().filter(|pair| fs::symlink_metadata(&pair.to).is_ok()).collect();
    match taken.as_slice() {
        [] => Ok(()),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(", and {} more are", rest.len()) };
            Err(Failure::new(Exit::Conflict, format!("{} is there already{more}", first.to.display()))
                .with_advice("--force replaces what is there; --out names another folder."))
        }
    }
}

fn missing(name: &Path, error: &io::Error) -> Failure {
    let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
    Failure::new(exit, format!("{}: {error}", name.display()))
}
