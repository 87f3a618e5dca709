//! Measure: one load with the servers' CPU beside it, and the median of several.

use std::time::Duration;

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
}
