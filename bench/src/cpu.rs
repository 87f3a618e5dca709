//! CPU: the user and system time of process trees, and of the whole machine, read from `/proc` (Linux only).
//!
//! `measure` reads it before and after a load. A process that ends in between takes its time along; servers don't.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux shows `/proc` times in hundredths of a second on every architecture that Orbit runs on (`getconf CLK_TCK`).
const TICKS_PER_SECOND: u64 = 100;

/// One process's line in `/proc/PID/stat`, as far as it matters here.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    own_ticks: u64,
    waited_ticks: u64,
}

/// User and system time of these processes and all that descend from them.
pub(crate) fn of_trees(roots: &[u32]) -> Result<Duration> {
    Ok(from_ticks(trees(roots)?.values().sum()))
}

/// These processes and all that descend from them, with the time of each in ticks.
pub(crate) fn trees(roots: &[u32]) -> Result<HashMap<u32, u64>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut ticks: HashMap<u32, u64> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the listing and the read.
        let Ok(line) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let stat = parse_stat(&line).with_context(|| format!("/proc/{pid}/stat: {line}"))?;
        children.entry(stat.parent).or_default().push(pid);
        ticks.insert(pid, stat.own_ticks);
    }
    let mut members = HashMap::new();
    let mut left = roots.to_vec();
    while let Some(pid) = left.pop() {
        members.insert(pid, ticks.get(&pid).copied().unwrap_or(0));
        left.extend(children.remove(&pid).unwrap_or_default());
    }
    Ok(members)
}

/// Time of the children that this process started and has waited for: the load generators.
pub(crate) fn of_ended_children() -> Result<Duration> {
    let line = fs::read_to_string("/proc/self/stat")?;
    let stat = parse_stat(&line).with_context(|| format!("/proc/self/stat: {line}"))?;
    Ok(from_ticks(stat.waited_ticks))
}

/// Time that all processors spent on anything, by whomever.
pub(crate) fn of_machine() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks = parse_machine(&text).context("/proc/stat has no line of all processors")?;
    Ok(from_ticks(ticks))
}

fn from_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// Reads a stat line; the command's name stands in parentheses and may itself hold spaces and parentheses.
fn parse_stat(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own_ticks: number(11)? + number(12)?,
        waited_ticks: number(13)? + number(14)?,
    })
}

/// Sums user, nice, system, irq, softirq and steal; idle and iowait are no work.
fn parse_machine(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut total = 0;
    for (index, field) in line.split_ascii_whitespace().take(8).enumerate() {
        if index != 3 && index != 4 {
            total += field.parse::<u64>().ok()?;
        }
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let line = "14040 (next-server (v1) S 1 14035 9967 0 -1 4194304 35 0 0 0 150 25 7 3 20 0 11 0 53 11 9\n";
        let stat = parse_stat(line).unwrap();
        assert_eq!(stat, Stat { parent: 1, own_ticks: 175, waited_ticks: 10 });
    }

    #[test]
    fn a_short_line_is_refused() {
        assert_eq!(parse_stat("1 (init) S 0 1 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn idle_time_is_no_work() {
        let text = "cpu  100 2 30 9999 777 1 4 5 0 0\ncpu0 50 1 15 5000 300 0 2 2 0 0\n";
        assert_eq!(parse_machine(text), Some(142));
    }

    #[test]
    fn the_tree_of_this_process_has_its_time() {
        let mut sum = 0_u64;
        let enough = Duration::from_millis(20);
        while of_trees(&[std::process::id()]).unwrap() < enough {
            sum = (0..1_000_000_u64).fold(sum, |sum, n| sum ^ n.rotate_left(7));
        }
        assert!(of_machine().unwrap() >= enough, "{sum}");
    }
}
