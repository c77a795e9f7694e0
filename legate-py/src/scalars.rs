//! Reading many elements one by one.
//!
//! An element of an array that is still to be computed is a deferred scalar: reading it costs an operation of the runtime, and nobody waits.
//! A loop over elements is better served by the values themselves. So after a few reads in a row, with nothing written to any array in
//! between, a run of elements is fetched, and further reads are answered from there.
//!
//! What decides is the order of the program's calls alone, so on all ranks the same reads wait.

use crate::array::Array;
use crate::error::Attempt;
use crate::outcome;
use legate_core::exec::HostBuffer;
use legate_numpy::{IndexItem, Scalar};
use parking_lot::Mutex;
use pyo3::prelude::*;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads in a row that stay deferred.
const PATIENCE: u32 = 8;
/// Elements that are fetched at a time, along the last axis.
const RUN: i64 = 4096;

/// Counts the calls that may have written to an array that somebody holds.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Tells that an existing array is about to be written to.
pub(crate) fn note_write() {
    // Calls hold the interpreter's lock, so none is lost.
    WRITES.store(WRITES.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The recent element reads of one array.
#[derive(Default)]
pub(crate) struct Reads(Mutex<Recent>);

#[derive(Default)]
struct Recent {
    /// The count of writes at the last read.
    writes: u64,
    in_a_row: u32,
    run: Option<Run>,
}

/// Fetched elements: `start..` along the last axis, at `row` along the others.
struct Run {
    row: SmallVec<[i64; 4]>,
    start: i64,
    len: i64,
    bytes: Arc<HostBuffer>,
}

impl Run {
    fn get(&self, row: &[i64], index: i64, array: &Array) -> Option<Scalar> {
        let position = index - self.start;
        if *self.row != *row || !(0..self.len).contains(&position) {
            return None;
        }
        let (dtype, size) = (array.nd().dtype(), array.nd().itemsize());
        let first = position as usize * size;
        Some(Scalar::from_bytes(dtype, &self.bytes.as_slice()[first..first + size]))
    }
}

/// The element at `items` (integers within bounds, one for each dimension) of an array that is still to be computed, if it is time to wait for
/// elements; `None` if it should be deferred.
pub(crate) fn read(py: Python<'_>, array: &Array, items: &[IndexItem]) -> Attempt<Option<Scalar>> {
    let Some((row, index)) = position(array, items) else { return Ok(None) };
    let reads = array.reads();
    {
        let mut recent = reads.0.lock();
        let writes = WRITES.load(Ordering::Relaxed);
        if recent.writes != writes {
            *recent = Recent { writes, ..Recent::default() };
        }
        recent.in_a_row += 1;
        if recent.in_a_row <= PATIENCE {
            return Ok(None);
        }
        if let Some(scalar) = recent.run.as_ref().and_then(|run| run.get(&row, index, array)) {
            return Ok(Some(scalar));
        }
    } // not held while waiting: other threads may read this array
    let run = fetch(py, array, row.clone(), index)?;
    let scalar = run.get(&row, index, array);
    reads.0.lock().run = Some(run);
    Ok(scalar)
}

/// Which row, and where in it, counted from zero.
fn position(array: &Array, items: &[IndexItem]) -> Option<(SmallVec<[i64; 4]>, i64)> {
    let shape = array.nd().shape();
    if items.len() != shape.len() {
        return None;
    }
    let mut at: SmallVec<[i64; 4]> = SmallVec::new();
    for (item, &extent) in items.iter().zip(shape) {
        match *item {
            IndexItem::Int(i) => at.push(if i < 0 { i + extent } else { i }),
            _ => return None,
        }
    }
    let index = at.pop()?;
    Some((at, index))
}

fn fetch(py: Python<'_>, array: &Array, row: SmallVec<[i64; 4]>, index: i64) -> Attempt<Run> {
    let nd = array.nd();
    let extent = nd.shape()[nd.ndim() - 1];
    let start = index - index % RUN;
    let len = RUN.min(extent - start);
    let mut items: SmallVec<[IndexItem; 4]> = row.iter().map(|&i| IndexItem::Int(i)).collect();
    items.push(IndexItem::Slice { start: Some(start), stop: Some(start + len), step: None });
    let bytes = outcome::bytes(py, &nd.index(&items)?)?;
    Ok(Run { row, start, len, bytes })
}
