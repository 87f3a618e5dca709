//! Measure: one load with the servers' CPU beside it, and the median and the percentiles of several values.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::cpu;
use crate::load::{self, Load, Seen};

/// One load, measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// What the clients saw.
    pub(crate) seen: Seen,
    /// User and system time of the servers' processes for one request, in microseconds.
    pub(crate) cpu_us: f64,
    /// Processors that others than the servers and the load kept busy meanwhile: the noise.
    pub(crate) others_cores: f64,
}

/// Runs `load` against servers with these process ids.
pub(crate) fn run(load: &Load, servers: &[u32]) -> Result<Sample> {
    let clocks = || Ok::<_, anyhow::Error>([cpu::of_trees(servers)?, cpu::of_ended_children()?, cpu::of_machine()?]);
    let before = clocks()?;
    let seen = load::run(load)?;
    let after = clocks()?;
    let spent = |index: usize| after[index].saturating_sub(before[index]);
    let others = spent(2).saturating_sub(spent(0) + spent(1));
    Ok(Sample {
        seen,
        cpu_us: spent(0).as_secs_f64() * 1e6 / seen.requests as f64,
        others_cores: others.as_secs_f64() / Duration::from_micros(seen.duration_us).as_secs_f64(),
    })
}

/// The median; the lower of the two in the middle, so that it is a value that was measured.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// The value that `share` of the values do not exceed, as it was measured (nearest rank); not a number where there is none.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// The time of `servers` and of everything else but this process and its children, since the start of this value.
#[derive(Clone, Debug)]
pub(crate) struct Spending {
    servers: Vec<u32>,
    since: Instant,
    before: [Duration; 3],
}

impl Spending {
    /// Begins to count the time of these processes, which this one has started.
    pub(crate) fn begin(servers: &[u32]) -> Result<Self> {
        Ok(Self { servers: servers.to_vec(), since: Instant::now(), before: Self::clocks(servers)? })
    }

    /// User and system time of the servers in milliseconds, and how many processors others kept busy meanwhile.
    pub(crate) fn end(&self) -> Result<(f64, f64)> {
        let after = Self::clocks(&self.servers)?;
        let [servers, ours, machine] = std::array::from_fn(|at| after[at].saturating_sub(self.before[at]));
        let others = machine.saturating_sub(ours).as_secs_f64() / self.since.elapsed().as_secs_f64();
        Ok((servers.as_secs_f64() * 1e3, others))
    }

    fn clocks(servers: &[u32]) -> Result<[Duration; 3]> {
        Ok([cpu::of_trees(servers)?, cpu::of_trees(&[std::process::id()])?, cpu::of_machine()?])
    }
}

/// A duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.0);
        assert_eq!(median([7.0].into_iter()), 7.0);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        for (share, value) in [(0.5, 100.0), (0.99, 198.0), (1.0, 200.0), (0.0, 1.0)] {
            assert_eq!(percentile(&values, share), value, "{share}");
        }
        assert!(percentile(&[], 0.5).is_nan());
    }
}
