//! Medians and percentiles of small samples.

use std::fmt;
use std::time::Duration;

/// Median, lowest and highest of the rounds of one measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

// === impl Spread ===

impl Spread {
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |fraction| ranked(&values, fraction).copied().unwrap_or(f64::NAN);
        Self { median: at(0.5), lowest: at(0.0), highest: at(1.0) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.lowest, self.highest)
    }
}

/// The nearest-rank percentile; zero of an empty sample.
pub(super) fn percentile(sample: &[Duration], fraction: f64) -> Duration {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    ranked(&sorted, fraction).copied().unwrap_or_default()
}

pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn ranked<T>(sorted: &[T], fraction: f64) -> Option<&T> {
    let rank = (fraction * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let sample: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&sample, 0.5), Duration::from_millis(50));
        assert_eq!(percentile(&sample, 0.99), Duration::from_millis(99));
        assert_eq!(percentile(&sample, 1.0), Duration::from_millis(100));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn a_spread_shows_median_and_range() {
        assert_eq!(Spread::of(vec![1.5, 1.0, 1.25]).to_string(), "1.25 (1.00–1.50)");
    }
}
