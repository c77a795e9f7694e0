//! Elements that masks and integers choose: advanced indexing, `take`, `nonzero`.
//!
//! How many elements a mask selects, and whether integers are in bounds, has to be known at the call: these functions wait for the values of
//! masks and indices (not for those of the arrays that are indexed).

use crate::array::{NdArray, Part};
use crate::error::{Casting, Error, Result};
use crate::issue::Body;
use crate::routine::Call;
use crate::session::Session;
use crate::tasks::Routine;
use crate::ufunc::Operand;
use crate::view::{normalize_axis, volume};
use legate_core::exec::HostBuffer;
use legate_core::geometry::Point;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::ops::{BinaryOp, ReduceOp};
use legate_kernels::select::{SELECT_BLOCK, Selected};
use smallvec::SmallVec;
use std::sync::Arc;

/// Whether to go on waiting: asked from time to time.
pub(crate) type Interrupted<'a> = &'a dyn Fn() -> bool;

/// Up to this many indices whose values are at hand are looked at on the calling thread.
const FEW_INDICES: i64 = 1 << 14;

/// What `take` does with an index that is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundsMode {
    /// Refuses it.
    Raise,
    /// Takes it modulo the length.
    Wrap,
    /// Takes the nearest index that is in bounds; negative ones do not count from the end.
    Clip,
}

/// A mask, raveled, and how many ones lie before each of its blocks.
struct Counted {
    mask: NdArray,
    before: NdArray,
    total: i64,
}

/// Masks.
impl Session {
    /// `np.flatnonzero(mask)` of a bool array, int64. Waits for the mask.
    ///
    /// # Errors
    /// As [`Session::to_host`].
    pub fn flat_positions(&self, mask: &NdArray, interrupted: Interrupted<'_>) -> Result<NdArray> {
        if let Some(positions) = self.positions_small(mask) {
            return Ok(positions);
        }
        let counted = self.count(mask, interrupted)?;
        self.compress(&counted, Selected::Position, None, DType::I64)
    }

    /// `a[mask]`: for a mask of `a`'s shape the selected elements, for one of its first dimensions the selected rows. Waits for the mask.
    ///
    /// # Errors
    /// NumPy's [`Error::Index`] for shapes that do not fit; as [`Session::to_host`].
    pub fn select_by_mask(&self, a: &NdArray, mask: &NdArray, interrupted: Interrupted<'_>) -> Result<NdArray> {
        check_mask(a, mask)?;
        if let Some(chosen) = self.compress_small(a, mask) {
            return Ok(chosen);
        }
        if mask.ndim() < a.ndim() {
            let rows = self.flat_positions(mask, interrupted)?;
            let shape: Point = std::iter::once(mask.size()).chain(a.shape()[mask.ndim()..].iter().copied()).collect();
            return self.gather(&self.reshape(a, &shape)?, &rows, 0);
        }
        let counted = self.count(mask, interrupted)?;
        let values = self.ravel(a)?;
        self.compress(&counted, Selected::Element(a.itemsize()), Some(&values), a.dtype())
    }

    /// `a[mask] = values` for a mask of `a`'s shape: one value for all, or one for each selected element. Waits for the mask.
    ///
    /// # Errors
    /// NumPy's for shapes and counts that do not fit.
    pub fn assign_by_mask(
        &self,
        a: &NdArray,
        mask: &NdArray,
        values: &Operand,
        interrupted: Interrupted<'_>,
    ) -> Result<()> {
        check_mask(a, mask)?;
        if mask.ndim() < a.ndim() {
            return Err(Error::Unsupported("a mask of some dimensions".into()));
        }
        if self.replace_small(a, mask, values.into()) {
            return Ok(());
        }
        let Operand::Array(array) = values else { return self.copyto(a, values, Casting::Unsafe, Some(mask)) };
        if array.ndim() == 0 {
            return self.copyto(a, values, Casting::Unsafe, Some(mask));
        }
        if array.ndim() > 1 {
            return Err(Error::Type(format!(
                "NumPy boolean array indexing assignment requires a 0 or 1-dimensional input, input has {} dimensions",
                array.ndim()
            )));
        }
        let positions = self.flat_positions(mask, interrupted)?;
        let (given, selected) = (array.size(), positions.size());
        if given != selected && given != 1 {
            return Err(Error::Value(format!(
                "NumPy boolean array indexing assignment cannot assign {given} input values to the {selected} output values where the mask is true"
            )));
        }
        self.assign_by_positions(a, positions, values)
    }

    /// Counts the ones of a bool array, in row-major order.
    fn count(&self, mask: &NdArray, interrupted: Interrupted<'_>) -> Result<Counted> {
        let mask = self.ravel(mask)?;
        let n = mask.size();
        let blocks = (n as usize).div_ceil(SELECT_BLOCK) as i64;
        if let Some(bytes) = at_hand(&mask).filter(|_| blocks == 1) {
            let total = bytes.as_slice().iter().map(|&one| i64::from(one)).sum();
            let before = self.from_buffer(Arc::new(HostBuffer::zeroed(8)), &[1], DType::I64)?;
            return Ok(Counted { mask, before, total });
        }
        let counts = NdArray::unwritten(&[blocks], DType::I64);
        Call::new(self, Routine::CountBlocks, &[blocks, n], &[1])
            .costing(n, 0.05)
            .read(&mask, &[1])?
            .write(&counts, &[0])
            .run()?;
        let counts = self.to_host(&counts, interrupted)?;
        let mut total = 0;
        let mut before = HostBuffer::zeroed(counts.len());
        let elements = before.as_mut_slice().chunks_exact_mut(8).zip(counts.as_slice().chunks_exact(8));
        for (place, count) in elements {
            place.copy_from_slice(&i64::to_ne_bytes(total));
            total += i64::from_ne_bytes(count.try_into().expect("eight bytes"));
        }
        let before = self.from_buffer(Arc::new(before), &[blocks], DType::I64)?;
        Ok(Counted { mask, before, total })
    }

    fn compress(
        &self,
        counted: &Counted,
        selected: Selected,
        values: Option<&NdArray>,
        dtype: DType,
    ) -> Result<NdArray> {
        let (n, blocks) = (counted.mask.size(), counted.before.size());
        let out = NdArray::unwritten(&[counted.total], dtype);
        let mut call = Call::new(self, Routine::Compress(selected), &[counted.total, n, blocks], &[1, 2])
            .costing(n, 0.5)
            .read(&counted.mask, &[1])?
            .read(&counted.before, &[2])?;
        if let Some(values) = values {
            call = call.read(values, &[1])?;
        }
        call.write(&out, &[0]).run()?;
        Ok(out)
    }
}

/// Integers.
impl Session {
    /// `np.take(a, index, axis, mode=mode)`; `axis` `None`: of the raveled array. Waits for the index, unless `mode` makes any good.
    ///
    /// # Errors
    /// [`Error::IndexOutOfBounds`], [`Error::AxisOutOfBounds`]; [`Error::Index`] for any index into nothing; as [`Session::to_host`].
    pub fn take(
        &self,
        a: &NdArray,
        index: &NdArray,
        axis: Option<i64>,
        mode: BoundsMode,
        interrupted: Interrupted<'_>,
    ) -> Result<NdArray> {
        let a = if axis.is_none() { self.ravel(a)? } else { a.clone() };
        let axis = normalize_axis(axis.unwrap_or(0), a.ndim())?;
        let n = a.shape()[axis];
        if mode == BoundsMode::Raise
            && axis == 0
            && let Some(taken) = self.gather_small(&a, index)
        {
            return Ok(taken);
        }
        if n == 0 && index.size() > 0 {
            return Err(Error::Index("cannot do a non-empty take from an empty axes.".into()));
        }
        let index = self.as_index(index)?;
        let index = self.bounded(&index, n, axis, mode, interrupted)?;
        self.gather(&a, &index, axis)
    }

    /// `a[indices[0], indices[1], …]`: integer arrays that broadcast, one for each of the first dimensions. Waits for them.
    ///
    /// # Errors
    /// [`Error::IndexOutOfBounds`]; [`Error::Index`] if they do not broadcast; as [`Session::to_host`].
    pub fn select_by_index(&self, a: &NdArray, indices: &[NdArray], interrupted: Interrupted<'_>) -> Result<NdArray> {
        if let [index] = indices
            && let Some(chosen) = self.gather_small(a, index)
        {
            return Ok(chosen);
        }
        let (rows, index) = self.joint_index(a, indices, interrupted)?;
        self.gather(&self.reshape(a, &rows)?, &index, 0)
    }

    /// `a[indices[0], indices[1], …] = values`: where several name one element, the last one wins. Waits for the indices.
    ///
    /// # Errors
    /// As [`Session::select_by_index`]; [`Error::BroadcastInto`] if the values do not fit; [`Error::Unsupported`] for views without a flat form.
    pub fn assign_by_index(
        &self,
        a: &NdArray,
        indices: &[NdArray],
        values: &Operand,
        interrupted: Interrupted<'_>,
    ) -> Result<()> {
        if let [index] = indices
            && self.scatter_small(a, index, values.into())
        {
            return Ok(());
        }
        let (rows, index) = self.joint_index(a, indices, interrupted)?;
        let view = a.view.reshaped(&rows).ok_or_else(|| Error::Unsupported("a view without a flat form".into()))?;
        self.scatter(&a.with_view(view), &index, values)
    }

    /// A bool vector for an axis of length `n` as the places of its ones; integers as they are. Waits for a mask.
    ///
    /// # Errors
    /// NumPy's [`Error::Index`] if the lengths differ; as [`Session::to_host`].
    pub fn as_places(&self, index: &NdArray, n: i64, axis: usize, interrupted: Interrupted<'_>) -> Result<NdArray> {
        if index.dtype() != DType::Bool {
            return Ok(index.clone());
        }
        if index.shape() != [n] {
            return Err(mask_mismatch(axis, n, index.shape()[0]));
        }
        self.flat_positions(index, interrupted)
    }

    /// `a[:, …, index, …]` with the index at dimension `axis`. Waits for it.
    ///
    /// # Errors
    /// As [`Session::select_by_index`].
    pub fn take_along(
        &self,
        a: &NdArray,
        index: &NdArray,
        axis: usize,
        interrupted: Interrupted<'_>,
    ) -> Result<NdArray> {
        let index = self.as_index(index)?;
        self.check_bounds(&index, a.shape()[axis], axis, interrupted)?;
        self.gather(a, &index, axis)
    }

    /// The array's shape with its first dimensions, one for each index, made one; and the index into it.
    fn joint_index(&self, a: &NdArray, indices: &[NdArray], interrupted: Interrupted<'_>) -> Result<(Point, NdArray)> {
        let given = indices.len();
        if given > a.ndim() {
            return Err(Error::TooManyIndices { ndim: a.ndim(), given });
        }
        let shapes: SmallVec<[&[i64]; 4]> = indices.iter().map(NdArray::shape).collect();
        let joint = crate::shape::broadcast_shapes(&shapes).map_err(|_| {
            let shapes: String = shapes.iter().map(|s| format!("{} ", crate::error::ShapeText::from(*s))).collect();
            Error::Index(format!(
                "shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}"
            ))
        })?;
        let mut index: Option<NdArray> = None;
        for (axis, one) in indices.iter().enumerate() {
            let n = a.shape()[axis];
            let one = self.as_index(one)?;
            // An index is not looked at where broadcasting leaves nothing of it.
            if volume(&joint) > 0 {
                self.check_bounds(&one, n, axis, interrupted)?;
            }
            if given == 1 {
                index = Some(one);
                break;
            }
            let one = self.apply2("remainder", &one, Scalar::new(n.max(1)))?;
            index = Some(match index {
                None => one,
                Some(so_far) => {
                    let so_far = self.apply2("multiply", &so_far, Scalar::new(n))?;
                    self.apply2("add", &so_far, &one)?
                }
            });
        }
        let merged = volume(&a.shape()[..given]);
        let rows = std::iter::once(merged).chain(a.shape()[given..].iter().copied()).collect();
        Ok((rows, index.expect("there is an index")))
    }

    /// Indices into `n` elements along `axis`, which is more than none if there are indices.
    pub(crate) fn bounded(
        &self,
        index: &NdArray,
        n: i64,
        axis: usize,
        mode: BoundsMode,
        interrupted: Interrupted<'_>,
    ) -> Result<NdArray> {
        match mode {
            BoundsMode::Raise => {
                self.check_bounds(index, n, axis, interrupted)?;
                Ok(index.clone())
            }
            BoundsMode::Wrap => self.apply2("remainder", index, Scalar::new(n.max(1))),
            BoundsMode::Clip => {
                let (low, high) = (Operand::Scalar(Scalar::new(0i64)), Operand::Scalar(Scalar::new((n - 1).max(0))));
                self.clip(&Operand::from(index), Some(&low), Some(&high), None)
            }
        }
    }

    /// Integers as int64.
    pub(crate) fn as_index(&self, index: &NdArray) -> Result<NdArray> {
        match index.dtype().kind() {
            Kind::Signed | Kind::Unsigned => self.astype(index, DType::I64, Casting::Unsafe, false),
            _ => Err(Error::Index("arrays used as indices must be of integer (or boolean) type".into())),
        }
    }

    /// Refuses the first index outside of `-n..n`.
    pub(crate) fn check_bounds(
        &self,
        index: &NdArray,
        n: i64,
        axis: usize,
        interrupted: Interrupted<'_>,
    ) -> Result<()> {
        if index.size() == 0 {
            return Ok(());
        }
        let outside = |index: i64| Err(Error::IndexOutOfBounds { index, axis, size: n });
        if let Some(values) = at_hand(index).filter(|_| index.size() <= FEW_INDICES) {
            let values: &[i64] = bytemuck::cast_slice(values.as_slice());
            return values.iter().find(|value| !(-n..n).contains(*value)).map_or(Ok(()), |&value| outside(value));
        }
        let flat = self.ravel(index)?;
        let first = NdArray::unwritten(&[1], DType::I64);
        let mut body = Body::new(self, flat.shape());
        let value = body.load(&flat);
        let mut constant = |value: i64| body.program.constant(Scalar::new(value));
        let (low, high, none) = (constant(-n), constant(n), constant(i64::MAX));
        let below = body.program.binary(BinaryOp::Less, value, low);
        let above = body.program.binary(BinaryOp::GreaterEqual, value, high);
        let bad = body.program.binary(BinaryOp::LogicalOr, below, above);
        let place = body.program.index(0);
        let place = body.program.select(bad, place, none);
        body.fold(ReduceOp::Minimum, &first, place, 1);
        body.run()?;
        let place = self.integer(&first, interrupted)?;
        if place == i64::MAX {
            return Ok(());
        }
        outside(self.integer(&flat.with_view(flat.view.at(0, place)), interrupted)?)
    }

    fn integer(&self, a: &NdArray, interrupted: Interrupted<'_>) -> Result<i64> {
        let bytes = self.to_host(a, interrupted)?;
        Ok(i64::from_ne_bytes(bytes.as_slice()[..8].try_into().expect("an int64 has eight bytes")))
    }

    /// `a.take(index, axis)` for int64 indices that are in bounds.
    pub(crate) fn gather(&self, a: &NdArray, index: &NdArray, axis: usize) -> Result<NdArray> {
        let (outer, n, inner) = (volume(&a.shape()[..axis]), a.shape()[axis], volume(&a.shape()[axis + 1..]));
        let shape: Point = [&a.shape()[..axis], index.shape(), &a.shape()[axis + 1..]].concat().into();
        let out = NdArray::unwritten(&shape, a.dtype());
        let m = index.size();
        let flat = out.view.reshaped(&[outer, m, inner]).expect("a new array takes any shape of its size");
        let (source, index) = (self.reshape(a, &[outer, n, inner])?, self.ravel(index)?);
        let call = Call::new(self, Routine::Gather { size: a.itemsize() }, &[outer, m, inner, n], &[3])
            .costing(outer * m * inner, 3.0)
            .read(&source, &[0, 3, 2])?
            .read(&index, &[1])?
            .write(&out.with_view(flat), &[0, 1, 2]);
        match self.asks_for_rows(a, m).filter(|_| axis == 0 && out.size() > 0 && a.part == Part::Whole) {
            Some(runtime) if !call.is_inline()? => {
                let rows: Point = std::iter::once(m).chain(a.shape()[1..].iter().copied()).collect();
                let rows = out.view.reshaped(&rows).expect("a new array takes any shape of its size");
                self.gather_rows(runtime, &out.with_view(rows), a, &index)?;
            }
            _ => call.run()?,
        }
        Ok(out)
    }

    /// `a[index] = values` along the first dimension, for int64 indices that are in bounds.
    pub(crate) fn scatter(&self, a: &NdArray, index: &NdArray, values: &Operand) -> Result<()> {
        if a.is_readonly() {
            return Err(Error::ReadOnly);
        }
        if a.part != Part::Whole {
            return Err(Error::Unsupported("scattering into parts of elements".into()));
        }
        let (n, rest) = (a.shape()[0], &a.shape()[1..]);
        let inner = volume(rest);
        let flat =
            a.view.reshaped(&[n, inner]).ok_or_else(|| Error::Unsupported("a view without a flat form".into()))?;
        let shape: Point = [index.shape(), rest].concat().into();
        let values = self.values_for(values, a.dtype(), &shape)?;
        let m = index.size();
        let index = self.ravel(index)?;
        let call = Call::new(self, Routine::Scatter { size: a.itemsize() }, &[1, n, inner, m], &[3])
            .on_all_cores(true)
            .costing(m * inner, 3.0)
            .update(&a.with_view(flat), &[1, 2])
            .read(&index, &[3])?
            .read(&self.reshape(&values, &[m, inner])?, &[3, 2])?;
        match self.tells_rows(a).filter(|_| values.size() > 0 && values.part == Part::Whole) {
            Some(runtime) if !call.is_inline()? => {
                let rows: Point = std::iter::once(m).chain(rest.iter().copied()).collect();
                self.scatter_rows(runtime, a, &index, &self.reshape(&values, &rows)?)
            }
            _ => call.run(),
        }
    }
}

/// The bytes of an array that is all of its base, if they are known.
fn at_hand(a: &NdArray) -> Option<Arc<HostBuffer>> {
    if !a.is_whole_base() || a.base.origin.is_some() { None } else { a.base.cell.lock().host.clone() }
}

/// Whether the mask has the shape of the array's first dimensions.
fn check_mask(a: &NdArray, mask: &NdArray) -> Result<()> {
    if mask.ndim() > a.ndim() {
        return Err(Error::TooManyIndices { ndim: a.ndim(), given: mask.ndim() });
    }
    match (0..mask.ndim()).find(|&d| mask.shape()[d] != a.shape()[d]) {
        None => Ok(()),
        Some(d) => Err(mask_mismatch(d, a.shape()[d], mask.shape()[d])),
    }
}

pub(crate) fn mask_mismatch(axis: usize, n: i64, given: i64) -> Error {
    Error::Index(format!(
        "boolean index did not match indexed array along axis {axis}; size of axis is {n} but size of corresponding boolean axis is {given}"
    ))
}
