//! The short way of calls on small arrays whose values are at hand.
//!
//! Such calls are what programs of small arrays consist of, and what they cost is not arithmetic. Here no views, orders, overlaps or programs are worked out:
//! a kernel is looked up and run over the elements as one row. Each function answers `None` where it does not cover a call, for any reason,
//! wrong arguments included: then the general way ([`crate::issue`]) is gone, which gives the same bits, and the errors.
//!
//! - [`loops`]: which loop a ufunc runs, remembered;
//! - [`calls`]: ufuncs, casts and choices;
//! - [`choices`]: masks, indices, sorts, running sums;
//! - [`folds`]: reductions and dot products;
//! - [`moves`]: elements and copies.

mod calls;
mod choices;
mod folds;
mod loops;
mod moves;
#[cfg(test)]
mod tests;

pub use calls::Arg;

use crate::array::{Backing, NdArray, Part};
use crate::session::Session;
use legate_core::exec::HostBuffer;
use legate_core::mapping::Mapper;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::engine::row::{self, Input};
use parking_lot::MutexGuard;

impl Session {
    /// Whether work on so many points and bytes is done at once on the calling thread. Never in an eager session, the twin that goes the general way.
    fn is_small(&self, points: i64, bytes: usize) -> bool {
        self.runtime().is_some_and(|runtime| self.mapper().inline(points as u64, bytes as u64, runtime.machine()))
    }
}

/// Strided elements up to which a row is gathered one by one.
const GATHERED: i64 = 64;

/// The elements of an array as a row.
enum Row<'a> {
    /// Where they lie.
    Bytes(&'a [u8]),
    /// Gathered, or converted.
    Own(HostBuffer),
    /// One element for all.
    One(Scalar),
}

impl Row<'_> {
    fn input(&self) -> Input<'_> {
        match self {
            Row::Bytes(bytes) => Input::Row(bytes),
            Row::Own(bytes) => Input::Row(bytes.as_slice()),
            Row::One(value) => Input::One(value),
        }
    }
}

/// `a`'s elements as elements of `dtype`; `backing` is that of its base. `None` if they are not at hand, or do not make a row.
fn row<'a>(a: &NdArray, backing: &'a Backing, dtype: DType) -> Option<Row<'a>> {
    if a.part != Part::Whole {
        return None;
    }
    let row =
        if let Some(value) = backing.fill { Row::One(value) } else { elements(a, backing.host.as_ref()?.as_slice())? };
    let from = a.base.dtype;
    if from == dtype {
        return Some(row);
    }
    let n = a.size() as usize;
    let mut converted = HostBuffer::unwritten(n * dtype.size());
    row::cast(from, dtype, n, converted.as_mut_slice(), row.input());
    Some(Row::Own(converted))
}

/// The elements that a view shows of its base's bytes: where they lie, if they lie one after the other; copied, if they are a few along one dimension.
fn elements<'a>(a: &NdArray, bytes: &'a [u8]) -> Option<Row<'a>> {
    let (size, n) = (a.base.dtype.size(), a.size());
    if a.view.is_c_contiguous() {
        let first = a.view.offset as usize * size;
        return Some(Row::Bytes(&bytes[first..first + n as usize * size]));
    }
    if a.ndim() != 1 || n > GATHERED {
        return None;
    }
    let mut gathered = HostBuffer::unwritten(n as usize * size);
    let mut at = a.view.offset;
    for place in gathered.as_mut_slice().chunks_exact_mut(size) {
        place.copy_from_slice(&bytes[at as usize * size..][..size]);
        at += a.view.strides[0];
    }
    Some(Row::Own(gathered))
}

/// The backing of an array's base. Waits for nobody: where another thread has it, the general way is gone.
fn locked(a: &NdArray) -> Option<MutexGuard<'_, Backing>> {
    a.base.cell.try_lock()
}

/// A new array of these bytes.
fn made(shape: &[i64], dtype: DType, bytes: HostBuffer) -> NdArray {
    NdArray::new(shape, dtype, Backing { host: Some(std::sync::Arc::new(bytes)), ..Backing::default() })
}
