//! Machine: what a figure must be read with: processor, cores, memory, kernel and the commit that was built.
//!
//! `results` writes it beside every measurement.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// Where and of what a measurement was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) cpu: String,
    /// Processors that this process may use.
    pub(crate) cores: usize,
    /// Memory in GiB.
    pub(crate) memory_gib: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The commit that is checked out, with `-dirty` if files differ from it.
    pub(crate) commit: String,
}

/// Reads the machine; what cannot be read is "unknown", for a figure without it is still a figure.
pub(crate) fn read() -> Machine {
    Machine {
        cpu: value("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
        cores: std::thread::available_parallelism().map_or(0, Into::into),
        memory_gib: value("/proc/meminfo", "MemTotal").as_deref().and_then(kib).map_or(0, |kib| kib >> 20),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map_or_else(|_| unknown(), |release| release.trim().to_owned()),
        commit: git(&["describe", "--always", "--abbrev=12", "--dirty"]).unwrap_or_else(unknown),
    }
}

impl Machine {
    /// One line for people.
    pub(crate) fn line(&self) -> String {
        format!(
            "{}, {} cores, {} GiB, Linux {}, commit {}",
            self.cpu, self.cores, self.memory_gib, self.kernel, self.commit
        )
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn value(file: &str, key: &str) -> Option<String> {
    find(&fs::read_to_string(file).ok()?, key)
}

/// The value of the first line `key : value`.
fn find(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kib(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse().ok()
}

fn git(arguments: &[&str]) -> Option<String> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_with_the_key_counts() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Another\n";
        assert_eq!(find(text, "model name").as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(find(text, "bogus"), None);
    }

    #[test]
    fn memory_is_read_in_kibibytes() {
        assert_eq!(kib("24684096 kB"), Some(24_684_096));
        assert_eq!(kib("24684096"), None);
    }
}
