//! Caches that are really run, on requests drawn by Zipf's law: what the approximation of the model is worth.

use super::{Group, Tier};
use crate::trace::replay::{self, Ratios};
use crate::trace::{Request, Trace};

/// Objects and requests of a simulation; each object is one size, for the model has groups of one size too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) objects: u32,
    pub(crate) requests: usize,
}

/// Bytes of an object: enough of them that no cache's bookkeeping rounds anything.
const BYTES: u32 = 1000;

/// Requests by Zipf's law.
pub(crate) fn trace(size: Size, zipf: f64) -> Trace {
    let mut sum = 0.0;
    let weights = (1..=size.objects).map(|rank| f64::from(rank).powf(-zipf));
    let cumulated: Vec<f64> = weights
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        // xorshift64*: any would do, and this one gives the same requests each time.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let number = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        let place = number as f64 / (1_u64 << 53) as f64 * sum;
        let id = cumulated.partition_point(|&end| end < place).min(cumulated.len() - 1);
        Request { id: u32::try_from(id).unwrap_or_default(), size: BYTES }
    };
    let requests = (0..size.requests).map(|_| draw()).collect();
    let objects = size.objects as usize;
    let working_set = u64::from(size.objects) * u64::from(BYTES);
    Trace { name: format!("zipf-{zipf}"), requests, objects, working_set, largest: BYTES }
}

/// The hits of a policy that holds a share of all objects, once it is warm: on the second half of the requests.
pub(crate) fn hits(policy: &str, trace: &Trace, share: f64) -> f64 {
    let bytes = trace.working_set as f64 * share;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of bytes is one")]
    let mut cache = replay::cache(policy, trace, bytes as u64);
    let (warming, counted) = trace.requests.split_at(trace.requests.len() / 2);
    let half = |requests: &[Request]| Trace { name: String::new(), requests: requests.to_vec(), ..*trace };
    replay::replay(&half(warming), &mut *cache);
    let Ratios { objects, .. } = replay::replay(&half(counted), &mut *cache);
    objects
}

/// What the approximation says of the same.
pub(crate) fn approximated(size: Size, zipf: f64, share: f64) -> f64 {
    let ranks = (1..=size.objects).map(|rank| f64::from(rank).powf(-zipf));
    let groups: Vec<Group> = ranks.map(|rate| Group { count: 1.0, rate, bytes: 1.0 }).collect();
    Tier { bytes: f64::from(size.objects) * share, caches: 1.0, is_spread: false }.answer(&groups).hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_approximation_is_within_two_points_of_an_lru_that_is_run() {
        let size = Size { objects: 5_000, requests: 200_000 };
        for zipf in [0.7, 1.0] {
            let trace = trace(size, zipf);
            for share in [0.02, 0.1, 0.3] {
                let (run, said) = (hits("lru", &trace, share), approximated(size, zipf, share));
                assert!((run - said).abs() < 0.02, "zipf {zipf} share {share}: {run} and {said}");
            }
        }
    }
}
