//! Resident: the memory that processes hold, read from `/proc` (Linux only).
//!
//! `soak` and `entry-cost` read it while a server is asked. RSS counts every page that a process maps; PSS shares a page
//! out among those that map it, so that it may be summed over processes.

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cpu;

/// What processes hold, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Resident {
    /// Pages mapped, summed over the processes.
    pub(crate) rss: u64,
    /// The same, each page once.
    pub(crate) pss: u64,
}

/// What this process and all that descend from it hold now.
pub(crate) fn of_tree(root: u32) -> Result<Resident> {
    let mut sum = Resident::default();
    for pid in cpu::trees(&[root])?.into_keys() {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // A child may end between the listing and the read.
            Err(_) if pid != root => continue,
            Err(error) => return Err(error).context(path),
        };
        let one = parse(&text).with_context(|| format!("{path} has no Rss and Pss"))?;
        sum = Resident { rss: sum.rss + one.rss, pss: sum.pss + one.pss };
    }
    Ok(sum)
}

fn parse(text: &str) -> Option<Resident> {
    let bytes = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some(Resident { rss: bytes("Rss:")?, pss: bytes("Pss:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_in_kibibytes() {
        let text = "5581 [rollup]\nRss:   10 kB\nPss:    7 kB\nPss_Dirty:   5 kB\n";
        assert_eq!(parse(text), Some(Resident { rss: 10_240, pss: 7_168 }));
        assert_eq!(parse("Rss: 10 kB\n"), None);
    }

    #[test]
    fn memory_that_is_written_is_seen() {
        let before = of_tree(std::process::id()).unwrap();
        let held = vec![1_u8; 256 << 20];
        let after = of_tree(std::process::id()).unwrap();
        // Other tests of this process give memory back meanwhile.
        assert!(after.rss >= before.rss + (128 << 20), "{before:?} {after:?} {}", held.len());
    }
}
