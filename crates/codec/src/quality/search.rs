//! The least level of an encoder whose result scores as much as is wanted.
//!
//! A score grows with the level, nearly on a line: so the next trial lies where the line through the nearest ones meets the
//! target. It ends when no level is left between what is enough and what is not, or when the trials are used up.

use crate::Error;

/// What is searched for, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    /// The least score that is enough.
    pub(crate) target: f64,
    /// The first level to be tried.
    pub(crate) start: f64,
    /// Levels lie this far apart.
    pub(crate) step: f64,
    /// The least and the highest level.
    pub(crate) range: (f64, f64),
    /// How much the score is thought to grow with the level, before two trials have shown it.
    pub(crate) slope: f64,
    /// Trials at the most.
    pub(crate) trials: u32,
}

/// A level that was tried, and its score.
pub(crate) type Tried = (f64, f64);

impl Search {
    /// The result of the least level that is enough, or of the best that was tried where none is; its level and its score.
    pub(crate) fn run<T>(self, mut encode: impl FnMut(f64) -> Result<(T, f64), Error>) -> Result<(T, Tried), Error> {
        let (mut result, score) = encode(self.start)?;
        let mut best = (self.start, score);
        let mut tried = vec![best];
        while tried.len() < self.trials as usize {
            let Some(level) = self.next(&tried) else { break };
            let (made, score) = encode(level)?;
            tried.push((level, score));
            let was_enough = best.1 >= self.target;
            let better =
                if score >= self.target { !was_enough || level < best.0 } else { !was_enough && score > best.1 };
            if better {
                (result, best) = (made, (level, score));
            }
        }
        Ok((result, best))
    }

    /// The level to be tried next; `None` where there is none between.
    fn next(&self, tried: &[Tried]) -> Option<f64> {
        let enough = |&&(_, score): &&Tried| score >= self.target;
        let high = tried.iter().filter(enough).copied().min_by(|a, b| a.0.total_cmp(&b.0));
        let low = tried.iter().filter(|it| !enough(it)).copied().max_by(|a, b| a.0.total_cmp(&b.0));
        let line = |(level, score): Tried, slope: f64| level + (self.target - score) / slope;
        let guess = match (low, high) {
            (Some(low), Some(high)) => line(low, ((high.1 - low.1) / (high.0 - low.0)).max(1e-6)),
            // A step more than it takes, because what lies between two is found sooner than what lies beyond one.
            (Some(low), None) => line(low, self.slope(tried)) + self.step,
            (None, high) => line(high?, self.slope(tried)),
        };
        let least = low.map_or(self.range.0, |(level, _)| level + self.step);
        let most = high.map_or(self.range.1, |(level, _)| level - self.step);
        // A level that is not on the grid is as good as the one above it.
        let guess = (guess / self.step).ceil() * self.step;
        (least <= most + self.step * 1e-3).then(|| guess.clamp(least, most.max(least)))
    }

    /// How much the score grows with the level, by the last two trials if there are two.
    fn slope(&self, tried: &[Tried]) -> f64 {
        match tried {
            [.., (level, score), last] => {
                ((last.1 - score) / (last.0 - level)).clamp(self.slope / 4.0, self.slope * 4.0)
            }
            _ => self.slope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(target: f64, score: impl Fn(f64) -> f64) -> (f64, u32) {
        let mut trials = 0;
        let search = Search { target, start: 88.0, step: 1.0, range: (1.0, 100.0), slope: 1.0, trials: 7 };
        let (made, (level, _)) = search
            .run(|level| {
                trials += 1;
                Ok((level, score(level)))
            })
            .unwrap();
        assert_eq!(made.to_bits(), level.to_bits(), "the result is that of the level");
        (level, trials)
    }

    #[test]
    fn the_least_level_that_is_enough_is_found_in_seven_trials() {
        for target in 30..95 {
            let target = f64::from(target);
            for curve in [|level: f64| level, |level: f64| 40.0 + level * 0.6, |level: f64| level * level / 100.0] {
                let (level, trials) = found(target, curve);
                let least = (1..=100).map(f64::from).find(|&level| curve(level) >= target).unwrap();
                assert!(trials <= 7);
                assert!(level >= least && level <= least + 1.0, "{target}: {level}, not {least}");
            }
        }
    }

    #[test]
    fn what_never_is_enough_gives_the_best_there_is() {
        assert_eq!(found(80.0, |level| level / 2.0).0.to_bits(), 100.0_f64.to_bits());
    }

    #[test]
    fn what_always_is_enough_gives_the_least_that_was_tried() {
        assert!(found(80.0, |_| 100.0).0 <= 40.0);
    }

    #[test]
    fn an_error_ends_the_search() {
        let search = Search { target: 80.0, start: 50.0, step: 1.0, range: (1.0, 100.0), slope: 1.0, trials: 7 };
        let stopped = search.run(|_| Err::<((), f64), _>(Error::Stopped("told to")));
        assert_eq!(stopped, Err(Error::Stopped("told to")));
    }
}
