//! Results: the files `bench/results/NAME.json`, each one measurement with its machine, date and command.
//!
//! A command saves one; `figures` reads them all. The tables in it are what the docs show, `figures` the raw numbers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::machine::{self, Machine};
use crate::table::Table;

/// One measurement, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// The command's name, which is the file's too.
    pub(crate) name: String,
    /// When it ended, RFC 3339, to the second.
    pub(crate) date: String,
    /// The exact command that made it.
    pub(crate) command: String,
    /// Where it was taken.
    pub(crate) machine: Machine,
    /// Tables for the docs, by the name of their marker.
    pub(crate) tables: BTreeMap<String, Table>,
    /// Every number behind the tables.
    pub(crate) figures: Value,
}

impl Measurement {
    /// Takes what was measured just now, on this machine, by this command line.
    pub(crate) fn new<const N: usize>(
        name: &str,
        tables: [(&str, Table); N],
        figures: &impl Serialize,
    ) -> Result<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Ok(Self {
            name: name.to_owned(),
            date: today(),
            command: format!("cargo run --release -p orbit-bench -- {}", arguments.join(" ")),
            machine: machine::read(),
            tables: tables.into_iter().map(|(marker, table)| (marker.to_owned(), table)).collect(),
            figures: serde_json::to_value(figures)?,
        })
    }

    /// Writes it into `folder`, in the place of an older one.
    pub(crate) fn save(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.json", self.name));
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n").with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

/// Reads every measurement in `folder`, in the order of their names.
pub(crate) fn load(folder: &Path) -> Result<Vec<Measurement>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path)?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    };
    paths.into_iter().map(read).collect()
}

/// The folder of the project: the one above this crate's.
pub(crate) fn project() -> PathBuf {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.parent().unwrap_or(bench).to_owned()
}

/// The folder that the results are kept in.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

#[expect(clippy::disallowed_methods, reason = "a measurement bears the date on which it was taken")]
fn today() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::new(&["path", "ms"]);
        table.push(vec!["hit".into(), "0.05".into()]);
        let taken = Measurement::new("sample", [("sample-60kb", table)], &[1.5, 2.5]).unwrap();
        taken.save(folder.path()).unwrap();
        assert_eq!(load(folder.path()).unwrap(), [taken]);
    }

    #[test]
    fn a_date_has_no_fraction_of_a_second() {
        let date = today();
        assert_eq!(date.len(), "2026-01-01T00:00:00Z".len(), "{date}");
    }
}
