//! A disk that fails under a running server: every write to its data folder, or every read, ends with an error of the system's, for as
//! long as a test wants. No filesystem does so on demand, so calls are caught on their way there (`fault.c`, preloaded).

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::{Folder, Launch};

/// The disk works while there is no fault.
#[derive(Debug)]
pub(crate) struct Faults {
    folder: TempDir,
}

/// What fails, with which error number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Writes(i32),
    Reads(i32),
}

impl Faults {
    pub(crate) fn none() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A server whose data folder they are of.
    pub(crate) fn of(&self, launch: Launch, data: &Folder) -> Launch {
        let preloaded =
            [("LD_PRELOAD", library()), ("FAULT_ROOT", data.path().to_owned()), ("FAULT_FILE", self.file())];
        preloaded.iter().fold(launch, |launch, (name, path)| launch.variable(name, path.to_str().unwrap()))
    }

    pub(crate) fn begin(&self, fault: Fault) {
        let said = match fault {
            Fault::Writes(error) => format!("w{error}"),
            Fault::Reads(error) => format!("r{error}"),
        };
        // In one step: the server looks all the time.
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, said).unwrap();
        std::fs::rename(draft, self.file()).unwrap();
    }

    pub(crate) fn end(&self) {
        std::fs::remove_file(self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("fault")
    }
}

/// The library, built once for all tests of this process.
fn library() -> PathBuf {
    static BUILT: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/harness/fault.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("fault.so")).arg(source).arg("-ldl");
        let output = gcc.output().unwrap_or_else(|error| panic!("gcc: {error}; install gcc"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    });
    BUILT.path().join("fault.so")
}
