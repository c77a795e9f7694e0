//! The error budgets of complex functions, against values of twice the precision (`tests/data/functions.py`). Those of real ones are in `ulps`.

use legate_kernels::dtype::{C64, C128, DType, Scalar};
use legate_kernels::ops::{self, BinaryOp, UnaryOp};
use std::collections::BTreeMap;

const VALUES: &str = include_str!("../data/functions.txt");

/// A value of twice the precision.
#[derive(Clone, Copy)]
struct Exact(f64, f64);

impl Exact {
    /// The distance of `x` in units in the last place of a format with this many digits (binary) and this smallest exponent.
    fn ulps(self, x: f64, digits: i32, smallest: i32) -> f64 {
        let exponent = if self.0 == 0.0 { smallest } else { (self.0.abs().log2().floor() as i32).max(smallest) };
        ((x - self.0) - self.1).abs() / f64::from(exponent - (digits - 1)).exp2()
    }
    fn in_f64(self, x: f64) -> f64 {
        self.ulps(x, 53, -1022)
    }
    fn in_f32(self, x: f32) -> f64 {
        self.ulps(x.into(), 24, -126)
    }
}

/// The largest error seen, by function and type.
type Worst = BTreeMap<(String, DType), f64>;

fn note(worst: &mut Worst, name: &str, dtype: DType, error: f64) {
    let entry = worst.entry((name.to_owned(), dtype)).or_default();
    *entry = if error.is_nan() { f64::INFINITY } else { entry.max(error) };
}

fn numbers(words: &[&str]) -> Vec<f64> {
    words.iter().map(|w| f64::from_bits(u64::from_str_radix(w, 16).unwrap())).collect()
}

fn unary<T: legate_kernels::dtype::Element>(name: &str, x: T) -> Option<Scalar> {
    ops::unary(UnaryOp::from_name(name)?, Scalar::new(x))
}

fn binary<T: legate_kernels::dtype::Element>(name: &str, x: T, y: T) -> Option<Scalar> {
    ops::binary(BinaryOp::from_name(name)?, Scalar::new(x), Scalar::new(y))
}

#[test]
fn complex_functions_keep_their_error_budgets() {
    let mut worst = Worst::new();
    for line in VALUES.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (name, n) = (words[1], numbers(&words[2..]));
        match words[0] {
            "binary" => {
                let exact = Exact(n[2], n[3]);
                let (double, single) =
                    (binary(name, n[0], n[1]).unwrap(), binary(name, n[0] as f32, n[1] as f32).unwrap());
                note(&mut worst, name, DType::F64, exact.in_f64(double.get().unwrap()));
                if (exact.0.abs() as f32).is_normal() {
                    note(&mut worst, name, DType::F32, exact.in_f32(single.get().unwrap()));
                }
            }
            _ => {
                // Complex values are as close as the larger of their parts allows.
                let (re, im) = (Exact(n[2], n[3]), Exact(n[4], n[5]));
                let scale = |part: Exact| re.0.abs().max(im.0.abs()) / part.0.abs();
                let z: C128 = unary(name, C128::new(n[0], n[1])).unwrap().get().unwrap();
                note(&mut worst, name, DType::C128, re.in_f64(z.re) / scale(re));
                note(&mut worst, name, DType::C128, im.in_f64(z.im) / scale(im));
                let z: C64 = unary(name, C64::new(n[0] as f32, n[1] as f32)).unwrap().get().unwrap();
                note(&mut worst, name, DType::C64, re.in_f32(z.re) / scale(re));
                note(&mut worst, name, DType::C64, im.in_f32(z.im) / scale(im));
            }
        }
    }
    let budget = |name: &str, dtype| {
        UnaryOp::from_name(name).map(|op| op.ulp(dtype)).or(BinaryOp::from_name(name).map(|op| op.ulp(dtype))).unwrap()
    };
    let over: Vec<String> = worst
        .iter()
        .filter(|((name, dtype), error)| **error > budget(name, *dtype))
        .map(|((name, dtype), error)| format!("{name} {dtype}: {error:.3} of {}", budget(name, *dtype)))
        .collect();
    assert!(over.is_empty(), "{}", over.join("\n"));
    assert_eq!(worst.len(), 2 * 15 + 2 * 2, "all functions were tried, in both precisions");
}

/// Numbers that everybody knows.
#[test]
fn famous_values() {
    let at = |name: &str, x: f64| unary(name, x).unwrap().get::<f64>().unwrap();
    assert_eq!(at("exp", 1.0), std::f64::consts::E);
    assert_eq!(at("log", 2.0), std::f64::consts::LN_2);
    assert_eq!(at("log10", 1000.0), 3.0);
    assert_eq!(at("log2", 0.125), -3.0);
    assert_eq!(at("exp2", 10.0), 1024.0);
    assert_eq!(at("erf", 0.5), 0.520_499_877_813_046_5);
    assert_eq!(at("sin", 1.0), 0.841_470_984_807_896_5);
    assert_eq!(at("cos", 0.0), 1.0);
    assert_eq!(at("arctan", 1.0) * 4.0, std::f64::consts::PI);
}
