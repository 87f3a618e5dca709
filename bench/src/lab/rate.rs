//! Rate: the bytes that an encoder needs for a score, read off the line through the settings that were measured.
//!
//! Between two settings, the logarithm of the bytes is taken to grow evenly with the score. Beyond the last there is nothing.

use serde::Serialize;

/// One file: a setting, what it cost and what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    /// The encoder's own number.
    pub(crate) quality: f64,
    /// The size of the file.
    pub(crate) bytes: f64,
    /// SSIMULACRA2.
    pub(crate) score: f64,
}

/// An encoder's settings on one picture, or on the mean of several.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Curve {
    /// From the lowest score to the highest.
    pub(crate) points: Vec<Point>,
}

impl Curve {
    /// The curve through these points.
    pub(crate) fn new(mut points: Vec<Point>) -> Self {
        points.sort_by(|one, other| one.score.total_cmp(&other.score));
        Self { points }
    }

    /// The curve of the means of several, setting by setting.
    pub(crate) fn mean(curves: &[Self]) -> Self {
        let mut sums: Vec<(Point, f64)> = Vec::new();
        for point in curves.iter().flat_map(|curve| &curve.points) {
            match sums.iter_mut().find(|(sum, _)| (sum.quality - point.quality).abs() < 1e-9) {
                Some((sum, count)) => {
                    sum.bytes += point.bytes;
                    sum.score += point.score;
                    *count += 1.0;
                }
                None => sums.push((*point, 1.0)),
            }
        }
        let mean = |(sum, count): (Point, f64)| Point { bytes: sum.bytes / count, score: sum.score / count, ..sum };
        Self::new(sums.into_iter().map(mean).collect())
    }

    /// The bytes that it needs for a score; `None` beyond what was measured.
    pub(crate) fn bytes_at(&self, score: f64) -> Option<f64> {
        self.at(score, |point| point.bytes.ln()).map(f64::exp)
    }

    /// The setting that comes to a score; `None` beyond what was measured.
    pub(crate) fn quality_at(&self, score: f64) -> Option<f64> {
        self.at(score, |point| point.quality)
    }

    fn at(&self, score: f64, of: impl Fn(&Point) -> f64) -> Option<f64> {
        let pair = self.points.windows(2).find(|pair| (pair[0].score..=pair[1].score).contains(&score))?;
        let span = pair[1].score - pair[0].score;
        let share = if span > 0.0 { (score - pair[0].score) / span } else { 0.0 };
        Some(of(&pair[0]) + share * (of(&pair[1]) - of(&pair[0])))
    }
}

/// The geometric mean of the ratios that there are, and how many those are.
pub(crate) fn ratio(ratios: impl Iterator<Item = Option<f64>>) -> (f64, usize) {
    let logarithms: Vec<f64> = ratios.flatten().map(f64::ln).collect();
    let count = logarithms.len();
    (super::mean(logarithms.into_iter()).exp(), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64, f64)]) -> Curve {
        Curve::new(points.iter().map(|&(quality, bytes, score)| Point { quality, bytes, score }).collect())
    }

    #[test]
    fn between_two_settings_bytes_grow_by_ratios() {
        let curve = curve(&[(90.0, 4000.0, 80.0), (50.0, 1000.0, 60.0)]);
        assert!((curve.bytes_at(70.0).unwrap() - 2000.0).abs() < 1e-6);
        assert!((curve.quality_at(70.0).unwrap() - 70.0).abs() < 1e-9);
        assert_eq!(curve.bytes_at(60.0).map(f64::round), Some(1000.0));
    }

    #[test]
    fn beyond_what_was_measured_there_is_nothing() {
        let curve = curve(&[(50.0, 1000.0, 60.0), (90.0, 4000.0, 80.0)]);
        assert_eq!((curve.bytes_at(59.9), curve.bytes_at(80.1)), (None, None));
        assert_eq!(self::curve(&[]).bytes_at(1.0), None);
    }

    #[test]
    fn the_mean_of_two_pictures_is_taken_setting_by_setting() {
        let mean = Curve::mean(&[
            curve(&[(50.0, 1000.0, 60.0), (90.0, 4000.0, 80.0)]),
            curve(&[(50.0, 3000.0, 70.0), (90.0, 6000.0, 90.0)]),
        ]);
        assert_eq!(mean, curve(&[(50.0, 2000.0, 65.0), (90.0, 5000.0, 85.0)]));
    }

    #[test]
    fn a_ratio_leaves_out_what_there_is_not() {
        let (ratio, count) = ratio([Some(0.5), None, Some(2.0)].into_iter());
        assert!((ratio - 1.0).abs() < 1e-9);
        assert_eq!(count, 2);
    }
}
