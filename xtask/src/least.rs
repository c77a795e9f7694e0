//! The fewest bytes that ranks must send in a step of each of the five programs, all together, whoever implements it.
//!
//! Assumed is what the project does anyway: each of `ranks` ranks runs the program and may read every number that the program names, and each large array is cut along its first
//! dimension, one part a rank. Then what a rank needs and does not have must come to it once. A sum whose parts lie on all ranks and which all ranks learn costs two
//! numbers for each rank but one: each must be heard of, and each must hear. Numbers have eight bytes.

const NUMBER: f64 = 8.0;

/// A formula: of the size of the problem and the number of ranks.
pub(crate) type Least = fn(f64, f64) -> f64;

/// `x = (b - R x) / d`: row `i` of the product needs all of `x`, of which a rank makes one part. Each number goes to all ranks but its own.
pub(crate) fn jacobi(n: f64, ranks: f64) -> f64 {
    everywhere(n, ranks)
}

/// Nothing but the sums of the calls' and of the puts' prices.
pub(crate) fn black_scholes(_n: f64, ranks: f64) -> f64 {
    sums(2.0, ranks)
}

/// The gradient is a sum over all samples, of one number for each feature; the next step needs all of it everywhere.
pub(crate) fn logistic_regression(_n: f64, ranks: f64) -> f64 {
    const FEATURES: f64 = 32.0;
    sums(FEATURES, ranks)
}

/// A rank's first inner row is what the rank above needs, its last what the rank below needs; and the sum of the changes.
pub(crate) fn heat(n: f64, ranks: f64) -> f64 {
    2.0 * (ranks - 1.0) * n * NUMBER + sums(1.0, ranks)
}

/// Two products with matrices, of `p` and of `r`. Who has both vectors, as all ranks do for the products, computes the three scalar products from them.
pub(crate) fn pcg(n: f64, ranks: f64) -> f64 {
    2.0 * everywhere(n, ranks)
}

/// A vector of which each rank has a part, and all want all.
fn everywhere(n: f64, ranks: f64) -> f64 {
    (ranks - 1.0) * n * NUMBER
}

/// Sums of which each rank has a part, and all want all.
fn sums(numbers: f64, ranks: f64) -> f64 {
    2.0 * (ranks - 1.0) * numbers * NUMBER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rank_sends_nothing() {
        for least in [jacobi, black_scholes, logistic_regression, heat, pcg] {
            assert_eq!(least(1000.0, 1.0), 0.0);
        }
    }

    #[test]
    fn two_ranks_exchange_halves_rows_and_sums() {
        assert_eq!(jacobi(4000.0, 2.0), 2.0 * 16_000.0);
        assert_eq!(heat(3000.0, 2.0), 2.0 * (24_000.0 + 8.0));
        assert_eq!(logistic_regression(1e6, 2.0), 2.0 * 256.0);
    }
}
