//! Difficult values: what NumPy makes of them (`tests/data/numpy_values.py`).

use crate::support::same;
use legate_kernels::dtype::{C64, C128, DType, Kind, Scalar};
use legate_kernels::ops::{self, BinaryOp, UnaryOp};
use std::collections::BTreeMap;

const VALUES: &str = include_str!("../data/numpy_values.txt");

fn dtype(name: &str) -> DType {
    DType::ALL.into_iter().find(|d| d.name() == name).unwrap()
}

fn scalar(dtype: DType, hex: &str) -> Scalar {
    let bytes: Vec<u8> = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
    Scalar::from_bytes(dtype, &bytes)
}

/// The parts of a float or complex value.
fn parts(x: Scalar) -> Vec<f64> {
    match x.dtype() {
        DType::F32 => vec![x.get::<f32>().unwrap().into()],
        DType::F64 => vec![x.get::<f64>().unwrap()],
        DType::C64 => vec![x.get::<C64>().unwrap().re.into(), x.get::<C64>().unwrap().im.into()],
        DType::C128 => vec![x.get::<C128>().unwrap().re, x.get::<C128>().unwrap().im],
        other => panic!("{other} has no parts"),
    }
}

/// Equal, or both of the same special kind, or as close as both error budgets allow.
fn agree(ours: Scalar, numpys: Scalar, budget: f64) -> bool {
    if same(ours, numpys) {
        return true;
    }
    if budget == 0.0 || !matches!(ours.dtype().kind(), Kind::Float | Kind::Complex) {
        return false;
    }
    let epsilon = if matches!(ours.dtype(), DType::F32 | DType::C64) { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let (ours, numpys) = (parts(ours), parts(numpys));
    let size = numpys.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    ours.iter().zip(&numpys).all(|(o, n)| {
        (o.is_nan() && n.is_nan())
            || o == n
            || ((o - n).abs() <= (budget + 4.0) * epsilon * size && o.is_finite() && n.is_finite())
    })
}

#[test]
fn difficult_values_are_numpys() {
    let text = VALUES;
    let mut lines = text.lines();
    let shifts: Vec<usize> = lines.next().unwrap().split(' ').skip(1).map(|k| k.parse().unwrap()).collect();
    let mut values: BTreeMap<DType, Vec<Scalar>> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let input = dtype(words[1]);
        if words[0] == "values" {
            values.insert(input, words[2..].iter().map(|hex| scalar(input, hex)).collect());
            continue;
        }
        let (name, output, x) = (words[0], dtype(words[2]), &values[&input]);
        for (k, hex) in words[3..].iter().enumerate().filter(|(_, hex)| **hex != "-") {
            let expected = scalar(output, hex);
            let (i, j) = (k % x.len(), (k % x.len() + shifts[k / x.len()]) % x.len());
            let (got, args) = match (UnaryOp::from_name(name), BinaryOp::from_name(name)) {
                (Some(op), _) => ((ops::unary(op, x[i]), op.ulp(input)), vec![x[i]]),
                (_, Some(op)) => ((ops::binary(op, x[i], x[j]), op.ulp(input)), vec![x[i], x[j]]),
                _ => panic!("no operation {name}"),
            };
            checked += 1;
            if !got.0.is_some_and(|z| agree(z, expected, got.1)) {
                wrong.push(format!("{name}{args:?} = {:?}, NumPy: {expected:?}", got.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
}
