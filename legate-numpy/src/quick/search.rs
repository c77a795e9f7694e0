//! Searches, repetitions, counts and distinct elements of a few elements.

use super::{Row, locked, made, row, row_in_c_order};
use crate::array::NdArray;
use crate::promote::promote_types;
use crate::session::Session;
use crate::tasks::{Routine, run_routine_on_host};
use legate_core::exec::HostBuffer;
use legate_kernels::cast::cast;
use legate_kernels::dispatch_ordered;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::host::HostOperand;
use legate_kernels::sort::Sortable;

impl Session {
    /// Where one value belongs in a sorted vector at hand; `None` if it should be had by [`Session::searchsorted`].
    pub fn search_one_small(&self, sorted: &NdArray, needle: Scalar, after: bool) -> Option<i64> {
        let dtype = searched_type(sorted, needle.dtype()).filter(|_| self.is_small(1, 16))?;
        let needle = if needle.dtype() == dtype { needle } else { cast(needle, dtype) };
        let mut place = [0; 8];
        self.search_row(sorted, (needle.as_bytes(), 1), dtype, after, &mut place)?;
        Some(i64::from_ne_bytes(place))
    }

    /// [`Session::searchsorted`] of a few needles and a vector at hand; `None` if it should be had there.
    pub fn search_small(&self, sorted: &NdArray, needles: &NdArray, after: bool) -> Option<NdArray> {
        let dtype = searched_type(sorted, needles.dtype())?;
        let count = needles.size();
        if count == 0 || needles.shares_base(sorted) || !self.is_small(count, 16 * count as usize) {
            return None;
        }
        let backing = locked(needles)?;
        let elements = row_in_c_order(needles, &backing, dtype)?;
        let mut places = HostBuffer::unwritten(8 * count as usize);
        self.search_row(sorted, (elements.bytes()?, count), dtype, after, places.as_mut_slice())?;
        Some(made(needles.shape(), DType::I64, places))
    }

    /// Writes the places of `count` needles, elements of `dtype`.
    fn search_row(
        &self,
        sorted: &NdArray,
        (needles, count): (&[u8], i64),
        dtype: DType,
        after: bool,
        places: &mut [u8],
    ) -> Option<()> {
        let n = sorted.size();
        // A vector of any length is searched where it lies, but not copied.
        let lies = sorted.dtype() == dtype && sorted.is_c_contiguous();
        if n == 0 || !(lies || self.is_small(n, 2 * sorted.nbytes())) {
            return None;
        }
        let backing = locked(sorted)?;
        let elements = row(sorted, &backing, dtype)?;
        let sorted = HostOperand::read(elements.bytes()?, 0, &[0, 1]);
        let (needles, places) = (HostOperand::read(needles, 0, &[1, 0]), HostOperand::write(places, 0, &[1, 0]));
        let operands = &mut [(sorted, dtype), (needles, dtype), (places, DType::I64)];
        run_routine_on_host(Routine::Search { dtype, after }, &[count, n], operands).ok()?;
        self.note_at_once(count as u64, || "searchsorted".to_owned());
        Some(())
    }

    /// [`Session::repeat`] of a few elements at hand; `None` if it should be had there.
    pub fn repeat_small(&self, a: &NdArray, count: i64, axis: usize) -> Option<NdArray> {
        let (n, dtype) = (*a.shape().get(axis)?, a.dtype());
        let total = a.size().checked_mul(count)?;
        if total <= 0 || !self.is_small(total, total as usize * 2 * dtype.size()) {
            return None;
        }
        let backing = locked(a)?;
        let elements = row_in_c_order(a, &backing, dtype)?;
        let width = a.shape()[axis + 1..].iter().product::<i64>() as usize * dtype.size();
        let mut repeated = HostBuffer::unwritten(total as usize * dtype.size());
        let places = repeated.as_mut_slice().chunks_exact_mut(width * count as usize);
        for (place, element) in places.zip(elements.bytes()?.chunks_exact(width)) {
            match (<&[u8; 8]>::try_from(element), place.as_chunks_mut::<8>().0) {
                (Ok(word), words) => words.fill(*word),
                _ => place.chunks_exact_mut(width).for_each(|place| place.copy_from_slice(element)),
            }
        }
        self.note_at_once(total as u64, || "repeat".to_owned());
        if a.ndim() == 1 {
            return Some(made(&[total], dtype, repeated));
        }
        let mut shape = a.view.shape.clone();
        shape[axis] = n * count;
        Some(made(&shape, dtype, repeated))
    }

    /// [`Session::unique`] of a small vector at hand; `None` if it should be had there.
    pub fn unique_small(&self, a: &NdArray) -> Option<NdArray> {
        let sorted = self.sort_small(a, false)?;
        let (dtype, backing) = (a.dtype(), locked(&sorted)?);
        let Row::Bytes(bytes) = row(&sorted, &backing, dtype)? else { return None };
        let (distinct, count) = dispatch_ordered!(dtype, T => without_repeats::<T>(bytes));
        Some(made(&[count], dtype, distinct))
    }
}

impl Session {
    /// `np.bincount(a, weights)` of a few small integers at hand: how often each is there, or the sum of its weights, added in their order; `None` if NumPy should
    /// be asked.
    pub fn bincount_small(&self, a: &NdArray, weights: Option<&NdArray>) -> Option<NdArray> {
        let (&[n], dtype) = (a.shape(), a.dtype()) else { return None };
        let counts = matches!(dtype.kind(), Kind::Signed | Kind::Unsigned) && dtype != DType::U64;
        let pairs =
            weights.is_none_or(|w| w.shape() == a.shape() && w.dtype().kind() != Kind::Complex && !w.shares_base(a));
        if n == 0 || !counts || !pairs || !self.is_small(n, 16 * n as usize) {
            return None;
        }
        let backing = locked(a)?;
        let elements = row(a, &backing, DType::I64)?;
        let places: &[i64] = bytemuck::try_cast_slice(elements.bytes()?).ok()?;
        let bins = places.iter().max()?.checked_add(1)?;
        if places.iter().any(|place| *place < 0) || !self.is_small(bins, 8 * bins as usize) {
            return None;
        }
        let mut result = HostBuffer::zeroed(8 * bins as usize);
        match weights {
            None => {
                let counts: &mut [i64] = bytemuck::cast_slice_mut(result.as_mut_slice());
                places.iter().for_each(|place| counts[*place as usize] += 1);
            }
            Some(weights) => {
                let backing = locked(weights)?;
                let elements = row(weights, &backing, DType::F64)?;
                let weights: &[f64] = bytemuck::try_cast_slice(elements.bytes()?).ok()?;
                let sums: &mut [f64] = bytemuck::cast_slice_mut(result.as_mut_slice());
                places.iter().zip(weights).for_each(|(place, weight)| sums[*place as usize] += weight);
            }
        }
        self.note_at_once(n as u64, || "bincount".to_owned());
        Some(made(&[bins], if weights.is_none() { DType::I64 } else { DType::F64 }, result))
    }
}

/// The type in which a vector is searched for needles of a type; `None` where there is no order.
fn searched_type(sorted: &NdArray, needles: DType) -> Option<DType> {
    let dtype = promote_types(sorted.dtype(), needles);
    (sorted.ndim() == 1 && !matches!(dtype.kind(), Kind::Complex | Kind::Time)).then_some(dtype)
}

/// The first of equal elements of a sorted vector, and how many those are.
fn without_repeats<T: Sortable>(sorted: &[u8]) -> (HostBuffer, i64) {
    let sorted: &[T] = bytemuck::cast_slice(sorted);
    let differs = |k: usize| k == 0 || sorted[k - 1].to_rank() != sorted[k].to_rank();
    let count = (0..sorted.len()).filter(|k| differs(*k)).count();
    let mut distinct = HostBuffer::unwritten(count * size_of::<T>());
    let places: &mut [T] = bytemuck::cast_slice_mut(distinct.as_mut_slice());
    let firsts = (0..sorted.len()).filter(|k| differs(*k));
    places.iter_mut().zip(firsts).for_each(|(place, k)| *place = sorted[k]);
    (distinct, count as i64)
}
