//! Views: how the elements of an array lie in its C-ordered base, as NumPy keeps it, with strides counted in elements.
//!
//! Every view operation of NumPy (slices of any step, transposes, new axes, broadcasts, diagonals, reshapes that need no copy) is arithmetic
//! on an offset and strides. What a view means for a field of the runtime is decided when an operation is issued ([`crate::decode`]).

use crate::error::{Error, Result};
use legate_core::geometry::Point;
use smallvec::SmallVec;

/// Most dimensions an array may have (NumPy's limit).
pub const MAX_DIMS: usize = 64;

/// The elements `offset + Σ strides[d]·p[d]` of a base, for `p` in `0..shape`.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    /// Element of the base that the first element of the view is.
    pub offset: i64,
    /// Extents.
    pub shape: Point,
    /// Elements of the base between neighbours along each dimension; 0: broadcast.
    pub strides: Point,
}

/// Calls on small arrays copy views more often than they do anything else.
impl Clone for View {
    #[inline]
    fn clone(&self) -> View {
        View { offset: self.offset, shape: copied(&self.shape), strides: copied(&self.strides) }
    }
}

/// A copy of coordinates. The frequent ranks are spelled out: that takes a few moves and no call.
#[inline]
pub(crate) fn copied(from: &[i64]) -> Point {
    match *from {
        [] => Point::from_buf_and_len([0; 4], 0),
        [a] => Point::from_buf_and_len([a, 0, 0, 0], 1),
        [a, b] => Point::from_buf_and_len([a, b, 0, 0], 2),
        [a, b, c] => Point::from_buf_and_len([a, b, c, 0], 3),
        _ => Point::from_slice(from),
    }
}

/// The strides of a C-ordered array, in elements.
pub fn c_strides(shape: &[i64]) -> Point {
    match *shape {
        [_] => return copied(&[1]),
        [_, n] => return copied(&[n.max(1), 1]),
        _ => {}
    }
    let mut strides: Point = SmallVec::from_elem(1, shape.len());
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d].max(1);
    }
    strides
}

/// Points of a shape.
pub fn volume(shape: &[i64]) -> i64 {
    shape.iter().product()
}

/// `axis` of an array of `ndim` dimensions, counted from the end if negative.
///
/// # Errors
/// [`Error::AxisOutOfBounds`].
pub fn normalize_axis(axis: i64, ndim: usize) -> Result<usize> {
    let n = ndim as i64;
    if (-n..n).contains(&axis) { Ok(axis.rem_euclid(n) as usize) } else { Err(Error::AxisOutOfBounds { axis, ndim }) }
}

/// Several axes, each once.
///
/// # Errors
/// [`Error::AxisOutOfBounds`]; [`Error::Value`] (`duplicate`) if one comes twice.
pub fn normalize_axes(axes: &[i64], ndim: usize, duplicate: &str) -> Result<SmallVec<[usize; 4]>> {
    let mut out: SmallVec<[usize; 4]> = SmallVec::new();
    for &axis in axes {
        let axis = normalize_axis(axis, ndim)?;
        if out.contains(&axis) {
            return Err(Error::Value(duplicate.to_owned()));
        }
        out.push(axis);
    }
    Ok(out)
}

impl View {
    /// All of a base of this shape.
    pub fn whole(shape: &[i64]) -> View {
        View { offset: 0, shape: copied(shape), strides: c_strides(shape) }
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn size(&self) -> i64 {
        volume(&self.shape)
    }

    /// Whether its elements are `base elements offset..offset+size` in order (NumPy's `C_CONTIGUOUS`).
    pub fn is_c_contiguous(&self) -> bool {
        let mut expected = 1;
        for d in (0..self.rank()).rev() {
            if self.shape[d] == 0 {
                return true;
            }
            if self.shape[d] != 1 && self.strides[d] != expected {
                return self.size() == 0;
            }
            expected *= self.shape[d];
        }
        true
    }

    /// Whether the transposed view is C-contiguous (NumPy's `F_CONTIGUOUS`).
    pub fn is_f_contiguous(&self) -> bool {
        self.reversed().is_c_contiguous()
    }

    /// Lowest and highest element of the base that is touched; `None` if the view is empty.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let (mut lo, mut hi) = (self.offset, self.offset);
        for (&extent, &stride) in self.shape.iter().zip(&self.strides) {
            if extent == 0 {
                return None;
            }
            let reach = stride * (extent - 1);
            lo += reach.min(0);
            hi += reach.max(0);
        }
        Some((lo, hi))
    }

    /// Dimension `d` of the result is dimension `axes[d]` here; `axes` is a permutation.
    pub fn permuted(&self, axes: &[usize]) -> View {
        View {
            offset: self.offset,
            shape: axes.iter().map(|&a| self.shape[a]).collect(),
            strides: axes.iter().map(|&a| self.strides[a]).collect(),
        }
    }

    /// With the dimensions in reverse.
    pub fn reversed(&self) -> View {
        match (&*self.shape, &*self.strides) {
            ([] | [_], _) => self.clone(),
            (&[m, n], &[s, t]) => View { offset: self.offset, shape: copied(&[n, m]), strides: copied(&[t, s]) },
            _ => {
                let mut view = self.clone();
                view.shape.reverse();
                view.strides.reverse();
                view
            }
        }
    }

    /// Without dimension `axis`, at `index` along it.
    pub fn at(&self, axis: usize, index: i64) -> View {
        let mut view = self.clone();
        view.fix(axis, index);
        view
    }

    /// Becomes [`View::at`].
    pub(crate) fn fix(&mut self, axis: usize, index: i64) {
        self.offset += index * self.strides[axis];
        self.shape.remove(axis);
        self.strides.remove(axis);
    }

    /// Elements `start, start+step, …` (`len` of them) along `axis`.
    pub fn sliced(&self, axis: usize, start: i64, step: i64, len: i64) -> View {
        let mut view = self.clone();
        view.slice(axis, start, step, len);
        view
    }

    /// Becomes [`View::sliced`].
    pub(crate) fn slice(&mut self, axis: usize, start: i64, step: i64, len: i64) {
        // An empty slice keeps its offset inside the base: nothing is ever read through it.
        if len > 0 {
            self.offset += start * self.strides[axis];
        }
        self.shape[axis] = len;
        self.strides[axis] *= step;
    }

    /// With a new dimension of extent 1 in front of dimension `axis`.
    pub fn with_new_axis(&self, axis: usize) -> View {
        let mut view = self.clone();
        view.shape.insert(axis, 1);
        view.strides.insert(axis, 0);
        view
    }

    /// Without dimension `axis`, which has extent 1.
    pub fn without_axis(&self, axis: usize) -> View {
        self.at(axis, 0)
    }

    /// Stretched to `shape` by NumPy's rule; `None` if it does not fit.
    pub fn broadcast(&self, shape: &[i64]) -> Option<View> {
        let lead = shape.len().checked_sub(self.rank())?;
        let mut strides: Point = SmallVec::from_elem(0, shape.len());
        for d in 0..self.rank() {
            match self.shape[d] {
                n if n == shape[lead + d] => strides[lead + d] = self.strides[d],
                1 => {}
                _ => return None,
            }
        }
        Some(View { offset: self.offset, shape: shape.into(), strides })
    }

    /// The diagonal `p[axis1] + k = p[axis2]`, as a last dimension; `axis1 != axis2`.
    pub fn diagonal(&self, k: i64, axis1: usize, axis2: usize) -> View {
        let (rows, columns) = (self.shape[axis1], self.shape[axis2]);
        let (row, column) = if k < 0 { (-k, 0) } else { (0, k) };
        let len = (rows - row).min(columns - column).max(0);
        let mut view = self.clone();
        if len > 0 {
            view.offset += row * self.strides[axis1] + column * self.strides[axis2];
        }
        for axis in [axis1.max(axis2), axis1.min(axis2)] {
            view.shape.remove(axis);
            view.strides.remove(axis);
        }
        view.shape.push(len);
        view.strides.push(self.strides[axis1] + self.strides[axis2]);
        view
    }

    /// The same elements in row-major order under another shape of the same size, if strides can say it: NumPy's rule for when
    /// `reshape` needs no copy.
    ///
    /// Runs of dimensions of the old and the new shape with equal products are matched; a run of old dimensions must be
    /// contiguous among itself to be split anew.
    pub fn reshaped(&self, shape: &[i64]) -> Option<View> {
        debug_assert_eq!(self.size(), volume(shape));
        if self.is_c_contiguous() {
            return Some(View { offset: self.offset, shape: copied(shape), strides: c_strides(shape) });
        }
        let old: SmallVec<[(i64, i64); 4]> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|&(n, _)| n != 1).collect();
        let mut strides: Point = SmallVec::from_elem(0, shape.len());
        let (mut i, mut j) = (0, 0);
        while i < old.len() && j < shape.len() {
            let (first_i, first_j) = (i, j);
            let (mut old_run, mut new_run) = (old[i].0, shape[j]);
            while old_run != new_run {
                if old_run < new_run {
                    i += 1;
                    old_run *= old[i].0;
                } else {
                    j += 1;
                    new_run *= shape[j];
                }
            }
            if (first_i..i).any(|d| old[d].1 != old[d + 1].0 * old[d + 1].1) {
                return None;
            }
            let mut stride = old[i].1;
            for d in (first_j..=j).rev() {
                strides[d] = stride;
                stride *= shape[d];
            }
            i += 1;
            j += 1;
        }
        // What is left over of the new shape are extents of 1; any stride will do.
        Some(View { offset: self.offset, shape: shape.into(), strides })
    }

    /// Whether two views of one base may share an element. Never wrongly `false`.
    pub fn may_overlap(&self, other: &View) -> bool {
        match (self.bounds(), other.bounds()) {
            (Some((lo, hi)), Some((other_lo, other_hi))) => {
                lo <= other_hi && other_lo <= hi && !self.lies_in_other_residue(other)
            }
            _ => false,
        }
    }

    /// Whether the elements of the two are told apart by their remainder modulo a common divisor of all strides
    /// (`a[::2]` and `a[1::2]`).
    fn lies_in_other_residue(&self, other: &View) -> bool {
        let strides = self.moving().chain(other.moving());
        let divisor = strides.fold(0, gcd);
        divisor > 1 && (self.offset - other.offset) % divisor != 0
    }

    /// Strides of the dimensions along which the view has more than one element.
    fn moving(&self) -> impl Iterator<Item = i64> + '_ {
        self.shape.iter().zip(&self.strides).filter(|(n, _)| **n > 1).map(|(_, s)| s.abs())
    }

    /// Whether two points of the view may be the same element of the base. Never wrongly `false`.
    pub fn may_repeat(&self) -> bool {
        if self.size() <= 1 {
            return false;
        }
        let mut dims: SmallVec<[(i64, i64); 4]> =
            self.shape.iter().zip(&self.strides).filter(|(n, _)| **n > 1).map(|(n, s)| (s.abs(), *n)).collect();
        dims.sort_unstable();
        let mut reach = 0;
        for (stride, extent) in dims {
            if stride <= reach {
                return true;
            }
            reach += stride * (extent - 1);
        }
        false
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
