//! Elements that masks and integers choose, sorts and running sums of a small vector.

use super::{Arg, Row, locked, made, row};
use crate::array::{Backing, NdArray, Part};
use crate::promote::converted;
use crate::scan::accumulated_type;
use crate::session::Session;
use crate::tasks::{Routine, run_routine_on_host};
use legate_core::exec::HostBuffer;
use legate_kernels::dtype::{DType, Kind};
use legate_kernels::engine::row_met;
use legate_kernels::host::HostOperand;
use legate_kernels::scan::ScanOp;
use parking_lot::MutexGuard;
use smallvec::SmallVec;

/// Elements to be chosen from: the bytes of the first one, and how far the next one is.
struct Source<'a> {
    bytes: &'a [u8],
    step: usize,
    size: usize,
}

impl<'a> Source<'a> {
    /// Of `size` bytes each.
    fn of(row: &'a Row<'_>, size: usize) -> Source<'a> {
        match row {
            Row::Bytes(bytes) => Source { bytes, step: size, size },
            Row::Own(bytes) => Source { bytes: bytes.as_slice(), step: size, size },
            Row::One(value) => Source { bytes: value.as_bytes(), step: 0, size },
        }
    }

    fn get(&self, place: usize) -> &'a [u8] {
        &self.bytes[place * self.step..][..self.size]
    }
}

/// Copies an element. Most have 8 bytes: that is one move and no call.
#[inline]
fn put(to: &mut [u8], element: &[u8]) {
    match (<&mut [u8; 8]>::try_from(&mut *to), <&[u8; 8]>::try_from(element)) {
        (Ok(to), Ok(word)) => *to = *word,
        _ => to.copy_from_slice(element),
    }
}

impl Session {
    /// `a[key]` for small arrays at hand, by a mask or by integers; `None` if it should be had by [`Session::select_by_mask`] or
    /// [`Session::select_by_index`].
    pub fn choose_small(&self, a: &NdArray, key: &NdArray) -> Option<NdArray> {
        if key.dtype() == DType::Bool { self.compress_small(a, key) } else { self.gather_small(a, key) }
    }

    /// `a[key] = values` likewise; whether it was done.
    pub fn set_small(&self, a: &NdArray, key: &NdArray, values: Arg<'_>) -> bool {
        if key.dtype() == DType::Bool { self.replace_small(a, key, values) } else { self.scatter_small(a, key, values) }
    }

    /// `a[mask]` for a mask of `a`'s shape.
    pub(crate) fn compress_small(&self, a: &NdArray, mask: &NdArray) -> Option<NdArray> {
        let dtype = a.dtype();
        if mask.dtype() != DType::Bool
            || mask.ndim() == 0
            || a.shape() != mask.shape()
            || !self.is_small(a.size(), 2 * a.nbytes())
        {
            return None;
        }
        let (first, second) = both_locked(a, mask)?;
        let ones = row(mask, second.as_deref().unwrap_or(&first), DType::Bool)?;
        let ones = ones.bytes()?;
        let values = row(a, &first, dtype)?;
        let source = Source::of(&values, dtype.size());
        let total = ones.iter().filter(|one| **one != 0).count();
        let mut chosen = HostBuffer::unwritten(total * dtype.size());
        let places = (0..ones.len()).filter(|place| ones[*place] != 0);
        for (to, place) in chosen.as_mut_slice().chunks_exact_mut(dtype.size()).zip(places) {
            put(to, source.get(place));
        }
        self.note_at_once(a.size() as u64, || "compress".to_owned());
        Some(made(&[total as i64], dtype, chosen))
    }

    /// The places of a small mask's ones, row-major; `None` if they should be had by [`Session::flat_positions`].
    pub fn positions_small(&self, mask: &NdArray) -> Option<NdArray> {
        if mask.dtype() != DType::Bool || !self.is_small(mask.size(), 9 * mask.nbytes()) {
            return None;
        }
        let backing = locked(mask)?;
        let ones = row(mask, &backing, DType::Bool)?;
        let ones = ones.bytes()?;
        let total = ones.iter().filter(|one| **one != 0).count();
        let mut positions = HostBuffer::unwritten(total * 8);
        let places = (0i64..).zip(ones).filter(|(_, one)| **one != 0);
        for (to, (place, _)) in positions.as_mut_slice().as_chunks_mut::<8>().0.iter_mut().zip(places) {
            *to = place.to_ne_bytes();
        }
        self.note_at_once(mask.size() as u64, || "compress".to_owned());
        Some(made(&[total as i64], DType::I64, positions))
    }

    /// `a[index]` along the first dimension, for integers within bounds.
    pub(crate) fn gather_small(&self, a: &NdArray, index: &NdArray) -> Option<NdArray> {
        let (&[n, ref rest @ ..], dtype) = (a.shape(), a.dtype()) else { return None };
        let width = rest.iter().product::<i64>() as usize * dtype.size();
        let few = index.size() as usize;
        if !is_integer(index) || width == 0 || !self.is_small(index.size(), few * (8 + 2 * width)) {
            return None;
        }
        let (first, second) = both_locked(a, index)?;
        let places = row(index, second.as_deref().unwrap_or(&first), DType::I64)?;
        let places = words(&places)?;
        let values = row(a, &first, dtype)?;
        let source = match &values {
            Row::One(_) if !rest.is_empty() => return None,
            values => Source::of(values, width),
        };
        let mut chosen = HostBuffer::unwritten(few * width);
        if (width, source.step) == (8, 8) {
            let elements = source.bytes.as_chunks::<8>().0;
            for (to, place) in chosen.as_mut_slice().as_chunks_mut::<8>().0.iter_mut().zip(places) {
                *to = elements[within(*place, n)?];
            }
        } else {
            for (to, place) in chosen.as_mut_slice().chunks_exact_mut(width).zip(places) {
                put(to, source.get(within(*place, n)?));
            }
        }
        self.note_at_once(index.size() as u64, || "gather".to_owned());
        if rest.is_empty() {
            return Some(made(index.shape(), dtype, chosen));
        }
        Some(made(&[index.shape(), rest].concat(), dtype, chosen))
    }

    /// `a[index] = values` of a vector, for integers within bounds, and one value or as many as there are integers; whether it was done.
    pub(crate) fn scatter_small(&self, a: &NdArray, index: &NdArray, values: Arg<'_>) -> bool {
        let attempt = || {
            let &[n] = a.shape() else { return None };
            if !is_integer(index) || index.shares_base(a) || !self.is_small(index.size(), 16 * index.nbytes()) {
                return None;
            }
            let backing = locked(index)?;
            let places = row(index, &backing, DType::I64)?;
            let places = words(&places)?;
            // Nothing is written if one is out of bounds.
            if !places.iter().all(|place| (-n..n).contains(place)) {
                return None;
            }
            let places = places.iter().map(|&place| (if place < 0 { place + n } else { place }) as usize);
            self.write_small(a, places, index.shape(), values)
        };
        attempt().is_some()
    }

    /// `a[mask] = values` for a mask of a vector's shape, and one value or as many as the mask has ones; whether it was done.
    pub(crate) fn replace_small(&self, a: &NdArray, mask: &NdArray, values: Arg<'_>) -> bool {
        let attempt = || {
            if a.ndim() != 1
                || mask.dtype() != DType::Bool
                || mask.shape() != a.shape()
                || mask.shares_base(a)
                || !self.is_small(a.size(), 2 * a.nbytes())
            {
                return None;
            }
            let backing = locked(mask)?;
            let ones = row(mask, &backing, DType::Bool)?;
            let ones = ones.bytes()?;
            let places: SmallVec<[usize; 16]> = (0..ones.len()).filter(|place| ones[*place] != 0).collect();
            let shape = [places.len() as i64];
            self.write_small(a, places.into_iter(), &shape, values)
        };
        attempt().is_some()
    }

    /// Writes elements of a vector: one value to all, or as many as there are places (an array of just this shape). The last one wins.
    fn write_small(
        &self,
        a: &NdArray,
        places: impl ExactSizeIterator<Item = usize>,
        shape: &[i64],
        values: Arg<'_>,
    ) -> Option<()> {
        let (dtype, count) = (a.base.dtype, places.len() as u64);
        if a.readonly || a.part != Part::Whole {
            return None;
        }
        let mut backing = locked(a)?;
        let write = |source: &Source<'_>| {
            let bytes = self.base_bytes(a, &mut backing)?;
            for (k, place) in places.enumerate() {
                let at = (a.view.offset + place as i64 * a.view.strides[0]) as usize * source.size;
                put(&mut bytes[at..at + source.size], source.get(k));
            }
            self.note_at_once(count, || "scatter".to_owned());
            Some(())
        };
        match values {
            Arg::Weak(value) => write(&Source::of(&Row::One(value.to_scalar(dtype).ok()?), dtype.size())),
            Arg::Scalar(value) => write(&Source::of(&Row::One(converted(value, dtype)?), dtype.size())),
            Arg::Array(values) => {
                if values.shape() != shape || values.shares_base(a) {
                    return None;
                }
                let read = locked(values)?;
                write(&Source::of(&row(values, &read, dtype)?, dtype.size()))
            }
        }
    }

    /// The elements of a small vector in order, or the places that they had; `None` if they should be had by [`Session::sort`] or [`Session::argsort`].
    pub fn sort_small(&self, a: &NdArray, places: bool) -> Option<NdArray> {
        let dtype = a.dtype();
        if matches!(dtype.kind(), Kind::Complex | Kind::Time) {
            return None;
        }
        let routine = Routine::Sort { dtype, axis: 0, places };
        let sorted = self.along_small(a, dtype, routine, if places { DType::I64 } else { dtype })?;
        self.note_at_once(a.size() as u64, || if places { "argsort" } else { "sort" }.to_owned());
        Some(sorted)
    }

    /// `a.sort()` of a small vector; whether it was done. If not, it should be by [`Session::sort_in_place`].
    pub fn sort_in_place_small(&self, a: &NdArray) -> bool {
        let attempt = || {
            let (&[n], dtype) = (a.shape(), a.base.dtype) else { return None };
            let plain = a.part == Part::Whole
                && a.view.is_c_contiguous()
                && !a.readonly
                && !matches!(dtype.kind(), Kind::Complex | Kind::Time);
            let len = n as usize * dtype.size();
            if !plain || n == 0 || !self.is_small(n, 2 * len) {
                return None;
            }
            let mut backing = locked(a)?;
            let first = a.view.offset as usize * dtype.size();
            let bytes = &mut self.base_bytes(a, &mut backing)?[first..first + len];
            let before: SmallVec<[u8; 256]> = SmallVec::from_slice(bytes);
            let operands = (HostOperand::read(&before, 0, &[1]), HostOperand::write(bytes, 0, &[1]));
            let routine = Routine::Sort { dtype, axis: 0, places: false };
            run_routine_on_host(routine, &[n], &mut [(operands.0, dtype), (operands.1, dtype)]).ok()?;
            self.note_at_once(n as u64, || "sort".to_owned());
            Some(())
        };
        attempt().is_some()
    }

    /// Running sums or products of a small vector's elements as elements of `dtype`, or of the type that NumPy takes; `None` if they should be had by
    /// [`Session::accumulate`].
    pub fn accumulate_small(&self, op: ScanOp, a: &NdArray, dtype: Option<DType>) -> Option<NdArray> {
        let dtype = dtype.unwrap_or_else(|| accumulated_type(a.dtype()));
        row_met::begin();
        let sums = self.along_small(a, dtype, Routine::Scan { op, dtype, axis: 0 }, dtype)?;
        if matches!(dtype.kind(), Kind::Float | Kind::Complex) && self.wants(row_met::raised()) {
            return None; // whatever was met is told by the general way
        }
        self.note_at_once(a.size() as u64, || if op == ScanOp::Add { "cumsum" } else { "cumprod" }.to_owned());
        Some(sums)
    }

    /// What a routine makes of a vector, with an element for each element.
    fn along_small(&self, a: &NdArray, dtype: DType, routine: Routine, result: DType) -> Option<NdArray> {
        let &[n] = a.shape() else { return None };
        if n == 0 || dtype.is_time() || !self.is_small(n, n as usize * (dtype.size() + result.size())) {
            return None;
        }
        let backing = locked(a)?;
        let elements = row(a, &backing, dtype)?;
        let elements = HostOperand::read(elements.bytes()?, 0, &[1]);
        let mut out = HostBuffer::unwritten(n as usize * result.size());
        let written = HostOperand::write(out.as_mut_slice(), 0, &[1]);
        run_routine_on_host(routine, &[n], &mut [(elements, dtype), (written, result)]).ok()?;
        Some(made(&[n], result, out))
    }
}

fn is_integer(index: &NdArray) -> bool {
    index.ndim() > 0 && matches!(index.dtype().kind(), Kind::Signed | Kind::Unsigned)
}

/// An index that may count from the end, counted from the front; `None` if it is out of bounds.
fn within(index: i64, n: i64) -> Option<usize> {
    let index = if index < 0 { index + n } else { index };
    (0..n).contains(&index).then_some(index as usize)
}

fn words<'a>(row: &'a Row<'_>) -> Option<&'a [i64]> {
    bytemuck::try_cast_slice(row.bytes()?).ok()
}

/// The backings of two arrays' bases; none for the second one if it has the first one's.
fn both_locked<'a>(
    a: &'a NdArray,
    b: &'a NdArray,
) -> Option<(MutexGuard<'a, Backing>, Option<MutexGuard<'a, Backing>>)> {
    let first = locked(a)?;
    let second = if a.shares_base(b) { None } else { Some(locked(b)?) };
    Some((first, second))
}
