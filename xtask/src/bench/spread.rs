//! Figures from several rounds.

use serde_json::{Value, json};

/// A middle value and the range around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Spread {
    /// Of at least one value.
    pub(super) fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) };
        Spread { median, low: values[0], high: values[values.len() - 1] }
    }

    /// Of `above` by `below`, round by round: what disturbs a whole round cancels.
    pub(super) fn of_ratios(above: &[f64], below: &[f64]) -> Spread {
        Spread::of(above.iter().zip(below).map(|(above, below)| above / below).collect())
    }

    /// In another unit.
    pub(super) fn scaled(self, factor: f64) -> Spread {
        Spread { median: factor * self.median, low: factor * self.low, high: factor * self.high }
    }

    pub(super) fn to_json(self) -> Value {
        json!({"median": self.median, "low": self.low, "high": self.high})
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:.2} ({:.2} … {:.2})", self.median, self.low, self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_pairs_the_runs_of_a_round() {
        // The machine slowed down in the second round: the paired ratios do not see it.
        let ratio = Spread::of_ratios(&[2.0, 8.0, 2.0], &[1.0, 4.0, 0.5]);
        assert_eq!(ratio, Spread { median: 2.0, low: 2.0, high: 4.0 });
        assert_eq!(ratio.to_string(), "2.00 (2.00 … 4.00)");
    }

    #[test]
    fn the_median_of_an_even_number_is_the_middle() {
        assert_eq!(Spread::of(vec![4.0, 1.0]).median, 2.5);
    }
}
