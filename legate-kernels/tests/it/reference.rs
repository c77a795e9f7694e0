//! Values of functions to 192 bits, and distances from them.

use astro_float_num::{BigFloat, Consts, RoundingMode, Sign};

const BITS: usize = 192;
const ROUND: RoundingMode = RoundingMode::None;

/// Computes values to 192 bits.
pub(crate) struct Reference {
    constants: Consts,
}

fn big(x: f64) -> BigFloat {
    if x.is_subnormal() {
        // `from_f64` takes them for other numbers.
        let mut scaled = BigFloat::from_f64(x * 2f64.powi(100), BITS);
        scaled.set_exponent(scaled.exponent().unwrap() - 100);
        return scaled;
    }
    BigFloat::from_f64(x, BITS)
}

fn add(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.add(y, BITS, ROUND)
}

fn mul(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.mul(y, BITS, ROUND)
}

impl Reference {
    pub(crate) fn new() -> Reference {
        Reference { constants: Consts::new().unwrap() }
    }

    /// The function of this name at `x`.
    pub(crate) fn unary(&mut self, name: &str, x: f64) -> BigFloat {
        let (z, cc) = (big(x), &mut self.constants);
        match name {
            "exp" => z.exp(BITS, ROUND, cc),
            "exp2" => big(2.0).pow(&z, BITS, ROUND, cc),
            // Below it the second term of the series is the last that counts.
            "expm1" if x.abs() < 1e-30 => add(&z, &mul(&z, &mul(&z, &big(0.5)))),
            "expm1" => z.exp(2 * BITS, ROUND, cc).sub(&big(1.0), BITS, ROUND),
            "log" => z.ln(BITS, ROUND, cc),
            "log2" => z.log2(BITS, ROUND, cc),
            "log10" => z.log10(BITS, ROUND, cc),
            "log1p" if x.abs() < 1e-30 => add(&z, &mul(&z, &mul(&z, &big(-0.5)))),
            "log1p" => z.add(&big(1.0), 2 * BITS, ROUND).ln(BITS, ROUND, cc),
            "sqrt" => z.sqrt(BITS, ROUND),
            "cbrt" => z.cbrt(BITS, ROUND),
            "sin" => z.sin(BITS, ROUND, cc),
            "cos" => z.cos(BITS, ROUND, cc),
            "tan" => z.tan(BITS, ROUND, cc),
            "arcsin" => z.asin(BITS, ROUND, cc),
            "arccos" => z.acos(BITS, ROUND, cc),
            "arctan" => z.atan(BITS, ROUND, cc),
            "sinh" => z.sinh(BITS, ROUND, cc),
            "cosh" => z.cosh(BITS, ROUND, cc),
            "tanh" => z.tanh(BITS, ROUND, cc),
            "arcsinh" => z.asinh(BITS, ROUND, cc),
            "arccosh" => z.acosh(BITS, ROUND, cc),
            "arctanh" => z.atanh(BITS, ROUND, cc),
            "erf" => self.erf(&z),
            other => panic!("no reference for {other}"),
        }
    }

    /// The function of this name at `(x, y)`.
    pub(crate) fn binary(&mut self, name: &str, x: f64, y: f64) -> BigFloat {
        let (a, b) = (big(x), big(y));
        match name {
            "power" => a.pow(&b, BITS, ROUND, &mut self.constants),
            "hypot" => add(&mul(&a, &a), &mul(&b, &b)).sqrt(BITS, ROUND),
            "arctan2" => {
                let angle = a.div(&b, BITS, ROUND).atan(BITS, ROUND, &mut self.constants);
                if y > 0.0 {
                    return angle;
                }
                let pi = self.constants.pi(BITS, ROUND);
                angle.add(&if x > 0.0 { pi } else { pi.neg() }, BITS, ROUND)
            }
            other => panic!("no reference for {other}"),
        }
    }

    /// The series of the error function; its terms grow before they fall.
    fn erf(&mut self, x: &BigFloat) -> BigFloat {
        let bits = 2 * BITS;
        let square = x.mul(x, bits, ROUND).neg();
        let (mut term, mut sum, mut n) = (x.clone(), x.clone(), 0.0);
        while !term.is_zero() && term.exponent() > sum.exponent().map(|e| e - bits as i32) {
            n += 1.0;
            term = term.mul(&square, bits, ROUND).div(&big(n), bits, ROUND);
            sum = sum.add(&term.div(&big(2.0 * n + 1.0), bits, ROUND), bits, ROUND);
        }
        let root = self.constants.pi(bits, ROUND).sqrt(bits, ROUND);
        sum.mul(&big(2.0), bits, ROUND).div(&root, BITS, ROUND)
    }
}

/// The exponent of the first digit: numbers between 1 and 2 have 0.
fn exponent(x: &BigFloat) -> i32 {
    x.exponent().map_or(i32::MIN / 2, |e| e - 1)
}

/// A binary format: its digits, its smallest and its largest exponent.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    digits: i32,
    smallest: i32,
    largest: i32,
}

pub(crate) const SINGLE: Format = Format { digits: 24, smallest: -126, largest: 127 };
pub(crate) const DOUBLE: Format = Format { digits: 53, smallest: -1022, largest: 1023 };

impl Format {
    /// The distance of `x` from the exact value, in units in the last place of that. Infinities and NaN are right or infinitely wrong.
    pub(crate) fn ulps(self, x: f64, exact: &BigFloat) -> f64 {
        if exact.is_nan() || x.is_nan() {
            return if exact.is_nan() && x.is_nan() { 0.0 } else { f64::INFINITY };
        }
        if x.is_infinite() || exact.is_inf() {
            let overflows = exact.is_inf() || exponent(exact) > self.largest || {
                // Half an ulp more than the largest number, and an ulp of tolerance.
                let ulp = f64::from(1 - self.digits).exp2();
                let mantissa = self.mantissa(exact);
                exponent(exact) == self.largest && mantissa > 2.0 - 2.0 * ulp
            };
            let agrees = (exact.sign() == Some(Sign::Neg)) == (x < 0.0);
            return if overflows && agrees && (x.is_infinite() || exact.is_inf() == x.is_infinite()) {
                0.0
            } else {
                f64::INFINITY
            };
        }
        let difference = big(x).sub(exact, BITS, ROUND);
        if difference.is_zero() {
            return 0.0;
        }
        let ulp = exponent(exact).max(self.smallest) - (self.digits - 1);
        self.mantissa(&difference) * f64::from(exponent(&difference) - ulp).exp2()
    }

    /// Between 1 and 2.
    fn mantissa(self, x: &BigFloat) -> f64 {
        let words = x.mantissa_digits().unwrap_or_default();
        words.last().map_or(0.0, |w| *w as f64 / (1u64 << 63) as f64)
    }
}
