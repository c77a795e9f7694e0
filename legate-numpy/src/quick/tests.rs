//! The short way beside the general way, which an eager session always goes.

use super::Arg;
use crate::array::NdArray;
use crate::choice::BoundsMode;
use crate::index::IndexItem;
use crate::promote::Weak;
use crate::reduction::{ReduceOptions, Reduction};
use crate::scan::ScanOp;
use crate::session::{Session, SessionConfig};
use crate::ufunc::{CallOptions, Operand, Ufunc};
use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_kernels::cast::cast;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_mapper::DefaultMapper;
use std::sync::Arc;

fn quick() -> Session {
    Session::new(SessionConfig {
        mapper: Arc::new(DefaultMapper::new()),
        cores: 1,
        memory_bytes: 1 << 30,
        cache_bytes: 1 << 20,
        ranks: Ranks::Alone,
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
    assert_eq!(layout(&ours), layout(&expected), "{} {:?}", ufunc.name(), args[0]);
    true
}

/// The strides that mean something.
fn layout(a: &NdArray) -> Vec<i64> {
    a.shape().iter().zip(&a.view.strides).filter(|(n, _)| **n > 1).map(|(_, stride)| *stride).collect()
}

#[test]
fn operands_lie_in_any_order_and_results_like_them() {
    let (q, s) = (quick(), Session::eager());
    let slice = |start, step| IndexItem::Slice { start, stop: None, step: Some(step) };
    // Arrays of one shape, (4, 3, 4), that lie in all sorts of ways; the first one is a constant.
    let all = |session: &Session, dtype: DType| {
        let cube = session.reshape(&array(session, dtype, 48, 3), &[4, 3, 4]).unwrap();
        let large = session.reshape(&array(session, dtype, 8 * 3 * 9, 5), &[9, 3, 8]).unwrap();
        let strided = large.index(&[slice(Some(1), 2), slice(None, -1), slice(None, 2)]).unwrap();
        let constant = session.full(&[4, 3, 4], &Operand::Scalar(Scalar::zero(dtype)), None).unwrap();
        let mut views: Vec<NdArray> = vec![cube.clone(), strided.clone()];
        views.extend([&constant, &cube, &strided].map(|a| a.with_view(a.view.permuted(&[2, 1, 0]))));
        views
    };
    let mut covered = 0;
    for (ufunc, dtype) in Ufunc::all().flat_map(|u| DType::ALL.map(|dtype| (u, dtype))) {
        let (ours, theirs) = (all(&q, dtype), all(&s, dtype));
        let pairs: Vec<_> = ours.iter().zip(&theirs).collect();
        for (x1, x2) in &pairs {
            if ufunc.inputs() == 1 {
                covered += usize::from(agree(&q, &s, ufunc, [&[Arg::Array(x1)], &[Arg::Array(x2)]]));
                continue;
            }
            for (y1, y2) in &pairs {
                let args = [[Arg::Array(x1), Arg::Array(y1)], [Arg::Array(x2), Arg::Array(y2)]];
                covered += usize::from(agree(&q, &s, ufunc, [&args[0], &args[1]]));
            }
        }
    }
    assert!(covered > 5000, "{covered}");
}

#[test]
fn parts_of_complex_numbers_are_rows() {
    let (q, s) = (quick(), Session::eager());
    for dtype in [DType::C64, DType::C128] {
        let parts = |session: &Session| {
            let views = views(&array(session, dtype, 10, 3));
            views.iter().flat_map(|a| [a.real(), a.imag().unwrap()]).collect::<Vec<_>>()
        };
        for (x1, x2) in parts(&q).iter().zip(&parts(&s)) {
            let add = Ufunc::lookup("add").unwrap();
            let sqrt = Ufunc::lookup("sqrt").unwrap();
            assert!(agree(&q, &s, add, [&[Arg::Array(x1), Arg::Array(x1)], &[Arg::Array(x2), Arg::Array(x2)]]));
            assert!(agree(&q, &s, sqrt, [&[Arg::Array(x1)], &[Arg::Array(x2)]]));
        }
    }
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
fn numbers_alone() {
    let (q, s) = (quick(), Session::eager());
    let weak =
        [Weak::Bool(true), Weak::Int(3), Weak::Int(-2), Weak::Int(1 << 63), Weak::Float(2.5), Weak::Complex(1.0, -2.0)];
    let strong = DType::ALL.map(|dtype| Arg::Scalar(cast(Scalar::new(3u8), dtype)));
    let numbers: Vec<Arg<'_>> = weak.map(Arg::Weak).into_iter().chain(strong).collect();
    let mut covered = 0;
    for ufunc in Ufunc::all() {
        let calls: Vec<Vec<Arg<'_>>> = match ufunc.inputs() {
            1 => numbers.iter().map(|x| vec![*x]).collect(),
            _ => numbers.iter().flat_map(|x| numbers.iter().map(|y| vec![*x, *y])).collect(),
        };
        for call in calls {
            let Some(ours) = q.call_scalars(ufunc, &call) else { continue };
            let operands: Vec<Operand> = call.iter().map(|arg| operand(*arg)).collect();
            let expected = s.call(ufunc, &operands, &CallOptions::default()).unwrap();
            let expected = s.to_host(&expected, &|| false).unwrap();
            assert_eq!(ours.as_bytes(), expected.as_slice(), "{} {call:?}", ufunc.name());
            covered += 1;
        }
    }
    assert!(covered > 5000, "{covered}");
}

#[test]
fn matrices_beside_rows_and_columns() {
    let (q, s) = (quick(), Session::eager());
    let mut covered = 0;
    for (ufunc, dtype) in Ufunc::all().filter(|u| u.inputs() == 2).flat_map(|u| DType::ALL.map(|dtype| (u, dtype))) {
        let extents = [(1, 1), (1, 5), (4, 1), (3, 7), (2, 70)];
        for ((rows, columns), transposed) in extents.into_iter().flat_map(|e| [(e, false), (e, true)]) {
            let make = |session: &Session| {
                let shaped =
                    |n: i64, shape: &[i64], salt| session.reshape(&array(session, dtype, n, salt), shape).unwrap();
                let mut matrix = shaped(rows * columns, &[rows, columns], 1);
                if transposed {
                    matrix = shaped(rows * columns, &[columns, rows], 1);
                    matrix = matrix.with_view(matrix.view.permuted(&[1, 0]));
                }
                let column = matrix.index(&[
                    IndexItem::Slice { start: None, stop: None, step: None },
                    IndexItem::Slice { start: Some(-1), stop: None, step: None },
                ]);
                let others = vec![
                    array(session, dtype, columns, 2),
                    shaped(columns, &[1, columns], 3),
                    shaped(rows, &[rows, 1], 4),
                    column.unwrap(),
                    shaped(columns, &[columns, 1], 5),
                ];
                (matrix, others)
            };
            let ((m1, ours), (m2, theirs)) = (make(&q), make(&s));
            for (a, b) in ours.iter().zip(&theirs) {
                let (a, b, m1, m2) = (Arg::Array(a), Arg::Array(b), Arg::Array(&m1), Arg::Array(&m2));
                covered += usize::from(agree(&q, &s, ufunc, [&[m1, a], &[m2, b]]));
                covered += usize::from(agree(&q, &s, ufunc, [&[a, m1], &[b, m2]]));
            }
        }
    }
    assert!(covered > 5000, "{covered}");
}

#[test]
fn joins_along_any_axis() {
    let (q, s) = (quick(), Session::eager());
    for dtype in [DType::Bool, DType::I16, DType::F64, DType::C128] {
        let make = |session: &Session| {
            let cube = session.reshape(&array(session, dtype, 24, 1), &[2, 3, 4]).unwrap();
            let other = session.reshape(&array(session, DType::F32, 24, 2), &[2, 3, 4]).unwrap();
            let part = other.index(&[IndexItem::Ellipsis, IndexItem::Slice { start: Some(1), stop: None, step: None }]);
            let empty = session.zeros(&[2, 3, 0], dtype).unwrap();
            let mut results = vec![];
            for axis in [-1, 0, 1, 2] {
                for arrays in [
                    vec![cube.clone(), other.clone(), cube.clone()],
                    vec![cube.clone(), part.clone().unwrap(), empty.clone()],
                ] {
                    let joined = session.concatenate(&arrays, Some(axis), None, None, crate::Casting::SameKind);
                    results.push(outcome(session, joined));
                    results.push(outcome(session, session.stack(&arrays, axis)));
                }
            }
            let rows = [array(session, dtype, 5, 1), array(session, dtype, 5, 2)];
            results.push(outcome(session, session.vstack(&rows)));
            results.push(outcome(session, session.hstack(&rows)));
            results
        };
        assert_eq!(make(&q), make(&s), "{dtype}");
    }
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
            for (reduction, axis) in [Sum, Prod, Min, Max, Any, All, Mean, ArgMin, ArgMax]
                .into_iter()
                .flat_map(|r| [0, 1, -1, -2, 2].map(|axis| (r, axis)))
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
    assert!(a.set_element(&[0], Scalar::new(99.0f64)));
    assert_eq!(bytes(&q, &b), before);
    q.assign(&b, &Operand::from(7.0)).unwrap();
    assert_eq!(a.element(&[0]), Some(Scalar::new(99.0f64)));
    assert_eq!(a.element(&[1]), q.copy(&a).unwrap().element(&[1]));
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

/// Integers, some of them counted from the end; one is out of bounds if `n` is 2.
fn index(session: &Session, dtype: DType, n: i64) -> NdArray {
    let values = [0, n - 1, -1, n / 2, 0].map(|v| if dtype.kind() == Kind::Unsigned { v.max(0) } else { v });
    let past = if n == 2 { 2 } else { 0 };
    let bytes: Vec<u8> =
        values.into_iter().chain([past]).flat_map(|v| cast(Scalar::new(v), dtype).as_bytes().to_vec()).collect();
    session.from_host(&bytes, &[2, 3], dtype).unwrap()
}

/// What comes of it as bytes, or as an error's text.
fn outcome(session: &Session, result: crate::Result<NdArray>) -> Result<(Vec<i64>, DType, Vec<u8>), String> {
    result.map(|a| bytes(session, &a)).map_err(|e| e.to_string())
}

#[test]
fn masks_and_indices() {
    let (q, s) = (quick(), Session::eager());
    for (dtype, n) in DType::ALL.into_iter().flat_map(|dtype| SIZES.map(|n| (dtype, n))) {
        let make = |session: &Session| {
            let never = &|| false;
            let mask = array(session, DType::Bool, n, 3);
            let (a, b) = (array(session, dtype, n, 1), array(session, dtype, n, 2));
            let square = session.reshape(&array(session, dtype, n * n, 4), &[n, n]).unwrap();
            let zeros = session.zeros(&[n], dtype).unwrap();
            let mut results = vec![];
            let sources = views(&a).into_iter().chain([zeros, square.clone()]);
            for a in sources {
                let mask = session.from_host(&vec![1; a.size() as usize], a.shape(), DType::Bool).unwrap();
                let part = mask.index(&[IndexItem::Slice { start: Some(0), stop: Some(1), step: None }]).unwrap();
                session.assign(&part, &Operand::from(0)).unwrap();
                results.push(outcome(session, session.select_by_mask(&a, &mask, never)));
                for kind in [DType::I64, DType::I8, DType::U32] {
                    let index = index(session, kind, a.shape()[0]);
                    results.push(outcome(session, session.select_by_index(&a, std::slice::from_ref(&index), never)));
                    results.push(outcome(session, session.take(&a, &index, None, BoundsMode::Raise, never)));
                    let values = session.reshape(&array(session, DType::F32, 6, 2), &[2, 3]).unwrap();
                    for values in [Operand::from(1), Operand::from(&values), Operand::Scalar(Scalar::new(2i8))] {
                        let target = session.copy(&a).unwrap();
                        let written = session.assign_by_index(&target, std::slice::from_ref(&index), &values, never);
                        results.push(outcome(session, written.map(|()| target)));
                    }
                }
            }
            results.push(outcome(session, session.flat_positions(&mask, never)));
            let whole = session.select_by_mask(&b, &mask, never).unwrap();
            for values in
                [Operand::from(1), Operand::from(&whole), Operand::from(&b), Operand::Scalar(Scalar::new(2i8))]
            {
                let target = session.copy(&a).unwrap();
                let written = session.assign_by_mask(&target, &mask, &values, never);
                results.push(outcome(session, written.map(|()| target)));
            }
            results
        };
        assert_eq!(make(&q), make(&s), "{dtype} {n}");
    }
}

#[test]
fn sorts_and_running_sums() {
    let (q, s) = (quick(), Session::eager());
    for (dtype, n) in DType::ALL.into_iter().flat_map(|dtype| SIZES.map(|n| (dtype, n))) {
        let make = |session: &Session| {
            let mut results = vec![];
            for a in views(&array(session, dtype, n, 1)) {
                results.push(outcome(session, session.sort(&a, Some(-1))));
                results.push(outcome(session, session.argsort(&a, None)));
                let copy = session.copy(&a).unwrap();
                let done = session.sort_in_place_small(&copy);
                let sorted = if done { Ok(()) } else { session.sort_in_place(&copy, 0) };
                results.push(outcome(session, sorted.map(|()| copy)));
                results.push(outcome(session, session.sort_in_place(&a, 0).map(|()| a.clone())));
                for op in [ScanOp::Add, ScanOp::Multiply] {
                    results.push(outcome(session, session.accumulate(op, &a, None, None)));
                    results.push(outcome(session, session.accumulate(op, &a, Some(0), Some(DType::F32))));
                }
            }
            results
        };
        assert_eq!(make(&q), make(&s), "{dtype} {n}");
    }
}

#[test]
fn searches_repetitions_and_distinct_elements() {
    let (q, s) = (quick(), Session::eager());
    let never = &|| false;
    for dtype in DType::ALL.into_iter().filter(|dtype| dtype.kind() != Kind::Complex) {
        for (n, k) in SIZES.into_iter().flat_map(|n| (0..4).map(move |k| (n, k))) {
            let both = |session: &Session| {
                let a = views(&array(session, dtype, n, 5))[k].clone();
                let sorted = session.sort(&a, None).unwrap();
                let needles = array(session, DType::I16, 9, 2);
                let matrix = session.reshape(&array(session, dtype, 2 * n, 3), &[2, n]).unwrap();
                let counts = session.repeat(
                    &session.arange(Weak::Int(0), Weak::Int(3), Weak::Int(1), None).unwrap(),
                    a.size(),
                    None,
                );
                let counts = counts.unwrap().with_view(crate::view::View::whole(&[a.size()]));
                let results = [
                    session.searchsorted(&sorted, &needles, false),
                    session.searchsorted(&sorted, &a, true),
                    session.repeat(&a, 3, None),
                    session.repeat(&matrix, 2, Some(0)),
                    session.repeat(&matrix, 2, Some(1)),
                    session.repeat(&matrix, 0, Some(1)),
                    session.repeat_each(&a, &counts, None, never),
                    session.unique(&a, never),
                    session.unique(&matrix, never),
                ];
                results.map(|result| outcome(session, result))
            };
            assert_eq!(both(&q), both(&s), "{dtype} {n} {k}");
        }
    }
    let sorted = q.arange(Weak::Int(0), Weak::Int(10), Weak::Int(1), None).unwrap();
    assert_eq!(q.search_one_small(&sorted, Scalar::new(2.5f64), false), Some(3));
    assert_eq!(q.search_one_small(&sorted, Scalar::new(3i8), true), Some(4));
    assert_eq!(s.search_one_small(&sorted, Scalar::new(3i8), true), None, "an eager session goes the general way");
}

#[test]
fn what_is_written_by_a_mask_of_its_own_or_to_what_is_read_only() {
    let q = quick();
    let never = &|| false;
    let mask = array(&q, DType::Bool, 10, 3);
    let before = bytes(&q, &mask);
    q.assign_by_mask(&mask, &mask, &Operand::from(0), never).unwrap();
    assert_ne!(bytes(&q, &mask), before);
    assert_eq!(q.flat_positions(&mask, never).unwrap().size(), 0);
    let mut fixed = array(&q, DType::F64, 10, 1);
    fixed.set_readonly(true);
    let index = index(&q, DType::I64, 10);
    assert!(q.assign_by_index(&fixed, &[index], &Operand::from(1), never).is_err());
    let all = q.ones(&[10], DType::Bool).unwrap();
    assert!(q.assign_by_mask(&fixed, &all, &Operand::from(1), never).is_err());
}

#[test]
fn elements() {
    let q = quick();
    let a = array(&q, DType::F64, 10, 1);
    let odd = views(&a)[3].clone();
    assert_eq!(odd.element(&[-1]), a.element(&[9]));
    assert_eq!((a.element(&[10]), a.element(&[-11])), (None, None));
    assert!(odd.set_element(&[1], Scalar::new(1.5f64)));
    assert_eq!(a.element(&[3]), Some(Scalar::new(1.5f64)));
    let snapshot = q.to_host(&a, &|| false).unwrap();
    assert!(a.set_element(&[3], Scalar::new(2.5f64)));
    assert_eq!(&snapshot.as_slice()[24..32], 1.5f64.to_ne_bytes(), "what was given out keeps its values");
    let mut fixed = a.clone();
    fixed.set_readonly(true);
    assert!(!fixed.set_element(&[0], Scalar::new(0.0f64)));
    let zeros = q.zeros(&[4], DType::I32).unwrap();
    assert_eq!(zeros.element(&[2]), Some(Scalar::new(0i32)));
    assert!(!zeros.set_element(&[2], Scalar::new(1i32)), "there are no bytes yet");
}
