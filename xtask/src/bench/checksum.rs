//! Whether two libraries have computed the same.

use anyhow::{Context, Result};
use serde_json::Value;

/// Standard deviations by which moments of random numbers may differ.
const SIGMAS: f64 = 6.0;

/// What a worker tells of one array of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Checksum {
    count: f64,
    sum: f64,
    /// Each element times a weight by its position: a permutation shows.
    weighted: f64,
    absolute: f64,
    squares: f64,
}

impl Checksum {
    /// Of all arrays in a worker's answer.
    ///
    /// # Errors
    /// If a number is missing, or is no number (a NaN in a result).
    pub(super) fn list(answer: &Value) -> Result<Vec<Checksum>> {
        let all = answer["checksums"].as_array().context("no checksums")?;
        all.iter().map(Checksum::read).collect()
    }

    fn read(value: &Value) -> Result<Checksum> {
        let number = |key: &str| value[key].as_f64().with_context(|| format!("{key} is no number in {value}"));
        Ok(Checksum {
            count: number("count")?,
            sum: number("sum")?,
            weighted: number("weighted")?,
            absolute: number("absolute")?,
            squares: number("squares")?,
        })
    }
}

/// How results are compared.
pub(super) enum Compare {
    /// The same numbers, each with a rounding error: sums to a tolerance, relative to the sum of absolute values.
    Sums { tolerance: f64 },
    /// Random numbers of the same distribution.
    Moments,
}

impl Compare {
    /// As the case says.
    pub(super) fn of(case: &Value) -> Compare {
        match case["compare"].as_str() {
            Some("moments") => Compare::Moments,
            _ => Compare::Sums { tolerance: case["tolerance"].as_f64().unwrap_or(0.0) },
        }
    }

    /// # Errors
    /// A sentence that says what differs.
    pub(super) fn ensure_equal(&self, own: &[Checksum], numpy: &[Checksum]) -> Result<(), String> {
        if own.len() != numpy.len() || own.iter().zip(numpy).any(|(own, numpy)| own.count != numpy.count) {
            return Err(format!("shapes differ from NumPy's: {own:?}, {numpy:?}"));
        }
        own.iter().zip(numpy).try_for_each(|(own, numpy)| match self {
            Compare::Sums { tolerance } => sums(own, numpy, *tolerance),
            Compare::Moments => moments(own, numpy),
        })
    }
}

fn sums(own: &Checksum, numpy: &Checksum, tolerance: f64) -> Result<(), String> {
    let pairs = [(own.sum, numpy.sum), (own.weighted, numpy.weighted), (own.absolute, numpy.absolute)];
    for (own, theirs) in pairs {
        let difference = (own - theirs).abs();
        // A NaN is no small difference.
        if difference.is_nan() || difference > tolerance * numpy.absolute {
            let relative = difference / numpy.absolute;
            return Err(format!(
                "checksum {own:e} is {relative:.1e} from NumPy's {theirs:e}, more than {tolerance:e} of the sum of absolute values"
            ));
        }
    }
    Ok(())
}

/// The error of a mean is σ/√n, that of a variance at most about √2 σ²/√n for the distributions here; a difference of two has √2 times that.
fn moments(own: &Checksum, numpy: &Checksum) -> Result<(), String> {
    let moments = |sum: &Checksum| {
        let mean = sum.sum / sum.count;
        (mean, sum.squares / sum.count - mean * mean)
    };
    let ((mean, variance), (numpy_mean, numpy_variance)) = (moments(own), moments(numpy));
    let error = SIGMAS * (2.0 / numpy.count).sqrt();
    let is_near = (mean - numpy_mean).abs() <= error * numpy_variance.sqrt()
        && (variance - numpy_variance).abs() <= error * 2f64.sqrt() * numpy_variance;
    if is_near {
        Ok(())
    } else {
        Err(format!("mean {mean} and variance {variance}, NumPy's {numpy_mean} and {numpy_variance}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONES: Checksum = Checksum { count: 1e6, sum: 0.0, weighted: 3.0, absolute: 1e6, squares: 1e6 };

    #[test]
    fn sums_differ_by_rounding_only() {
        let compare = Compare::Sums { tolerance: 1e-12 };
        let off = |sum: f64| [Checksum { sum, ..ONES }];
        assert!(compare.ensure_equal(&off(9e-7), &[ONES]).is_ok());
        assert!(compare.ensure_equal(&off(2e-6), &[ONES]).is_err());
        assert!(compare.ensure_equal(&off(f64::NAN), &[ONES]).is_err());
        assert!(compare.ensure_equal(&[Checksum { weighted: 4.0, ..ONES }], &[ONES]).is_err(), "a permutation");
        assert!(compare.ensure_equal(&[Checksum { count: 1.0, ..ONES }], &[ONES]).is_err());
        assert!(compare.ensure_equal(&[], &[ONES]).is_err());
    }

    #[test]
    fn random_numbers_agree_in_mean_and_variance() {
        let drawn = |sum: f64, squares: f64| [Checksum { sum, squares, ..ONES }];
        assert!(Compare::Moments.ensure_equal(&drawn(2e3, 1.002e6), &[ONES]).is_ok());
        assert!(Compare::Moments.ensure_equal(&drawn(2e4, 1e6), &[ONES]).is_err(), "mean 0.02");
        assert!(Compare::Moments.ensure_equal(&drawn(0.0, 1.1e6), &[ONES]).is_err(), "variance 1.1");
    }
}
