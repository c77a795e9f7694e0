//! Indexing by integers where rows are asked for and told between ranks: the bits of the eager session, of routines, and bytes that do not grow with the table.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use legate_core::exec::HostBuffer;
use legate_core::runtime::{ExecutorKind, Ranks, Replay};
use legate_mapper::{DefaultMapper, Thresholds};
use legate_numpy::ufunc::Operand;
use legate_numpy::{BoundsMode, Casting, DType, IndexItem, NdArray, Session, SessionConfig};
use std::sync::Arc;

/// Everything is spread that has eight bytes, and goes through the runtime. `asks`: whether rows are asked for.
fn session(ranks: u32, asks: bool) -> Session {
    let thresholds = Thresholds { inline_points: 0, replicate_bytes: 8, ..Thresholds::default() };
    let tunables = [("numpy.indirect".to_owned(), i64::from(asks))].into();
    Session::new(SessionConfig {
        mapper: Arc::new(DefaultMapper::with(thresholds, tunables)),
        cores: 2,
        memory_bytes: 1 << 30,
        cache_bytes: 1 << 20,
        ranks: Ranks::simulated(ranks, u64::from(ranks)),
        executor: ExecutorKind::Parallel,
        fuse: true,
        replay: Replay::Check,
    })
    .unwrap()
}

fn integers(s: &Session, values: impl IntoIterator<Item = i64>, shape: &[i64]) -> NdArray {
    let bytes: Vec<u8> = values.into_iter().flat_map(i64::to_ne_bytes).collect();
    s.from_buffer(Arc::new(HostBuffer::from_slice(&bytes)), shape, DType::I64).unwrap()
}

fn arange(s: &Session, shape: &[i64], dtype: DType) -> NdArray {
    let a = integers(s, (0..shape.iter().product()).map(|i: i64| i * i % 241), shape);
    s.astype(&a, dtype, Casting::Unsafe, true).unwrap()
}

/// In bounds of `n`, from both ends, some of them often.
fn some(n: i64, k: i64) -> impl Iterator<Item = i64> {
    (0..k).map(move |i| (i * 37 + i * i % 11) % (2 * n) - n)
}

fn slice(start: Option<i64>, step: i64) -> IndexItem {
    IndexItem::Slice { start, stop: None, step: Some(step) }
}

/// Everything that is seen, one array after the other.
fn program(s: &Session, dtype: DType) -> Vec<NdArray> {
    let go_on: &dyn Fn() -> bool = &|| false;
    let (x, m) = (arange(s, &[90], dtype), arange(s, &[40, 6], dtype));
    let views = [
        x.clone(),
        x.index(&[slice(Some(3), 2)]).unwrap(),
        x.index(&[slice(None, -1)]).unwrap(),
        m.clone(),
        m.index(&[slice(Some(5), 1), slice(Some(1), 2)]).unwrap(),
        m.transpose(None).unwrap(),
        s.reshape(&m, &[20, 2, 6]).unwrap(),
        m.index(&[IndexItem::Int(7)]).unwrap(),
    ];
    let mut seen = Vec::new();
    for a in &views {
        let n = a.shape()[0];
        for shape in [&[50][..], &[6, 5], &[1], &[0]] {
            let index = integers(s, some(n, shape.iter().product()), shape);
            seen.push(s.select_by_index(a, std::slice::from_ref(&index), go_on).unwrap());
            seen.push(s.take(a, &index, Some(0), BoundsMode::Clip, go_on).unwrap());
        }
    }
    for (k, a) in views.iter().enumerate() {
        let n = a.shape()[0];
        let index = integers(s, some(n, 30), &[30]);
        let chosen = s.select_by_index(a, std::slice::from_ref(&index), go_on).unwrap();
        // One value for all, a value for each, values of the array itself.
        let values: Operand = match k % 3 {
            0 => Operand::from(7),
            1 => arange(s, chosen.shape(), DType::I64).into(),
            _ => s.select_by_index(a, &[integers(s, 0..30.min(n), &[30.min(n)])], go_on).unwrap().into(),
        };
        let index = match &values {
            Operand::Array(v) if v.shape()[0] < 30 => {
                index.index(&[IndexItem::Slice { start: None, stop: Some(v.shape()[0]), step: None }]).unwrap()
            }
            _ => index,
        };
        let done = s.assign_by_index(a, &[index], &values, go_on);
        seen.extend(done.is_ok().then(|| a.clone()));
    }
    // Two indices, and what is written overlapping what is read.
    let (i, j) = (integers(s, some(40, 25), &[25]), integers(s, some(6, 25), &[25]));
    seen.push(s.select_by_index(&m, &[i.clone(), j.clone()], go_on).unwrap());
    s.assign_by_index(
        &m,
        &[i.clone(), j],
        &x.index(&[IndexItem::Slice { start: None, stop: Some(25), step: None }]).unwrap().into(),
        go_on,
    )
    .unwrap();
    s.assign_by_index(&m, &[integers(s, 0..40, &[40])], &m.flip(None).unwrap().into(), go_on).unwrap();
    let numbers = integers(s, some(25, 25), &[25]);
    let itself = s.select_by_index(&numbers, std::slice::from_ref(&numbers), go_on).unwrap();
    s.assign_by_index(&numbers, std::slice::from_ref(&numbers), &itself.clone().into(), go_on).unwrap();
    seen.extend([x, m, numbers, itself]);
    seen
}

#[test]
fn rows_asked_for_are_the_eager_sessions() {
    for dtype in [DType::F64, DType::C128, DType::I16, DType::U8] {
        let values = |s: &Session| -> Vec<(Vec<i64>, Vec<u8>)> {
            let seen = program(s, dtype);
            let value = |a: &NdArray| {
                let whole = s.copy(a).unwrap();
                (a.shape().to_vec(), s.to_host(&whole, &|| false).unwrap().as_slice().to_vec())
            };
            seen.iter().map(value).collect()
        };
        let expected = values(&Session::eager());
        for ranks in [1, 2, 3, 7] {
            for asks in [true, false] {
                let found = values(&session(ranks, asks));
                assert_eq!(found.len(), expected.len());
                for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    assert_eq!(found, expected, "{dtype}, {ranks} ranks, asks: {asks}, array {k}");
                }
            }
        }
    }
}

/// Bytes and messages that a call makes.
fn traffic(s: &Session, act: impl FnOnce() -> NdArray) -> u64 {
    let runtime = s.runtime().unwrap();
    runtime.fence(&|| false).unwrap();
    let before = runtime.stats().message_bytes;
    let kept = act();
    runtime.fence(&|| false).unwrap();
    drop(kept);
    runtime.stats().message_bytes - before
}

#[test]
fn what_goes_between_ranks_grows_with_the_index_and_not_with_the_table() {
    let (n, k, ranks) = (40_000, 1000, 4);
    let sent = |asks: bool, scatters: bool| {
        let s = session(ranks, asks);
        let (x, index) = (arange(&s, &[n], DType::F64), integers(&s, some(n, k), &[k]));
        let values = arange(&s, &[k], DType::F64);
        traffic(&s, || {
            if scatters {
                s.assign_by_index(&x, &[index], &values.into(), &|| false).unwrap();
                return x;
            }
            s.select_by_index(&x, &[index], &|| false).unwrap()
        })
    };
    // Beside rows and their numbers: the check of the index's bounds.
    let most = (12 * k + 2000) as u64;
    assert!(sent(true, false) < most && sent(true, true) < most, "{} {}", sent(true, false), sent(true, true));
    assert!(sent(false, false) >= 8 * 3 * n as u64, "a routine brings the table to all: {}", sent(false, false));
    assert!(sent(false, true) >= 16 * 3 * k as u64, "a routine brings index and values to all: {}", sent(false, true));
}
