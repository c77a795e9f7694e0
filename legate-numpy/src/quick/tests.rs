//! The short way beside the general way, which an eager session always goes.

use super::Arg;
use crate::array::NdArray;
use crate::index::IndexItem;
use crate::promote::Weak;
use crate::reduction::{ReduceOptions, Reduction};
use crate::session::{Session, SessionConfig};
use crate::ufunc::{CallOptions, Operand, Ufunc};
use legate_core::runtime::{ExecutorKind, Replay};
use legate_kernels::cast::cast;
use legate_kernels::dtype::{DType, Scalar};
use legate_mapper::DefaultMapper;
use std::sync::Arc;

fn quick() -> Session {
    Session::new(SessionConfig {
        mapper: Arc::new(DefaultMapper::new()),
        cores: 1,
        memory_bytes: 1 << 30,
        cache_bytes: 1 << 20,
        sim_ranks: 0,
        sim_seed: 0,
        executor: ExecutorKind::Serial,
        fuse: true,
        replay: Replay::On,
    })
    .unwrap()
}

/// The same array in a session: `n` elements, small, some of them equal, some (where there are such) NaN.
fn array(session: &Session, dtype: DType, n: i64, salt: u8) -> NdArray {
    let values = (0..n).map(|i| (i as u8).wrapping_mul(53).wrapping_add(salt) % 23);
    let bytes: Vec<u8> = values
        .flat_map(|v| {
            let value =
                if v == 7 && dtype != DType::Bool { cast(Scalar::new(f32::NAN), dtype) } else { Scalar::new(v) };
            cast(value, dtype).as_bytes().to_vec()
        })
        .collect();
    session.from_host(&bytes, &[n], dtype).unwrap()
}

/// Views that make a row, and some that do not.
fn views(a: &NdArray) -> Vec<NdArray> {
    let slice = |start, stop, step| IndexItem::Slice { start, stop, step };
    let item = |item| a.index(&[item]).unwrap();
    vec![
        a.clone(),
        item(slice(Some(1), Some(-1), None)),
        item(slice(None, None, Some(-1))),
        item(slice(None, None, Some(3))),
    ]
}

fn bytes(session: &Session, a: &NdArray) -> (Vec<i64>, DType, Vec<u8>) {
    (a.shape().to_vec(), a.dtype(), session.to_host(a, &|| false).unwrap().as_slice().to_vec())
}

fn operand(arg: Arg<'_>) -> Operand {
    arg.into()
}

const SIZES: [i64; 4] = [1, 2, 10, 150];

/// Whether the general way gives the same, where the short way gives something.
fn agree(quick: &Session, slow: &Session, ufunc: Ufunc, args: [&[Arg<'_>]; 2]) -> bool {
    let Some(ours) = quick.call_small(ufunc, args[0], None) else { return false };
    let operands: Vec<Operand> = args[1].iter().map(|arg| operand(*arg)).collect();
    let expected = slow.call(ufunc, &operands, &CallOptions::default());
    let expected = expected.unwrap_or_else(|e| panic!("{} {args:?}: {e}", ufunc.name()));
    assert_eq!(bytes(quick, &ours), bytes(slow, &expected), "{} {:?}", ufunc.name(), args[0]);
    true
}

#[test]
fn calls_have_the_bits_of_the_general_way() {
    let (q, s) = (quick(), Session::eager());
    let mut covered = 0;
    for ufunc in Ufunc::all() {
        for (a, b) in DType::ALL.into_iter().flat_map(|a| DType::ALL.map(|b| (a, b))) {
            for n in SIZES {
                let [x, y] = [&q, &s]
                    .map(|session| views(&array(session, a, n, 1)).into_iter().zip(views(&array(session, b, n, 2))));
                for ((x1, y1), (x2, y2)) in x.zip(y) {
                    if ufunc.inputs() == 1 {
                        covered += usize::from(agree(&q, &s, ufunc, [&[Arg::Array(&x1)], &[Arg::Array(&x2)]]));
                        continue;
                    }
                    let one = Arg::Scalar(cast(Scalar::new(3u8), b));
                    let pairs = [
                        [[Arg::Array(&x1), Arg::Array(&y1)], [Arg::Array(&x2), Arg::Array(&y2)]],
                        [[Arg::Array(&x1), Arg::Array(&x1)], [Arg::Array(&x2), Arg::Array(&x2)]],
                        [[Arg::Array(&x1), one], [Arg::Array(&x2), one]],
                        [[one, Arg::Array(&x1)], [one, Arg::Array(&x2)]],
                    ];
                    covered += pairs.iter().filter(|pair| agree(&q, &s, ufunc, [&pair[0], &pair[1]])).count();
                }
            }
        }
    }
    assert!(covered > 10_000, "the short way covers what it is for: {covered}");
}

#[test]
fn python_numbers_beside_arrays() {
    let (q, s) = (quick(), Session::eager());
    let numbers =
        [Weak::Bool(true), Weak::Int(3), Weak::Int(-1), Weak::Int(300), Weak::Float(2.5), Weak::Complex(1.0, -2.0)];
    let mut covered = 0;
    for ufunc in Ufunc::all().filter(|ufunc| ufunc.inputs() == 2) {
        for (dtype, number) in DType::ALL.into_iter().flat_map(|d| numbers.map(|w| (d, Arg::Weak(w)))) {
            let (x1, x2) = (array(&q, dtype, 10, 4), array(&s, dtype, 10, 4));
            let left = agree(&q, &s, ufunc, [&[Arg::Array(&x1), number], &[Arg::Array(&x2), number]]);
            let right = agree(&q, &s, ufunc, [&[number, Arg::Array(&x1)], &[number, Arg::Array(&x2)]]);
            covered += usize::from(left) + usize::from(right);
        }
    }
    assert!(covered > 1000, "{covered}");
}

#[test]
fn updates_and_outputs() {
    let (q, s) = (quick(), Session::eager());
    for (ufunc, dtype) in Ufunc::all().filter(|u| u.inputs() == 2).flat_map(|u| DType::ALL.map(|dtype| (u, dtype))) {
        for n in SIZES {
            let make = |session: &Session| {
                [array(session, dtype, n, 1), array(session, dtype, n, 2), array(session, dtype, n, 3)]
            };
            let (ours, theirs) = (make(&q), make(&s));
            // Which of the three is the left input, the right input, the output; the last reads an array backwards.
            for (k, [x, y, out]) in [[0, 1, 2], [0, 1, 0], [0, 1, 1], [0, 0, 0], [2, 2, 1]].into_iter().enumerate() {
                let backwards = |a: &NdArray| if k == 4 { views(a)[2].clone() } else { a.clone() };
                let (x1, x2) = (backwards(&ours[x]), backwards(&theirs[x]));
                let done = q.call_small(ufunc, &[Arg::Array(&x1), Arg::Array(&ours[y])], Some(&ours[out]));
                let operands = [Operand::from(x2), Operand::from(&theirs[y])];
                let options = CallOptions { out: Some(&theirs[out]), ..CallOptions::default() };
                let expected = s.call(ufunc, &operands, &options);
                if done.is_none() && expected.is_ok() {
                    let operands = [Operand::from(x1), Operand::from(&ours[y])];
                    q.call(ufunc, &operands, &CallOptions { out: Some(&ours[out]), ..CallOptions::default() }).unwrap();
                }
                for (a, b) in ours.iter().zip(&theirs) {
                    assert_eq!(bytes(&q, a), bytes(&s, b), "{} {dtype} {k}", ufunc.name());
                }
            }
        }
    }
}

#[test]
fn reductions_have_the_bits_of_the_general_way() {
    use Reduction::*;
    let (q, s) = (quick(), Session::eager());
    let mut covered = 0;
    for dtype in DType::ALL {
        for n in SIZES {
            for (x1, x2) in views(&array(&q, dtype, n, 5)).into_iter().zip(views(&array(&s, dtype, n, 5))) {
                for reduction in [Sum, Prod, Min, Max, Any, All, Mean, Var, Std, ArgMin, ArgMax] {
                    let Some(ours) = q.reduce_small(reduction, &x1, 0.0) else { continue };
                    let expected = s.reduce(reduction, &x2, &ReduceOptions::default()).unwrap();
                    assert_eq!(ours, s.item(&expected, &|| false).unwrap(), "{reduction:?} {dtype} {n}");
                    covered += 1;
                }
                let (y1, y2) = (array(&q, dtype, x1.size(), 9), array(&s, dtype, x1.size(), 9));
                if let Some(ours) = q.dot_small(&x1, &y1) {
                    assert_eq!(ours, s.item(&s.dot(&x2, &y2, None).unwrap(), &|| false).unwrap(), "dot {dtype} {n}");
                }
            }
        }
    }
    assert!(covered > 500, "{covered}");
}

#[test]
fn folds_along_an_axis_have_the_bits_of_the_general_way() {
    use Reduction::*;
    let (q, s) = (quick(), Session::eager());
    let mut covered = 0;
    for dtype in DType::ALL {
        for (rows, columns) in [(1, 1), (2, 10), (16, 3), (17, 4), (5, 1), (1, 9), (3, 700)] {
            let matrix = |session: &Session| {
                session.reshape(&array(session, dtype, rows * columns, 5), &[rows, columns]).unwrap()
            };
            let (a, b) = (matrix(&q), matrix(&s));
            for (reduction, axis) in
                [Sum, Prod, Min, Max, Any, All, Mean].into_iter().flat_map(|r| [0, 1, -1, -2, 2].map(|axis| (r, axis)))
            {
                let Some(ours) = q.reduce_axis_small(reduction, &a, axis) else { continue };
                let options = ReduceOptions { axis: Some(&[axis]), ..ReduceOptions::default() };
                let expected = s.reduce(reduction, &b, &options).unwrap();
                assert_eq!(bytes(&q, &ours), bytes(&s, &expected), "{reduction:?} {dtype} {rows}x{columns} {axis}");
                covered += 1;
            }
        }
    }
    assert!(covered > 500, "{covered}");
}

#[test]
fn copies_share_bytes_until_one_is_written() {
    let q = quick();
    let a = array(&q, DType::F64, 10, 1);
    let b = q.copy(&a).unwrap();
    let before = bytes(&q, &b);
    assert!(a.set_element(0, Scalar::new(99.0f64)));
    assert_eq!(bytes(&q, &b), before);
    q.assign(&b, &Operand::from(7.0)).unwrap();
    assert_eq!(a.element(0), Some(Scalar::new(99.0f64)));
    assert_eq!(a.element(1), q.copy(&a).unwrap().element(1));
}

#[test]
fn choices_limits_copies_joins_and_ranges() {
    let (q, s) = (quick(), Session::eager());
    for dtype in DType::ALL {
        for n in SIZES {
            let make = |session: &Session| {
                let (x, y) = (array(session, dtype, n, 1), array(session, dtype, n, 2));
                let mask = array(session, DType::Bool, n, 3);
                let (lo, hi) = (Operand::from(3), Operand::from(9));
                let target = array(session, dtype, n, 8);
                let part = views(&target)[2].clone();
                session.assign(&part, &Operand::from(&y)).unwrap();
                let mut results = vec![
                    session.select(&mask.clone().into(), &x.clone().into(), &y.clone().into()).unwrap(),
                    session.clip(&x.clone().into(), Some(&y.clone().into()), Some(&x.clone().into()), None).unwrap(),
                    session.copy(&views(&x)[3]).unwrap(),
                    session.astype(&x, DType::I64, crate::Casting::Unsafe, true).unwrap(),
                    session
                        .concatenate(
                            &[x.clone(), y.clone(), views(&x)[2].clone()],
                            Some(0),
                            None,
                            None,
                            crate::Casting::SameKind,
                        )
                        .unwrap(),
                    target,
                ];
                if dtype != DType::Bool {
                    results.push(session.clip(&x.into(), Some(&lo), Some(&hi), None).unwrap());
                }
                if matches!(dtype, DType::I64 | DType::F64) {
                    results.push(
                        session
                            .arange(Weak::Int(3), Weak::Int(i128::from(3 + 2 * n)), Weak::Int(2), Some(dtype))
                            .unwrap(),
                    );
                    results.push(
                        session
                            .arange(Weak::Float(0.1), Weak::Float(0.1 + n as f64), Weak::Float(0.3), Some(DType::F64))
                            .unwrap(),
                    );
                }
                results.iter().map(|a| bytes(session, a)).collect::<Vec<_>>()
            };
            assert_eq!(make(&q), make(&s), "{dtype} {n}");
        }
    }
}

#[test]
fn elements() {
    let q = quick();
    let a = array(&q, DType::F64, 10, 1);
    let odd = views(&a)[3].clone();
    assert_eq!(odd.element(-1), a.element(9));
    assert_eq!((a.element(10), a.element(-11)), (None, None));
    assert!(odd.set_element(1, Scalar::new(1.5f64)));
    assert_eq!(a.element(3), Some(Scalar::new(1.5f64)));
    let snapshot = q.to_host(&a, &|| false).unwrap();
    assert!(a.set_element(3, Scalar::new(2.5f64)));
    assert_eq!(&snapshot.as_slice()[24..32], 1.5f64.to_ne_bytes(), "what was given out keeps its values");
    let mut fixed = a.clone();
    fixed.set_readonly(true);
    assert!(!fixed.set_element(0, Scalar::new(0.0f64)));
    let zeros = q.zeros(&[4], DType::I32).unwrap();
    assert_eq!(zeros.element(2), Some(Scalar::new(0i32)));
    assert!(!zeros.set_element(2, Scalar::new(1i32)), "there are no bytes yet");
}
