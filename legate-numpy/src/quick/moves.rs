//! Elements read and written one by one, small copies, ranges and joins.

use super::{Arg, Row, locked, made, row_in_c_order};
use crate::array::{Backing, NdArray, Part};
use crate::index::slice_indices;
use crate::promote::converted;
use crate::session::Session;
use crate::view::{View, c_strides, copied, volume};
use legate_core::exec::HostBuffer;
use legate_kernels::dtype::{DType, Scalar};
use smallvec::SmallVec;
use std::sync::Arc;

impl NdArray {
    /// The element at an index (counted from the end where negative) for each dimension, of an array whose values are at hand; `None` for everything else.
    pub fn element(&self, index: &[i64]) -> Option<Scalar> {
        let at = self.place(index)?;
        let backing = locked(self)?;
        match (&backing.fill, &backing.host) {
            (Some(value), _) => Some(*value),
            (None, Some(bytes)) => {
                let size = self.base.dtype.size();
                Some(Scalar::from_bytes(self.base.dtype, &bytes.as_slice()[at * size..(at + 1) * size]))
            }
            _ => None,
        }
    }

    /// Writes an element of an array whose bytes are at hand; whether it could.
    pub fn set_element(&self, index: &[i64], value: Scalar) -> bool {
        if self.readonly {
            return false;
        }
        let (Some(at), Some(mut backing)) = (self.place(index), locked(self)) else { return false };
        let Backing { fill, host: Some(bytes), field, .. } = &mut *backing else { return false };
        let size = self.base.dtype.size();
        let Some(value) = converted(value, self.base.dtype) else { return false };
        let bytes = Arc::make_mut(bytes).as_mut_slice();
        bytes[at * size..(at + 1) * size].copy_from_slice(value.as_bytes());
        *fill = None;
        *field = None;
        true
    }

    /// `a[index]` of an array of two dimensions or more; `None` if the index is out of bounds.
    pub fn row(&self, index: i64) -> Option<NdArray> {
        let (&[n, _, ..], &[stride, ..]) = (self.shape(), &*self.view.strides) else { return None };
        let index = if index < 0 { index + n } else { index };
        (0..n).contains(&index).then(|| {
            self.with_view(View {
                offset: self.view.offset + index * stride,
                shape: copied(&self.view.shape[1..]),
                strides: copied(&self.view.strides[1..]),
            })
        })
    }

    /// `a[start:stop:step]`, for what is not 0-d; `None` for a step of 0.
    pub fn part(&self, [start, stop, step]: [i64; 3]) -> Option<NdArray> {
        let &[n, ..] = self.shape() else { return None };
        let (start, step, len) = slice_indices(Some(start), Some(stop), Some(step), n).ok()?;
        let mut part = self.clone();
        part.view.slice(0, start, step, len);
        Some(part)
    }

    /// `a.ravel()` of a C-contiguous array.
    pub fn raveled(&self) -> Option<NdArray> {
        let flat = || View { offset: self.view.offset, shape: copied(&[self.size()]), strides: copied(&[1]) };
        self.is_c_contiguous().then(|| self.with_view(flat()))
    }

    /// All elements of a C-contiguous array as one dimension, or several; `None` if it is not contiguous or has another number of elements,
    /// and for unusual shapes: then [`Session::reshape`] should be asked.
    pub fn recast(&self, shape: &[i64]) -> Option<NdArray> {
        // A few extents whose product is a number.
        let plain = shape.len() <= 3 && shape.iter().all(|n| (0..1 << 20).contains(n));
        if !plain || volume(shape) != self.size() || !self.is_c_contiguous() {
            return None;
        }
        Some(self.with_view(View { offset: self.view.offset, shape: copied(shape), strides: c_strides(shape) }))
    }

    /// The bytes of an array at hand whose elements lie one after the other; `None` for everything else.
    pub fn bytes_in_order(&self) -> Option<Vec<u8>> {
        if self.part != Part::Whole || !self.is_c_contiguous() || self.size() == 0 {
            return None;
        }
        let backing = locked(self)?;
        let first = self.view.offset as usize * self.itemsize();
        Some(backing.host.as_ref()?.as_slice()[first..first + self.nbytes()].to_vec())
    }

    /// The bytes behind a vector at hand whose elements have 8 bytes, and where its elements are in them (first and step, in elements).
    pub fn shared_vector(&self) -> Option<(Arc<HostBuffer>, i64, i64)> {
        if self.ndim() != 1 || self.base.dtype.size() != 8 || self.part != Part::Whole {
            return None;
        }
        let backing = locked(self)?;
        Some((Arc::clone(backing.host.as_ref()?), self.view.offset, self.view.strides[0]))
    }

    /// Which element of the base it is.
    fn place(&self, index: &[i64]) -> Option<usize> {
        if self.part != Part::Whole || index.len() != self.ndim() {
            return None;
        }
        if let (&[index], &[n], &[stride]) = (index, &*self.view.shape, &*self.view.strides) {
            let index = if index < 0 { index + n } else { index };
            return (0..n).contains(&index).then(|| (self.view.offset + index * stride) as usize);
        }
        let mut at = self.view.offset;
        for ((&index, &n), &stride) in index.iter().zip(&self.view.shape).zip(&self.view.strides) {
            let index = if index < 0 { index + n } else { index };
            if !(0..n).contains(&index) {
                return None;
            }
            at += index * stride;
        }
        Some(at as usize)
    }
}

/// The bytes of a matrix each row of which is the one given, or each column.
fn stretched(row: &Row<'_>, from: &[i64], to: &[i64], size: usize) -> Option<SmallVec<[u8; 256]>> {
    let &[rows, columns] = to else { return None };
    let bytes = row.bytes()?;
    match *from {
        [n] | [1, n] if n == columns => Some((0..rows).flat_map(|_| bytes).copied().collect()),
        [n, 1] if n == rows => Some(
            bytes.chunks_exact(size).flat_map(|element| (0..columns).flat_map(move |_| element)).copied().collect(),
        ),
        _ => None,
    }
}

impl Session {
    /// `dst[...] = src` for small arrays at hand of different bases that have one shape, or a matrix and its rows or columns, and for numbers; whether it was
    /// done. If not, it should be by [`Session::assign`].
    pub fn assign_small(&self, dst: &NdArray, src: Arg<'_>) -> bool {
        self.try_assign(dst, src).is_some()
    }

    fn try_assign(&self, dst: &NdArray, src: Arg<'_>) -> Option<()> {
        let (n, dtype) = (dst.size(), dst.base.dtype);
        let (size, rank) = (dtype.size(), dst.ndim());
        if n == 0 || dst.readonly || dst.part != Part::Whole || !self.is_small(n, 2 * n as usize * size) {
            return None;
        }
        let stride = match rank {
            0 => 1,
            _ if dst.view.is_c_contiguous() => 1,
            1 => dst.view.strides[0],
            _ => return None,
        };
        let mut backing = locked(dst)?;
        let write = |backing: &mut Backing, from: &[u8]| {
            let bytes = self.base_bytes(dst, backing)?;
            let first = dst.view.offset as usize * size;
            if from.len() == size {
                let mut at = dst.view.offset;
                for _ in 0..n {
                    bytes[at as usize * size..][..size].copy_from_slice(from);
                    at += stride;
                }
            } else if stride == 1 {
                bytes[first..first + from.len()].copy_from_slice(from);
            } else {
                let mut at = dst.view.offset;
                for element in from.chunks_exact(size) {
                    bytes[at as usize * size..][..size].copy_from_slice(element);
                    at += stride;
                }
            }
            Some(())
        };
        match src {
            Arg::Weak(w) => write(&mut backing, w.to_scalar(dtype).ok()?.as_bytes()),
            Arg::Scalar(s) => write(&mut backing, converted(s, dtype)?.as_bytes()),
            Arg::Array(a) => {
                if a.shares_base(dst) {
                    return None;
                }
                let read = locked(a)?;
                if a.shape() != dst.shape() {
                    let &[_, columns] = dst.shape() else { return None };
                    let from = stretched(&row_in_c_order(a, &read, dtype)?, a.shape(), dst.shape(), size)?;
                    return if columns > 1 && stride == 1 { write(&mut backing, &from) } else { None };
                }
                match row_in_c_order(a, &read, dtype)? {
                    Row::Bytes(from) => write(&mut backing, from),
                    Row::Own(from) => write(&mut backing, from.as_slice()),
                    Row::One(value) => write(&mut backing, converted(value, dtype)?.as_bytes()),
                }
            }
        }
    }

    /// Small arrays at hand put together along `axis`; `shape` is that of the whole, `dtype` its type.
    pub(crate) fn join_small(&self, arrays: &[NdArray], axis: usize, shape: &[i64], dtype: DType) -> Option<NdArray> {
        let n = volume(shape);
        let (size, len) = (dtype.size(), n as usize * dtype.size());
        if n == 0 || !self.is_small(n, 2 * len) {
            return None;
        }
        let below = volume(&shape[axis + 1..]) as usize * size;
        let stride = shape[axis] as usize * below;
        let mut bytes = HostBuffer::unwritten(len);
        let mut first = 0;
        for a in arrays.iter().filter(|a| a.size() > 0) {
            let width = a.shape()[axis] as usize * below;
            let backing = locked(a)?;
            let row = row_in_c_order(a, &backing, dtype)?;
            let from = row.bytes()?;
            let places = bytes.as_mut_slice()[first..].chunks_mut(stride);
            places.zip(from.chunks_exact(width)).for_each(|(place, from)| place[..width].copy_from_slice(from));
            first += width;
        }
        Some(made(shape, dtype, bytes))
    }

    /// A small range of int64 or float64 numbers: `first`, `second`, and so on in steps of `delta` from `first`.
    pub(crate) fn range_small(&self, len: i64, first: Scalar, second: Scalar, delta: Scalar) -> Option<NdArray> {
        let dtype = first.dtype();
        if !self.is_small(len, len as usize * dtype.size()) {
            return None;
        }
        let mut bytes = HostBuffer::unwritten(len as usize * dtype.size());
        let places = bytes.as_mut_slice().as_chunks_mut::<8>().0.iter_mut().zip(0i64..);
        match dtype {
            DType::I64 => {
                let (first, delta) = (first.get::<i64>()?, delta.get::<i64>()?);
                places.for_each(|(place, i)| *place = first.wrapping_add(i.wrapping_mul(delta)).to_ne_bytes());
            }
            DType::F64 => {
                let (first, delta) = (first.get::<f64>()?, delta.get::<f64>()?);
                places.for_each(|(place, i)| *place = (first + i as f64 * delta).to_ne_bytes());
            }
            _ => return None,
        }
        if let Some(place) = bytes.as_mut_slice().get_mut(8..16) {
            place.copy_from_slice(second.as_bytes());
        }
        Some(made(&[len], dtype, bytes))
    }
}
