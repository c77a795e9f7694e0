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
//! - [`search`]: searches, repetitions, distinct elements;
//! - [`moves`]: elements and copies.

mod calls;
mod choices;
mod folds;
mod loops;
mod moves;
mod search;
#[cfg(test)]
mod tests;

pub use calls::Arg;

use crate::array::{Backing, NdArray, Part};
use crate::session::Session;
use crate::view::View;
use legate_core::exec::HostBuffer;
use legate_core::geometry::Point;
use legate_core::mapping::Mapper;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::engine::row::{self, Input};
use parking_lot::MutexGuard;
use std::sync::Arc;

impl Session {
    /// Whether work on so many points and bytes is done at once on the calling thread. Never in an eager session, the twin that goes the general way.
    fn is_small(&self, points: i64, bytes: usize) -> bool {
        self.runtime().is_some_and(|runtime| self.mapper().inline(points as u64, bytes as u64, runtime.machine()))
    }
}

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
    /// Its elements; `None` if it is one for all.
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Row::Bytes(bytes) => Some(bytes),
            Row::Own(bytes) => Some(bytes.as_slice()),
            Row::One(_) => None,
        }
    }

    fn input(&self) -> Input<'_> {
        match self {
            Row::Bytes(bytes) => Input::Row(bytes),
            Row::Own(bytes) => Input::Row(bytes.as_slice()),
            Row::One(value) => Input::One(value),
        }
    }
}

/// Strided elements up to which a row is gathered.
const GATHERED: i64 = 4096;

impl NdArray {
    /// Whether what keeps the order of elements in memory (`order='K'`) has nothing to do.
    pub fn lies_in_order(&self) -> bool {
        self.ndim() < 2 || self.view.is_c_contiguous()
    }
}

/// As [`row_in_c_order`], for what lies in C order: where the memory's order matters.
fn row<'a>(a: &NdArray, backing: &'a Backing, dtype: DType) -> Option<Row<'a>> {
    if a.lies_in_order() { row_in_c_order(a, backing, dtype) } else { None }
}

/// `a`'s elements in C order, as elements of `dtype`; `backing` is that of its base. `None` if they are not at hand, or too many to be gathered.
fn row_in_c_order<'a>(a: &NdArray, backing: &'a Backing, dtype: DType) -> Option<Row<'a>> {
    let row = match backing.fill {
        Some(value) if a.part == Part::Whole => Row::One(value),
        Some(_) => return None,
        None => elements(a, backing.host.as_ref()?.as_slice())?,
    };
    let from = a.dtype();
    if from == dtype {
        return Some(row);
    }
    if !crate::promote::converts(from, dtype) {
        return None;
    }
    let n = a.size() as usize;
    let mut converted = HostBuffer::unwritten(n * dtype.size());
    row::cast(from, dtype, n, converted.as_mut_slice(), row.input());
    Some(Row::Own(converted))
}

/// The elements that an array shows of its base's bytes: where they lie, if they lie one after the other; else gathered.
fn elements<'a>(a: &NdArray, bytes: &'a [u8]) -> Option<Row<'a>> {
    let half = match a.part {
        Part::Whole | Part::Bits(_) => return viewed(&a.view, a.base.dtype.size(), bytes),
        Part::Real => 0,
        Part::Imag => 1,
    };
    let strides = a.view.strides.iter().map(|stride| 2 * stride).collect();
    let halves = View { offset: 2 * a.view.offset + half, shape: a.view.shape.clone(), strides };
    viewed(&halves, a.base.dtype.size() / 2, bytes)
}

/// As [`elements`], for elements of `size` bytes.
fn viewed<'a>(view: &View, size: usize, bytes: &'a [u8]) -> Option<Row<'a>> {
    let n = view.size();
    if n == 0 {
        return Some(Row::Bytes(&[])); // its offset may lie outside
    }
    if view.is_c_contiguous() {
        let first = view.offset as usize * size;
        return Some(Row::Bytes(&bytes[first..first + n as usize * size]));
    }
    if n > GATHERED {
        return None;
    }
    let mut gathered = HostBuffer::unwritten(n as usize * size);
    let to = gathered.as_mut_slice();
    match size {
        1 => gather::<1>(view, bytes, to),
        2 => gather::<2>(view, bytes, to),
        4 => gather::<4>(view, bytes, to),
        8 => gather::<8>(view, bytes, to),
        16 => gather::<16>(view, bytes, to),
        _ => unreachable!("elements have a power of two of at most 16 bytes"),
    }
    Some(Row::Own(gathered))
}

/// Copies the elements of a view, in C order.
fn gather<const SIZE: usize>(view: &View, from: &[u8], to: &mut [u8]) {
    let (elements, places) = (from.as_chunks::<SIZE>().0, to.as_chunks_mut::<SIZE>().0);
    let outer = view.rank().saturating_sub(1);
    let (extent, step) = if view.rank() == 0 { (1, 0) } else { (view.shape[outer], view.strides[outer]) };
    let mut index: Point = Point::from_elem(0, outer);
    let mut first = view.offset;
    for line in places.chunks_exact_mut(extent as usize) {
        let mut at = first;
        for place in line {
            *place = elements[at as usize];
            at += step;
        }
        for d in (0..outer).rev() {
            (index[d], first) = (index[d] + 1, first + view.strides[d]);
            if index[d] < view.shape[d] {
                break;
            }
            (index[d], first) = (0, first - view.strides[d] * view.shape[d]);
        }
    }
}

/// The backing of an array's base. Waits for nobody: where another thread has it, the general way is gone.
fn locked(a: &NdArray) -> Option<MutexGuard<'_, Backing>> {
    // What shows other memory has to agree with it first.
    if a.base.origin.is_some() { None } else { a.base.cell.try_lock() }
}

impl Session {
    /// The bytes of an array's base, to be written to; whatever else had the values is forgotten. `None` if there are none, and if there would be many: one value
    /// for all elements becomes bytes only in a small base.
    fn base_bytes<'a>(&self, a: &NdArray, backing: &'a mut Backing) -> Option<&'a mut [u8]> {
        if backing.host.is_none() {
            let few = backing.fill.is_some() && self.is_small(a.base.size(), a.base.nbytes() as usize);
            few.then(|| a.base.materialized(backing))?;
        }
        (backing.fill, backing.field) = (None, None);
        Some(Arc::make_mut(backing.host.as_mut()?).as_mut_slice())
    }
}

/// A new array of these bytes.
fn made(shape: &[i64], dtype: DType, bytes: HostBuffer) -> NdArray {
    NdArray::new(shape, dtype, Backing { host: Some(Arc::new(bytes)), ..Backing::default() })
}
